"""What every gateway adapter must keep, whatever is behind it.

Each adapter passes the same tests by giving its own `account` fixture.
"""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any, Protocol

import pytest

from core import clock
from payments.gateways.base import (
    ChargeRequest,
    Gateway,
    GatewayCredentials,
    LookupResult,
    Outcome,
    RefundRequest,
    ReplyStatus,
    TransactionStatus,
)


class AccountUnderTest(Protocol):
    """One account at a gateway stand-in, and the means to make it misbehave."""

    @property
    def gateway(self) -> Gateway: ...

    @property
    def credentials(self) -> GatewayCredentials: ...

    @property
    def last_four(self) -> str:
        """Of a good card."""
        ...

    def gateway_at_closed_port(self) -> Gateway: ...

    def gateway_with_wrong_secret(self) -> Gateway: ...

    def impatient_gateway(self) -> Gateway:
        """One that waits only a second for an answer."""
        ...

    def new_card(self, customer_ref: str, behaviour: str = "good") -> str:
        """A saved card that is good, declined, held, or of PartialApprovals (covers 1.23 only)."""
        ...

    def charges(self, key: str) -> list[dict[str, Any]]:
        """What the gateway itself has on record."""
        ...

    def misbehave(self, fault: str, **rule: Any) -> None: ...

    def settle(self) -> None: ...

    def decide_held(self, ref: str, *, approve: bool) -> None: ...

    @property
    def refund_call(self) -> str:
        """What the stand-in calls a request for a refund."""
        ...

    def dispute(self, ref: str, *, won: bool = False) -> None:
        """The card's holder disputes a settled charge, or the merchant wins that."""
        ...

    def pass_time(self, seconds: float) -> None: ...

    def signed_event(self) -> tuple[Mapping[str, str], bytes]:
        """A webhook as the gateway sends it, about a charge."""
        ...


def refund_of(ref: str) -> RefundRequest:
    return RefundRequest(
        key="REFUND-1", gateway_ref=ref, amount=Decimal("5.00"), currency="USD", last_four="1111"
    )


