"""Stripe keeps the contract of all gateways; the sandbox is a real server."""

import dataclasses
import json
import socket

import pytest

from tests.payments.gateways.bank_contract import BankAccounts
from tests.payments.gateways.contract import GatewayContract
from tests.sandbox.webhook_receiver import receiving

_CARDS = {
    "good": {},
    "declined": {"number": "4000000000000341"},
    "held": {"behaviour": "processing"},
}
_BANKS = {"good": "000123456789", "unpaid": "000222222227"}


class AccountOfStripe:
    """The sandbox's account in the words of the contract."""

    last_four = "4242"

    def __init__(self, account, receiver):
        self._account = account
        self._receiver = receiver
        self._gateways = []
        self.gateway = self._open()
        self.credentials = account.credentials

    def _open(self, **options):
        self._gateways.append(self._account.gateway(**options))
        return self._gateways[-1]

    def close(self):
        for gateway in self._gateways:
            gateway.close()

    def gateway_at_closed_port(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
        return self._open(api_url=f"http://127.0.0.1:{port}")

    def gateway_with_wrong_secret(self):
        wrong = dataclasses.replace(self._account, secret_key="sk_test_wrong")
        self._gateways.append(wrong.gateway())
        return self._gateways[-1]

    def impatient_gateway(self):
        return self._open(timeout_s=(1.0, 1.0))

    def new_card(self, customer_ref, behaviour="good"):
        return self._account.save_card(customer_ref, **_CARDS[behaviour])

    def new_bank_account(self, customer_ref, behaviour="good"):
        return self._account.save_bank_account(customer_ref, _BANKS[behaviour])

    def let_banks_decide(self):
        self._account.let_banks_pay()

    def send_back(self, ref):
        self._account.send_back(ref)

    def charges(self, key):
        return self._account.charges(key)

    def misbehave(self, fault, **rule):
        self._account.sandbox.misbehave(fault, **rule)

    def settle(self):
        self._account.sandbox.control("settle")

    def decide_held(self, ref, *, approve):
        self._account.sandbox.control("decide", payment_intent=ref, approve=approve)

    refund_call = "refunds.create"

    def dispute(self, ref, *, won=False):
        if won:
            self._account.sandbox.control("dispute/close", payment_intent=ref, won=True)
        else:
            self._account.sandbox.control("dispute", payment_intent=ref)

    def pass_time(self, seconds):
        self._account.sandbox.control("clock", offset_s=seconds)

    def signed_event(self):
        while True:
            posted = self._receiver.next()
            if json.loads(posted.raw)["type"] == "payment_intent.succeeded":
                return posted.headers, posted.raw


@pytest.fixture
def account(stripe_process):
    stripe_process.behave()
    with receiving() as receiver:
        account = AccountOfStripe(stripe_process.add_account(receiver.url), receiver)
        yield account
        account.close()


class TestContract(GatewayContract, BankAccounts):
    """Stripe keeps the contract of all gateways."""
