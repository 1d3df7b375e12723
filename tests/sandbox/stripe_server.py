"""A real Stripe sandbox for tests: its own process, a free port, its own state file."""

import re
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from payments.gateways.base import GatewayCredentials
from payments.gateways.stripe import StripeGateway

_ROOT = Path(__file__).resolve().parents[2]
_START_S = 30
_TAKEN = "succeeded"


@dataclass(frozen=True)
class StripeAccount:
    """An account at the sandbox."""

    sandbox: "RunningStripe" = field(repr=False)
    secret_key: str = field(repr=False)
    webhook_secrets: tuple[str, ...] = field(default=(), repr=False)
    currency: str = "USD"

    @property
    def credentials(self) -> GatewayCredentials:
        return GatewayCredentials("", self.secret_key, self.webhook_secrets)

    def gateway(self, **options: Any) -> StripeGateway:
        """The product's own adapter for this account."""
        return StripeGateway(
            self.credentials,
            **{
                "api_url": self.sandbox.url,
                "is_live": False,
                "timeout_s": (2.0, 10.0),
                **options,
            },
        )

    def save_card(self, customer_ref: str, number: str = "4242424242424242", **card: str) -> str:
        """Save a card without driving the hosted page; its payment method."""
        answer = self.sandbox.control(
            "customers/card",
            secret_key=self.secret_key, customer=customer_ref, number=number, **card,
        )  # fmt: skip
        return str(answer["payment_method"])

    def save_bank_account(self, customer_ref: str, account: str = "000123456789") -> str:
        """Save a bank account without driving the hosted page; its payment method."""
        answer = self.sandbox.control(
            "customers/bank", secret_key=self.secret_key, customer=customer_ref, account=account
        )
        return str(answer["payment_method"])

    def let_banks_pay(self) -> None:
        """The banks decide about the debits under way, each as its account behaves."""
        self.sandbox.control("debits", secret_key=self.secret_key)

    def send_back(self, ref: str) -> None:
        """The client's bank takes back a debit that it had paid."""
        self.sandbox.control("dispute", payment_intent=ref)

    def charges(self, key: str | None = None) -> list[dict[str, Any]]:
        """What the gateway has on record for this account, oldest first.

        What was taken has the status that the other sandbox writes, for who counts payments.
        """
        rows = self.sandbox.control("payments", secret_key=self.secret_key, key=key)["payments"]
        return [
            {**row, "status": "settledSuccessfully"}
            if row["status"] == _TAKEN and not row["is_refund"]
            else row
            for row in rows
        ]

    def add_endpoint(self, url: str) -> str:
        """Where its events go; what signs them."""
        answer = self.sandbox.control("endpoints", secret_key=self.secret_key, url=url)
        return str(answer["secret"])


class RunningStripe:
    """Handle of a sandbox process. `kill` and `start` again keep its port and its state."""

    _name = "sandbox.stripe"
    _says = "Sandbox of Stripe at "

    def __init__(self, state: Path, port: int = 0) -> None:
        self._state = state
        self._port = port
        self._process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start and wait until it listens."""
        self._process = subprocess.Popen(
            [
                sys.executable, "-m", self._name,
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
        assert line.startswith(self._says), f"the sandbox did not start: {line}"
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
        """Send a command of the control API (`sandbox/stripe/control.py`)."""
        with requests.Session() as session:
            session.trust_env = False
            response = session.post(f"{self.url}/control/{command}", json=wanted, timeout=30)
        assert response.ok, response.text
        answer: dict[str, Any] = response.json()
        return answer

    def add_account(self, url: str = "", *, currency: str = "USD", name: str = "Acme"):
        """An account; with an address, its events go there."""
        answer = self.control("accounts", name=name, currency=currency)
        account = StripeAccount(self, answer["secret_key"], (), currency)
        if not url:
            return account
        secret = account.add_endpoint(url)
        return StripeAccount(self, answer["secret_key"], (secret,), currency)

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
def running_stripe(state: Path | None = None, port: int = 0) -> Iterator[RunningStripe]:
    """A sandbox of its own for as long as the block lasts."""
    with tempfile.TemporaryDirectory(prefix="stripe-") as folder:
        sandbox = RunningStripe(state or Path(folder) / "state.sqlite", port)
        sandbox.start()
        try:
            yield sandbox
        finally:
            sandbox.stop()


class StripeBrowser:
    """A client's browser on the sandbox's pages; follows no redirect to our own site."""

    def __init__(self) -> None:
        self._session = requests.Session()
        self._session.trust_env = False

    def __enter__(self) -> "StripeBrowser":
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def get(self, url: str) -> requests.Response:
        return self._session.get(url, timeout=30, allow_redirects=False)

    def pay(self, url: str, **fields: str) -> requests.Response:
        """Fill in the page of Checkout, with a good card unless told otherwise."""
        filled = {
            "card_number": "4242 4242 4242 4242",
            "expiry": "09/31",
            "card_code": "123",
            **fields,
        }
        return self._session.post(url, data=filled, timeout=30, allow_redirects=False)

    def confirm(self, url: str, *, approve: bool = True) -> requests.Response:
        """Answer the bank's page; the last redirect within the sandbox."""
        decision = "approve" if approve else "refuse"
        answer = self._session.post(
            url, data={"decision": decision}, timeout=30, allow_redirects=False
        )
        while re.search(r"/c/return/", answer.headers.get("Location", "")):
            answer = self.get(answer.headers["Location"])
        return answer
