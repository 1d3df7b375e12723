"""Merchants and cards at the sandbox gateways of `make run`, over its control address.

The product itself knows no sandbox: these calls stand for what a person does at the gateway's own
website (open a merchant account) and on its hosted page (type a card).
"""

from typing import Any

import requests

from core.config import Settings
from core.errors import InvariantError
from portal.demo.plan import DECLINED_ZIP, ResellerPlan


class SandboxGateway:
    """The control address of Authorize.net's stand-in, named by SANDBOX_URLS."""

    gateway = "authorizenet"
    name = "Authorize.net"

    def __init__(self, settings: Settings) -> None:
        named = settings.sandbox_addresses
        if self.gateway not in named:
            raise InvariantError("demo data needs the sandbox gateway: SANDBOX_URLS names none")
        self._base = named[self.gateway]
        self._session = requests.Session()
        self._session.trust_env = False

    def close(self) -> None:
        self._session.close()

    def open_merchant(self, plan: ResellerPlan) -> dict[str, str]:
        """The merchant's credentials by the field names of our gateway account."""
        answer = self._do("merchants", login=_login(plan), currency=plan.currency, name=plan.name)
        return {
            "login": answer["login"],
            "transaction_key": answer["transaction_key"],
            "signature_key": answer["signature_key"],
        }

    def register_webhook(self, plan: ResellerPlan, url: str) -> dict[str, str]:
        """Have events sent to `url`; answers the credentials that come of it."""
        self._do("merchants", login=_login(plan), webhook_urls=[url])
        return {}

    def type_card(
        self, plan: ResellerPlan, customer_ref: str, *, number: str, zip_code: str
    ) -> None:
        self._do(
            "customers/card",
            login=_login(plan),
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


class StripeSandbox(SandboxGateway):
    """The control address of Stripe's stand-in."""

    gateway = "stripe"
    name = "Stripe"

    def open_merchant(self, plan: ResellerPlan) -> dict[str, str]:
        self._do("accounts", secret_key=_key(plan), currency=plan.currency, name=plan.name)
        return {"secret_key": _key(plan)}

    def register_webhook(self, plan: ResellerPlan, url: str) -> dict[str, str]:
        secret: str = self._do("endpoints", secret_key=_key(plan), url=url)["secret"]
        return {"webhook_secret": secret}

    def type_card(
        self, plan: ResellerPlan, customer_ref: str, *, number: str, zip_code: str
    ) -> None:
        """Of the other gateway's cards the like: one number declines here, not a postal code."""
        declines = zip_code == DECLINED_ZIP
        self._do(
            "customers/card",
            secret_key=_key(plan),
            customer=customer_ref,
            number=_DECLINED if declines else _CARDS[number[0]],
        )


def open_sandbox(settings: Settings, plan: ResellerPlan) -> SandboxGateway:
    """The stand-in of the reseller's gateway; Authorize.net's where no other is running."""
    if plan.gateway == "stripe" and "stripe" in settings.sandbox_addresses:
        return StripeSandbox(settings)
    return SandboxGateway(settings)


# Stripe's published test cards
_CARDS = {"4": "4242424242424242", "5": "5555555555554444"}
_DECLINED = "4000000000000341"


def _login(plan: ResellerPlan) -> str:
    return f"demo-{plan.code}"[:20]


def _key(plan: ResellerPlan) -> str:
    """The same at every run: a fill that was ended goes on with the same account."""
    return f"sk_test_demo{plan.code.replace('-', '')}"
