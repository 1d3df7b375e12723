"""Merchants and cards at the sandbox gateway of `make run`, over its control address.

The product itself knows no sandbox: these calls stand for what a person does at the gateway's own
website (open a merchant account) and on its hosted page (type a card).
"""

from typing import Any

import requests

from core.config import Settings
from core.errors import InvariantError


class SandboxGateway:
    """The control address named by SANDBOX_URLS (`authorizenet=http://127.0.0.1:8081`)."""

    def __init__(self, settings: Settings) -> None:
        named = settings.sandbox_addresses
        if "authorizenet" not in named:
            raise InvariantError("demo data needs the sandbox gateway: SANDBOX_URLS names none")
        self._base = named["authorizenet"]
        self._session = requests.Session()
        self._session.trust_env = False

    def close(self) -> None:
        self._session.close()

    def open_merchant(self, login: str, currency: str, name: str) -> dict[str, str]:
        """The merchant's credentials by the field names of our gateway account."""
        answer = self._do("merchants", login=login, currency=currency, name=name)
        return {
            "login": answer["login"],
            "transaction_key": answer["transaction_key"],
            "signature_key": answer["signature_key"],
        }

    def register_webhook(self, login: str, url: str) -> None:
        self._do("merchants", login=login, webhook_urls=[url])

    def type_card(self, login: str, customer_ref: str, *, number: str, zip_code: str) -> None:
        self._do(
            "customers/card",
            login=login,
            customer_ref=customer_ref,
            number=number,
            expiry="2031-09",
            first_name="Demo",
            last_name="Cardholder",
            address="1 Main Street",
            zip=zip_code,
        )

    def _do(self, command: str, **wanted: Any) -> dict[str, Any]:  # noqa: ANN401 (JSON)
        response = self._session.post(f"{self._base}/control/{command}", json=wanted, timeout=30)
        response.raise_for_status()
        answer: dict[str, Any] = response.json()
        return answer
