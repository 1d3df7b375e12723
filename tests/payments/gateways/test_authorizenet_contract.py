"""Authorize.net keeps the contract of all gateways; the sandbox is a real server."""

import dataclasses
import json
import socket

import pytest

from payments.gateways.base import Outcome, TransactionStatus
from tests.payments.gateways.bank_contract import BankAccounts
from tests.payments.gateways.contract import GatewayContract, PartialApprovals
from tests.sandbox.webhook_receiver import receiving

_ZIPS = {"good": "10001", "declined": "46282", "held": "46290", "partial": "46225"}


class AuthorizeNetAccount:
    """The sandbox's account in the words of the contract."""

    last_four = "1111"

    def __init__(self, merchant, receiver):
        self._merchant = merchant
        self._receiver = receiver
        self._gateways = []
        self.gateway = self._open()
        self.credentials = merchant.credentials

    def _open(self, **options):
        self._gateways.append(self._merchant.gateway(**options))
        return self._gateways[-1]

    def close(self):
        for gateway in self._gateways:
            gateway.close()

    def gateway_at_closed_port(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
        return self._open(api_url=f"http://127.0.0.1:{port}/xml/v1/request.api")

    def gateway_with_wrong_secret(self):
        wrong = dataclasses.replace(self._merchant, transaction_key="wrong")
        self._gateways.append(wrong.gateway())
        return self._gateways[-1]

    def impatient_gateway(self):
        return self._open(timeout_s=(1.0, 1.0))

    def new_card(self, customer_ref, behaviour="good"):
        return self._merchant.save_card(customer_ref, zip=_ZIPS[behaviour])

    def new_bank_account(self, customer_ref, behaviour="good"):
        return self._merchant.save_bank_account(customer_ref)

    def let_banks_decide(self):
        """This gateway settles first and tells afterwards what came back."""
        self._merchant.let_banks_pay()
        for row in self._merchant.charges():
            present = self.gateway.fetch(row["ref"]).value
            if row["key"] == "UNPAID" and present.status is TransactionStatus.SETTLED:
                self._merchant.send_back(row["ref"])

    def send_back(self, ref):
        self._merchant.send_back(ref)

    def charges(self, key):
        return self._merchant.charges(key)

    def misbehave(self, fault, **rule):
        self._merchant.sandbox.misbehave(fault, login=self._merchant.login, **rule)

    def settle(self):
        self._merchant.sandbox.control("settle", login=self._merchant.login)

    def decide_held(self, ref, *, approve):
        self._merchant.sandbox.control("held", ref=ref, approve=approve)

    refund_call = "createTransactionRequest"

    def dispute(self, ref, *, won=False):
        self._merchant.sandbox.control("chargeback", ref=ref, won=won)

    def pass_time(self, seconds):
        self._merchant.sandbox.control("clock", offset_s=seconds)

    def signed_event(self):
        while True:
            posted = self._receiver.next()
            if json.loads(posted.raw)["payload"]["entityName"] == "transaction":
                return posted.headers, posted.raw


@pytest.fixture
def account(sandbox):
    with receiving() as receiver:
        account = AuthorizeNetAccount(
            sandbox.add_merchant(name="Acme", webhook_urls=[receiver.url]), receiver
        )
        yield account
        account.close()


class TestContract(GatewayContract, PartialApprovals, BankAccounts):
    """Authorize.net keeps the contract of all gateways."""

    def test_an_answer_without_byte_order_mark_is_read(self, account, request_for):
        account.misbehave("without_bom")

        assert account.gateway.charge(request_for()).outcome is Outcome.APPROVED
