"""A real Authorize.net sandbox for tests: its own process, a free port, its own state file."""

import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from payments.gateways.authorizenet import AuthorizeNetGateway
from payments.gateways.base import GatewayCredentials

_ROOT = Path(__file__).resolve().parents[2]
_START_S = 30


@dataclass(frozen=True)
class Merchant:
    """An account at the sandbox."""

    sandbox: "RunningSandbox" = field(repr=False)
    login: str
    transaction_key: str = field(repr=False)
    signature_key: str = field(repr=False)
    currency: str = "USD"

    @property
    def credentials(self) -> GatewayCredentials:
        return GatewayCredentials(self.login, self.transaction_key, (self.signature_key,))

    def gateway(self, **options: Any) -> AuthorizeNetGateway:
        """The product's own adapter for this account."""
        return AuthorizeNetGateway(
            self.credentials,
            **{
                "api_url": self.sandbox.api_url,
                "hosted_url": self.sandbox.hosted_url,
                "timeout_s": (2.0, 10.0),
                **options,
            },
        )

    def save_card(self, customer_ref: str, number: str = "4111111111111111", **card: str) -> str:
        """Save a card without driving the hosted page; its payment profile ref."""
        answer = self.sandbox.control(
            "customers/card",
            **{
                "login": self.login,
                "customer_ref": customer_ref,
                "number": number,
                "expiry": "2031-09",
                "first_name": "Zoë",
                "last_name": "Müller",
                "address": "1 Main St",
                "zip": "10001",
                **card,
            },
        )
        return str(answer["payment_profile_ref"])

    def save_bank_account(self, customer_ref: str, **account: str) -> str:
        """Save a bank account without driving the hosted page; its payment profile ref."""
        wanted = {"first_name": "Zoë", "last_name": "Müller", "zip": "10001", **account}
        answer = self.sandbox.control(
            "customers/bank", login=self.login, customer_ref=customer_ref, **wanted
        )
        return str(answer["payment_profile_ref"])

    def let_banks_pay(self) -> None:
        """Close the batch: what was accepted is settled."""
        self.sandbox.control("settle", login=self.login)

    def send_back(self, ref: str, code: str = "R01") -> None:
        """The client's bank returns a debit that was settled."""
        self.sandbox.control("return", ref=ref, code=code)

    def charges(self, key: str | None = None) -> list[dict[str, Any]]:
        """What the gateway has on record for this account, oldest first."""
        return self.sandbox.charges(login=self.login, key=key)


class RunningSandbox:
    """Handle of a sandbox process. `kill` and `start` again keep its port and its state."""

    def __init__(self, state: Path, port: int = 0) -> None:
        self._state = state
        self._port = port
        self._process: subprocess.Popen[str] | None = None

    @property
    def hosted_url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def api_url(self) -> str:
        return f"{self.hosted_url}/xml/v1/request.api"

    def start(self) -> None:
        """Start and wait until it listens."""
        self._process = subprocess.Popen(
            [
                sys.executable, "-m", "sandbox.authorizenet",
                "--host", "127.0.0.1", "--port", str(self._port), "--state", str(self._state),
            ],
            cwd=_ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )  # fmt: skip
        assert self._process.stdout is not None
        deadline = time.monotonic() + _START_S
        while not select.select([self._process.stdout], [], [], 0.1)[0]:
            assert time.monotonic() < deadline, "the sandbox did not start"
        line = self._process.stdout.readline()
        assert line.startswith("Sandbox of Authorize.net at "), f"the sandbox did not start: {line}"
        self._port = int(line.rsplit(":", 1)[1])

    def stop(self) -> None:
        """End it as an administrator would."""
        self._end(kill=False)

    def kill(self) -> None:
        """End it with -9."""
        self._end(kill=True)

    def _end(self, *, kill: bool) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if kill:
            process.kill()
        else:
            process.terminate()
        process.wait(20)
        assert process.stdout is not None
        process.stdout.close()

    def control(self, command: str, **wanted: Any) -> dict[str, Any]:
        """Send a command of the control API (`sandbox/authorizenet/control.py`)."""
        with requests.Session() as session:
            session.trust_env = False
            response = session.post(f"{self.hosted_url}/control/{command}", json=wanted, timeout=30)
        assert response.ok, response.text
        answer: dict[str, Any] = response.json()
        return answer

    def add_merchant(self, login: str | None = None, **wanted: Any) -> Merchant:
        """An account; keywords as of the control command `merchants`."""
        answer = self.control("merchants", **({"login": login} if login else {}), **wanted)
        return Merchant(
            self,
            answer["login"],
            answer["transaction_key"],
            answer["signature_key"],
            answer["currency"],
        )

    def charges(self, *, login: str | None = None, key: str | None = None) -> list[dict[str, Any]]:
        """Transactions on record, oldest first: ref, key, status, amount, requested …"""
        wanted = {"login": login, "key": key}
        charges: list[dict[str, Any]] = self.control("charges", **wanted)["charges"]
        return charges

    def misbehave(self, fault: str, **rule: Any) -> None:
        """Put a fault in force: once, unless `times` or `probability` say otherwise."""
        if "times" not in rule and "probability" not in rule:
            rule["times"] = 1
        self.control("chaos", fault=fault, **rule)

    def behave(self) -> None:
        """No faults, webhooks as they should be, the clock right."""
        self.control("chaos/clear")
        self.control("clock", offset_s=0)
        self.control(
            "webhooks", is_on=True, repeat=1, delay_s=0, newest_first=False, wrong_signature=False
        )


@contextmanager
def running_sandbox(state: Path | None = None, port: int = 0) -> Iterator[RunningSandbox]:
    """A sandbox of its own for as long as the block lasts."""
    with tempfile.TemporaryDirectory(prefix="authorizenet-") as folder:
        sandbox = RunningSandbox(state or Path(folder) / "state.sqlite", port)
        sandbox.start()
        try:
            yield sandbox
        finally:
            sandbox.stop()


class Browser:
    """A client's browser on the hosted pages; follows no redirect to our own site."""

    def __init__(self) -> None:
        self._session = requests.Session()
        self._session.trust_env = False

    def __enter__(self) -> "Browser":
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def post(self, url: str, fields: Mapping[str, str]) -> requests.Response:
        return self._session.post(url, data=fields, timeout=30, allow_redirects=False)

    def fill_in(self, page_url: str, token: str, **fields: str) -> requests.Response:
        """Submit the form of a hosted page, filled in with a good card unless told otherwise."""
        filled = {
            "token": token,
            "card_number": "4111 1111 1111 1111",
            "expiry": "09/31",
            "card_code": "900",
            "first_name": "Zoë",
            "last_name": "Müller",
            "address": "1 Main St",
            "zip": "10001",
            **fields,
        }
        return self.post(f"{page_url}/submit", filled)