class GatewayContract:
    """Inherit, and give the fixture `account`."""

    @pytest.fixture
    def customer_ref(self, account):
        reply = account.gateway.create_customer(merchant_customer_id="client-1")
        assert reply.ok
        return reply.value

    @pytest.fixture
    def request_for(self, account, customer_ref):
        def build(key="ATTEMPT-1", behaviour="good", **changes):
            values = {
                "key": key,
                "amount": Decimal("25.10"),
                "currency": "USD",
                "customer_profile_ref": customer_ref,
                "payment_profile_ref": account.new_card(customer_ref, behaviour),
                "description": "Refill",
            }
            return ChargeRequest(**{**values, **changes})

        return build

    def find(self, account, key, customer_ref=""):
        since = clock.now() - timedelta(minutes=5)
        return account.gateway.find(key=key, since=since, customer_ref=customer_ref)

    # Charging

    def test_a_good_card_is_charged_once(self, account, request_for):
        answer = account.gateway.charge(request_for())

        assert answer.outcome is Outcome.APPROVED
        assert answer.approved_amount == Decimal("25.10")
        assert answer.network_transaction_id
        (charge,) = account.charges("ATTEMPT-1")
        assert charge["ref"] == answer.gateway_ref
        assert Decimal(charge["amount"]) == Decimal("25.10")

    def test_the_same_request_again_tells_of_the_first_charge(self, account, request_for):
        request = request_for()
        first = account.gateway.charge(request)

        second = account.gateway.charge(ChargeRequest.from_json(request.to_json()))

        assert second.outcome is Outcome.APPROVED
        assert second.is_duplicate
        assert second.gateway_ref == first.gateway_ref
        assert second.approved_amount == first.approved_amount
        assert len(account.charges("ATTEMPT-1")) == 1

    def test_another_key_is_another_charge(self, account, request_for):
        request = request_for()
        account.gateway.charge(request)

        answer = account.gateway.charge(
            ChargeRequest.from_json({**request.to_json(), "key": "ATTEMPT-2"})
        )

        assert answer.outcome is Outcome.APPROVED
        assert not answer.is_duplicate

    def test_seven_hours_later_it_is_still_the_same_charge(self, account, request_for):
        request = request_for()
        account.gateway.charge(request)
        account.pass_time(7 * 3600)

        assert account.gateway.charge(request).is_duplicate
        assert len(account.charges("ATTEMPT-1")) == 1

    def test_a_declined_card_says_why_in_plain_words(self, account, request_for):
        answer = account.gateway.charge(request_for(behaviour="declined"))

        assert answer.outcome is Outcome.DECLINED
        assert answer.approved_amount == 0
        assert "declined" in answer.text
        assert answer.gateway_ref

    def test_a_declined_request_again_stays_declined(self, account, request_for):
        request = request_for(behaviour="declined")
        account.gateway.charge(request)

        again = account.gateway.charge(request)

        assert again.outcome is Outcome.DECLINED
        assert again.is_duplicate

    @pytest.mark.parametrize("approve", [True, False])
    def test_a_held_charge_is_pending_until_someone_decides(self, account, request_for, approve):
        answer = account.gateway.charge(request_for(behaviour="held"))
        assert answer.outcome is Outcome.PENDING
        held = account.gateway.fetch(answer.gateway_ref).value
        assert held.status is TransactionStatus.HELD

        account.decide_held(answer.gateway_ref, approve=approve)

        decided = account.gateway.fetch(answer.gateway_ref).value.to_answer()
        assert decided.outcome is (Outcome.APPROVED if approve else Outcome.DECLINED)
        assert decided.approved_amount == (Decimal("25.10") if approve else 0)

    def test_text_in_any_script_arrives_unchanged(self, account, request_for):
        text = "Zoë ns1:test a:ns1 <b>&amp; Müller 東京"
        account.gateway.charge(request_for(description=text))

        (charge,) = account.charges("ATTEMPT-1")
        assert charge["description"] == text

    # Lost answers

    def test_a_closed_port_means_not_sent(self, account, request_for):
        answer = account.gateway_at_closed_port().charge(request_for())

        assert answer.outcome is Outcome.NOT_SENT

    def test_a_lost_lease_means_not_sent(self, account, request_for):
        answer = account.gateway.charge(request_for(), before_send=lambda: False)

        assert answer.outcome is Outcome.NOT_SENT
        assert account.charges("ATTEMPT-1") == []

    @pytest.mark.parametrize("fault", ["drop_before", "http_502", "http_429"])
    def test_lost_before_the_gateway_worked_is_unknown_and_found_nowhere(
        self, account, request_for, customer_ref, fault
    ):
        account.misbehave(fault)

        answer = account.gateway.charge(request_for())

        assert answer.outcome is Outcome.UNKNOWN
        assert self.find(account, "ATTEMPT-1", customer_ref).result is LookupResult.NOT_FOUND

    @pytest.mark.parametrize("fault", ["drop_after", "http_500_after", "unreadable_after"])
    def test_lost_after_the_gateway_worked_is_unknown_and_can_be_found(
        self, account, request_for, customer_ref, fault
    ):
        account.misbehave(fault)

        answer = account.gateway.charge(request_for())

        assert answer.outcome is Outcome.UNKNOWN
        found = self.find(account, "ATTEMPT-1", customer_ref).deciding.to_answer()
        assert (found.outcome, found.approved_amount) == (Outcome.APPROVED, Decimal("25.10"))
        assert len(account.charges("ATTEMPT-1")) == 1

    def test_an_answer_that_comes_too_late_is_unknown(self, account, request_for):
        account.misbehave("delay_after", delay_s=3)

        answer = account.impatient_gateway().charge(request_for())

        assert answer.outcome is Outcome.UNKNOWN
        assert self.find(account, "ATTEMPT-1").result is LookupResult.FOUND

    def test_a_request_that_was_lost_can_be_sent_again(self, account, request_for):
        request = request_for()
        account.misbehave("drop_after")
        account.gateway.charge(request)

        answer = account.gateway.charge(request)

        assert answer.outcome is Outcome.APPROVED
        assert answer.is_duplicate
        assert len(account.charges("ATTEMPT-1")) == 1

    def test_wrong_credentials_are_refused(self, account, request_for):
        answer = account.gateway_with_wrong_secret().charge(request_for())

        assert answer.outcome is Outcome.REFUSED
        assert account.charges("ATTEMPT-1") == []

    def test_an_unknown_card_is_refused(self, account, request_for):
        answer = account.gateway.charge(request_for(payment_profile_ref="999"))

        assert answer.outcome is Outcome.REFUSED

    # Looking up

    def test_a_settled_charge_is_found(self, account, request_for):
        account.gateway.charge(request_for())
        account.settle()

        lookup = self.find(account, "ATTEMPT-1")

        assert lookup.deciding.status is TransactionStatus.SETTLED

    def test_a_lookup_that_cannot_read_a_list_does_not_say_not_found(self, account, request_for):
        account.misbehave("http_502", call="*", times=2)

        assert self.find(account, "ATTEMPT-1").result is LookupResult.CANNOT_TELL

    def test_a_transaction_that_does_not_exist_is_not_found(self, account):
        assert account.gateway.fetch("123").status is ReplyStatus.NOT_FOUND

    # Going back

    def test_a_void_can_be_repeated(self, account, request_for):
        ref = account.gateway.charge(request_for()).gateway_ref

        first, second = account.gateway.void(ref), account.gateway.void(ref)

        assert (first.outcome, second.outcome) == (Outcome.APPROVED, Outcome.APPROVED)
        assert account.gateway.fetch(ref).value.status is TransactionStatus.VOIDED

    def test_a_refund_sent_twice_gives_back_once(self, account, request_for):
        ref = account.gateway.charge(request_for()).gateway_ref
        account.settle()
        refund = RefundRequest(
            key="REFUND-1",
            gateway_ref=ref,
            amount=Decimal("5.00"),
            currency="USD",
            last_four="1111",
        )

        first = account.gateway.refund(refund)
        again = account.gateway.refund(RefundRequest.from_json(refund.to_json()))

        assert (first.outcome, first.approved_amount) == (Outcome.APPROVED, Decimal("5.00"))
        assert (again.outcome, again.gateway_ref) == (Outcome.APPROVED, first.gateway_ref)
        assert again.is_duplicate
        assert len(account.charges("REFUND-1")) == 1
        lookup = self.find(account, "REFUND-1")
        assert lookup.deciding is None
        (found,) = lookup.refunds
        assert found.is_refund
        assert found.original_ref == ref

    def test_more_than_was_taken_cannot_be_given_back(self, account, request_for):
        ref = account.gateway.charge(request_for()).gateway_ref
        account.settle()

        answer = account.gateway.refund(
            RefundRequest(
                key="REFUND-1",
                gateway_ref=ref,
                amount=Decimal("25.11"),
                currency="USD",
                last_four="1111",
            )
        )

        assert answer.outcome is Outcome.REFUSED

    def test_a_lost_refund_can_be_found_and_sent_again(self, account, request_for):
        ref = account.gateway.charge(request_for()).gateway_ref
        account.settle()
        refund = refund_of(ref)
        account.misbehave("drop_after", call=account.refund_call)

        assert account.gateway.refund(refund).outcome is Outcome.UNKNOWN
        (found,) = self.find(account, "REFUND-1").refunds
        again = account.gateway.refund(refund)

        assert (again.outcome, again.gateway_ref) == (Outcome.APPROVED, found.gateway_ref)
        assert len(account.charges("REFUND-1")) == 1

    def test_a_lost_lease_gives_nothing_back(self, account, request_for):
        ref = account.gateway.charge(request_for()).gateway_ref

        for answer in (
            account.gateway.refund(refund_of(ref), before_send=lambda: False),
            account.gateway.void(ref, before_send=lambda: False),
        ):
            assert answer.outcome is Outcome.NOT_SENT
        assert account.charges("REFUND-1") == []

    def test_a_refund_before_settlement_is_as_the_gateway_says_of_itself(
        self, account, request_for
    ):
        ref = account.gateway.charge(request_for()).gateway_ref

        outcome = account.gateway.refund(refund_of(ref)).outcome

        is_late = account.gateway.refunds_settled_only
        assert outcome is (Outcome.REFUSED if is_late else Outcome.APPROVED)

    def test_a_disputed_charge_says_how_the_dispute_stands(self, account, request_for):
        ref = account.gateway.charge(request_for()).gateway_ref
        account.settle()

        account.dispute(ref)
        assert account.gateway.fetch(ref).value.status is TransactionStatus.CHARGEBACK

        account.dispute(ref, won=True)
        assert account.gateway.fetch(ref).value.status is TransactionStatus.CHARGEBACK_REVERSED

    def test_a_decision_about_what_is_held_is_carried_out_or_refused(self, account, request_for):
        ref = account.gateway.charge(request_for(behaviour="held")).gateway_ref

        answer = account.gateway.decide_held(ref, approve=True)

        present = account.gateway.fetch(ref).value.to_answer().outcome
        if account.gateway.decides_held:
            assert (answer.outcome, present) == (Outcome.APPROVED, Outcome.APPROVED)
        else:
            assert (answer.outcome, present) == (Outcome.REFUSED, Outcome.PENDING)

    # Lists

    def test_the_list_has_charges_and_refunds_once_each(self, account, request_for):
        since = clock.now() - timedelta(minutes=1)
        request = request_for()
        first = account.gateway.charge(request).gateway_ref
        account.settle()
        back = account.gateway.refund(refund_of(first)).gateway_ref
        other = ChargeRequest.from_json({**request.to_json(), "key": "ATTEMPT-2"})
        second = account.gateway.charge(other).gateway_ref

        listed = account.gateway.list_transactions(since=since).value

        rows = {one.gateway_ref: one for one in listed}
        assert len(rows) == len(listed)
        assert {first, back, second} <= set(rows)
        assert (rows[first].key, rows[first].amount) == ("ATTEMPT-1", Decimal("25.10"))
        assert rows[first].status is TransactionStatus.SETTLED
        assert rows[second].status is TransactionStatus.CAPTURED
        assert (rows[back].is_refund, rows[back].key) == (True, "REFUND-1")

    def test_a_list_that_cannot_be_read_whole_is_none(self, account, request_for):
        account.gateway.charge(request_for())
        account.misbehave("http_502", call="*", times=1)

        reply = account.gateway.list_transactions(since=clock.now() - timedelta(days=1))

        assert (reply.ok, reply.value) == (False, None)

    # Customers and cards

    def test_a_customer_is_made_once(self, account, customer_ref):
        again = account.gateway.create_customer(merchant_customer_id="client-1")

        assert again.value == customer_ref

    def test_saved_cards_show_no_more_than_four_digits(self, account, customer_ref):
        account.new_card(customer_ref)

        (method,) = account.gateway.list_methods(customer_ref).value

        shown = (method.last_four, method.expiry_year, method.expiry_month)
        assert shown == (account.last_four, 2031, 9)

    def test_a_card_can_be_deleted_twice(self, account, customer_ref):
        ref = account.new_card(customer_ref)

        for _ in range(2):
            assert account.gateway.delete_method(
                customer_ref=customer_ref, payment_profile_ref=ref
            ).ok
        assert account.gateway.list_methods(customer_ref).value == ()

    def test_a_customer_can_be_deleted_twice_with_its_cards(self, account, customer_ref):
        account.new_card(customer_ref)

        for _ in range(2):
            assert account.gateway.delete_customer(customer_ref).ok
        assert not account.gateway.list_methods(customer_ref).value

    # The account

    def test_good_credentials_are_recognised(self, account):
        reply = account.gateway.check_credentials()

        assert reply.ok
        assert reply.value.currencies == ("USD",)
        assert reply.value.reports_enabled

    def test_wrong_credentials_are_recognised(self, account):
        reply = account.gateway_with_wrong_secret().check_credentials()

        assert reply.status is ReplyStatus.REFUSED

    def test_credentials_do_not_show(self, account):
        shown = repr(account.credentials) + repr(account.gateway) + str(vars(account.gateway))

        assert account.credentials.secret not in shown
        for secret in account.credentials.webhook_secrets:
            assert secret not in shown

    # Webhooks

    def test_a_signed_event_is_accepted(self, account, request_for):
        answer = account.gateway.charge(request_for())

        headers, raw = account.signed_event()

        event = account.gateway.verify_webhook(headers, raw)
        assert event.event_id
        assert (event.gateway_ref, event.key) == (answer.gateway_ref, "ATTEMPT-1")

    def test_one_changed_byte_is_refused(self, account, request_for):
        account.gateway.charge(request_for())
        headers, raw = account.signed_event()

        assert account.gateway.verify_webhook(headers, raw + b" ") is None
        assert account.gateway.verify_webhook({}, raw) is None


class PartialApprovals:
    """Besides GatewayContract, for a gateway whose cards can cover a part of the amount."""

    def test_a_partial_approval_takes_exactly_what_was_approved(self, account, request_for):
        answer = account.gateway.charge(request_for(behaviour="partial"))

        assert answer.outcome is Outcome.APPROVED
        assert answer.approved_amount == Decimal("1.23")
        (charge,) = account.charges("ATTEMPT-1")
        assert Decimal(charge["amount"]) == Decimal("1.23")
        fetched = account.gateway.fetch(answer.gateway_ref).value
        assert fetched.status is TransactionStatus.CAPTURED
        assert (fetched.amount, fetched.requested_amount) == (Decimal("1.23"), Decimal("25.10"))

    def test_who_refuses_partial_approvals_gets_a_decline(self, account, request_for):
        answer = account.gateway.charge(request_for(behaviour="partial", allow_partial=False))

        assert answer.outcome is Outcome.DECLINED
