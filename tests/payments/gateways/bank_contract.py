"""What an adapter must keep whose gateway debits bank accounts; besides `GatewayContract`.

The account under test gives `new_bank_account` (good or unpaid), `let_banks_decide` and
`send_back`. A debit whose bank will not pay is charged under the key UNPAID.
"""

from datetime import timedelta
from decimal import Decimal

import pytest

from core import clock
from payments.gateways.base import (
    CLEARING_CODE,
    ChargeRequest,
    LookupResult,
    MethodKind,
    Outcome,
    RefundRequest,
    TransactionStatus,
)
from payments.gateways.declines import DeclineKind, kind_of

_GATEWAYS = {"StripeGateway": "stripe", "AuthorizeNetGateway": "authorizenet"}


class BankAccounts:
    """Inherit after GatewayContract."""

    @pytest.fixture
    def debit_of(self, account, customer_ref):
        def build(key="ATTEMPT-1", behaviour="good"):
            return ChargeRequest(
                key=key,
                amount=Decimal("25.10"),
                currency="USD",
                customer_profile_ref=customer_ref,
                payment_profile_ref=account.new_bank_account(customer_ref, behaviour),
                description="Refill",
                method=MethodKind.BANK_ACCOUNT,
            )

        return build

    def test_a_bank_account_shows_its_bank_and_four_digits_beside_the_cards(
        self, account, customer_ref
    ):
        account.new_card(customer_ref)
        account.new_bank_account(customer_ref)

        methods = {one.kind: one for one in account.gateway.list_methods(customer_ref).value}

        assert set(methods) == set(MethodKind)
        bank = methods[MethodKind.BANK_ACCOUNT]
        assert (bank.last_four, bank.expiry_year) == ("6789", None)
        assert bank.brand
        assert "123456789" not in repr(methods)

    def test_a_debit_is_pending_until_the_bank_has_paid(self, account, debit_of):
        answer = account.gateway.charge(debit_of())
        waiting = account.gateway.fetch(answer.gateway_ref).value

        account.let_banks_decide()
        paid = account.gateway.fetch(answer.gateway_ref).value

        assert (answer.outcome, answer.code) == (Outcome.PENDING, CLEARING_CODE)
        assert (waiting.status, waiting.method) == (
            TransactionStatus.CLEARING,
            MethodKind.BANK_ACCOUNT,
        )
        assert (waiting.to_answer().outcome, paid.last_four) == (Outcome.PENDING, "6789")
        assert (paid.to_answer().outcome, paid.amount) == (Outcome.APPROVED, Decimal("25.10"))
        assert len(account.charges("ATTEMPT-1")) == 1

    def test_the_same_debit_again_is_the_first_one(self, account, debit_of):
        request = debit_of()
        first = account.gateway.charge(request)

        waiting = account.gateway.charge(ChargeRequest.from_json(request.to_json()))
        account.let_banks_decide()
        paid = account.gateway.charge(request)

        assert (waiting.outcome, waiting.is_duplicate) == (Outcome.PENDING, True)
        assert (paid.outcome, paid.is_duplicate) == (Outcome.APPROVED, True)
        assert {first.gateway_ref} == {waiting.gateway_ref, paid.gateway_ref}
        assert len(account.charges("ATTEMPT-1")) == 1

    def test_a_debit_whose_answer_was_lost_is_found(self, account, debit_of, customer_ref):
        account.misbehave("drop_after")

        answer = account.gateway.charge(debit_of())
        lookup = account.gateway.find(
            key="ATTEMPT-1", since=clock.now() - timedelta(minutes=5), customer_ref=customer_ref
        )

        assert answer.outcome is Outcome.UNKNOWN
        assert lookup.result is LookupResult.FOUND
        assert lookup.deciding.status is TransactionStatus.CLEARING

    def test_a_debit_that_the_bank_does_not_pay_says_why(self, account, debit_of, customer_ref):
        answer = account.gateway.charge(debit_of("UNPAID", "unpaid"))
        assert answer.outcome is Outcome.PENDING

        account.let_banks_decide()

        told = account.gateway.fetch(answer.gateway_ref).value.to_answer()
        assert (told.outcome, told.approved_amount) == (Outcome.DECLINED, 0)
        assert told.text == "The bank account does not cover the amount."
        name = _GATEWAYS[type(account.gateway).__name__]
        assert kind_of(name, told.code) is DeclineKind.INSUFFICIENT_FUNDS
        assert not told.is_hard_decline
        found = account.gateway.find(
            key="UNPAID", since=clock.now() - timedelta(minutes=5), customer_ref=customer_ref
        )
        assert found.deciding.to_answer().outcome is Outcome.DECLINED

    def test_a_debit_that_is_sent_back_says_so_in_the_details_and_in_the_list(
        self, account, debit_of
    ):
        ref = account.gateway.charge(debit_of()).gateway_ref
        account.let_banks_decide()

        account.send_back(ref)

        news = (TransactionStatus.RETURNED, TransactionStatus.CHARGEBACK)
        assert account.gateway.fetch(ref).value.status in news
        listed = account.gateway.list_transactions(since=clock.now() - timedelta(minutes=5)).value
        (row,) = [one for one in listed if one.gateway_ref == ref]
        assert row.status in news

    def test_what_the_bank_has_paid_can_be_given_back_once(self, account, debit_of):
        ref = account.gateway.charge(debit_of()).gateway_ref
        account.let_banks_decide()
        refund = RefundRequest(
            key="REFUND-1",
            gateway_ref=ref,
            amount=Decimal("5.00"),
            currency="USD",
            last_four="6789",
            method=MethodKind.BANK_ACCOUNT,
        )

        first = account.gateway.refund(refund)
        again = account.gateway.refund(RefundRequest.from_json(refund.to_json()))

        assert (first.outcome, first.approved_amount) == (Outcome.APPROVED, Decimal("5.00"))
        assert (again.gateway_ref, again.is_duplicate) == (first.gateway_ref, True)
        assert len(account.charges("REFUND-1")) == 1

    def test_a_page_for_a_bank_account_is_another_one_than_for_a_card(self, account, customer_ref):
        pages = [
            account.gateway.hosted_card_page(
                customer_ref=customer_ref,
                return_url="http://127.0.0.1:9/back",
                cancel_url="http://127.0.0.1:9/back",
                kind=kind,
            )
            for kind in MethodKind
        ]

        assert all(page.ok for page in pages)
