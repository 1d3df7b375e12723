"""Money that goes back: refunds and voids, exactly once, at both gateways."""

from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import select

from billing import payment_returns, transactions
from billing.models import Transaction
from core.errors import ConflictError, InvalidInputError, InvariantError, NotFoundError
from core.ids import new_id
from core.jobs import Job
from core.platform_uow import platform_unit_of_work
from payments import (
    auto_payment,
    on_the_fly,
    refund_lookups,
    refund_outcomes,
    refunding,
    refunds,
)
from payments.auto_payment import AutoPayment
from payments.gateways.base import ChargeAnswer, Outcome
from payments.outcomes import Recorded
from payments.patience import DEFAULT_PATIENCE
from payments.refund_models import Refund
from tenants.clients import get_client
from tests.payments.till import AT_ONCE, Till, later
from worker.sweeps.payments import find_waiting_refunds

REFUND_CALL = {"authorizenet": "createTransactionRequest", "stripe": "refunds.create"}


@pytest.fixture(params=["authorizenet", "stripe"])
def gateway(request):
    return request.param


@pytest.fixture
def any_till(gateway, request) -> Till:
    return request.getfixturevalue("till" if gateway == "authorizenet" else "stripe_till")


def settle(till: Till) -> None:
    till.sandbox.control("settle")


def paid(till: Till, amount: str = "50.00") -> UUID:
    refill_id = till.request(till.save_card(), amount)
    till.charge(refill_id)
    assert till.refill(refill_id).state == "succeeded"
    return refill_id


def ask(till: Till, refill_id: UUID, amount: str = "20.00", **details) -> UUID:
    refund_id = details.pop("refund_id", None) or new_id()
    with till.work() as session:
        refunds.request_refund(
            session,
            refund_id=refund_id,
            refill_id=refill_id,
            amount=Decimal(amount),
            reason=details.pop("reason", "Wrong amount"),
        )
    return refund_id


def ask_void(till: Till, refill_id: UUID) -> UUID:
    refund_id = new_id()
    with till.work() as session:
        refunds.request_void(session, refund_id=refund_id, refill_id=refill_id, reason="Mistake")
    return refund_id


def send(till: Till, refund_id: UUID, patience=DEFAULT_PATIENCE) -> Recorded | None:
    return refunding.send_refund(till.work, till.open_gateway, refund_id, patience=patience)


def look_up(till: Till, refund_id: UUID, patience=DEFAULT_PATIENCE) -> Recorded | None:
    return refund_lookups.look_up_refund(till.work, till.open_gateway, refund_id, patience=patience)


def refund_of(till: Till, refund_id: UUID) -> Refund:
    with till.work() as session:
        return refunds.get_refund(session, refund_id)


def found_by_the_sweep(sent: list[Job]) -> list[tuple[str, dict[str, str | int], int | None]]:
    sent.clear()
    with platform_unit_of_work() as session:
        find_waiting_refunds(session)
    return [(job.name, job.args, job.reseller_id) for job in sent]


def given_back(till: Till) -> list[str]:
    """What the gateway has given back, refund by refund."""
    return [
        one["amount"]
        for one in till.merchant.charges()
        if one.get("is_refund") or one.get("type") == "refundTransaction"
    ]


class TestRefunds:
    def test_a_part_goes_back_and_the_books_follow(self, any_till: Till):
        till = any_till
        refill_id = paid(till)
        settle(till)

        refund_id = ask(till, refill_id, "20.00")
        assert till.live() == 50
        send(till, refund_id)

        refund = refund_of(till, refund_id)
        assert (refund.state, refund.amount) == ("succeeded", Decimal("20"))
        assert given_back(till) == ["20.00"]
        assert till.live() == 30
        assert till.refill(refill_id).returned == 20
        assert till.books_are_right()
        assert till.mails()[-1].dedupe_key == f"refunded:{refund_id}"
        assert "refund_succeeded" in till.events()

    def test_all_goes_back_in_two_parts_and_no_cent_more(self, any_till: Till):
        till = any_till
        refill_id = paid(till)
        settle(till)
        for amount in ("20.00", "30.00"):
            send(till, ask(till, refill_id, amount))

        with pytest.raises(ConflictError, match="Nothing is left"):
            ask(till, refill_id, "0.01")
        assert sorted(given_back(till)) == ["20.00", "30.00"]
        assert (till.live(), till.books_are_right()) == (0, True)

    def test_more_than_is_left_is_refused_at_the_field(self, till: Till):
        refill_id = paid(till)
        settle(till)
        send(till, ask(till, refill_id, "20.00"))

        with pytest.raises(InvalidInputError) as caught:
            ask(till, refill_id, "30.01")
        assert caught.value.field == "amount"

    @pytest.mark.parametrize("amount", ["0", "-1", "1.001", "NaN"])
    def test_an_amount_that_is_none_is_refused(self, till: Till, amount):
        refill_id = paid(till)

        with pytest.raises(InvalidInputError):
            ask(till, refill_id, amount)

    def test_a_reason_is_asked_for(self, till: Till):
        with pytest.raises(InvalidInputError) as caught:
            ask(till, paid(till), reason="  ")
        assert caught.value.field == "reason"

    def test_a_second_click_is_the_same_refund(self, any_till: Till):
        till = any_till
        refill_id = paid(till)
        settle(till)
        refund_id = new_id()
        for _ in range(2):
            ask(till, refill_id, refund_id=refund_id)
            send(till, refund_id)

        assert given_back(till) == ["20.00"]
        assert till.postings(refund_id) == 1

    def test_two_staff_at_once_give_back_once(self, till: Till):
        refill_id = paid(till)
        ask(till, refill_id, "50.00")

        with pytest.raises(ConflictError, match="under way"):
            ask(till, refill_id, "50.00")

    def test_the_id_of_another_transaction_is_refused(self, till: Till):
        refill_id = paid(till)

        with pytest.raises(ConflictError):
            ask(till, refill_id, refund_id=refill_id)

    def test_another_tenants_payment_is_not_there(self, till: Till, other_till: Till):
        refill_id = paid(till)

        with pytest.raises(NotFoundError):
            ask(other_till, refill_id)
        with pytest.raises(NotFoundError), other_till.work() as session:
            refunds.read_returnable(session, refill_id)

    def test_before_settlement_it_waits_and_can_be_cancelled(self, till: Till):
        refill_id = paid(till)
        refund_id = ask(till, refill_id)

        assert send(till, refund_id) is None

        refund = refund_of(till, refund_id)
        assert (refund.state, given_back(till)) == ("requested", [])
        assert "settled" in refund.note
        assert refund.next_look_at > refund.created_at + timedelta(minutes=50)
        with till.work() as session:
            refunds.cancel(session, refund_id)
        settle(till)
        assert send(till, refund_id) is None
        assert (refund_of(till, refund_id).state, till.live()) == ("cancelled", 50)

    def test_what_waited_is_sent_after_settlement(self, till: Till):
        refund_id = ask(till, paid(till))
        send(till, refund_id)
        settle(till)

        send(till, refund_id)

        assert (refund_of(till, refund_id).state, till.live()) == ("succeeded", 30)

    def test_nobody_forgets_what_waits_day_after_day_until_it_is_settled(
        self, till: Till, sent_jobs: list[Job]
    ):
        refund_id = ask(till, paid(till))
        send(till, refund_id)
        wish = (refunds.SEND, {"refund_id": str(refund_id)}, till.tenant.id)
        for hours in (2, 24, 48):
            assert wish not in found_by_the_sweep(sent_jobs), "its hour is not over"
            with later(hours=hours):
                assert wish in found_by_the_sweep(sent_jobs)
                assert send(till, refund_id) is None
        settle(till)

        with later(hours=50):
            assert wish in found_by_the_sweep(sent_jobs)
            send(till, refund_id)

        assert (refund_of(till, refund_id).state, given_back(till)) == ("succeeded", ["20.00"])

    def test_the_invoice_that_it_paid_is_open_again(self, till: Till):
        till.owe("50.00")
        refill_id = paid(till)
        settle(till)
        send(till, ask(till, refill_id, "20.00"))

        with till.work() as session:
            payment = transactions.get_transaction(session, refill_id)
            assert payment_returns.read_returned(session, payment.id) == 20
            with pytest.raises(ConflictError, match="went back"):
                transactions.reverse(session, refill_id, reversal_id=new_id(), reason="x")

    def test_auto_payment_rests_for_a_day(self, till: Till):
        with till.work() as session:
            client = get_client(session, till.client.id)
            auto_payment.save_auto_payment(session, client, AutoPayment(enabled=True))
        refill_id = paid(till)
        settle(till)
        send(till, ask(till, refill_id, "50.00"))

        with till.work() as session:
            assert auto_payment.request_due(session, till.client.id) is None

    def test_the_gateway_says_no(self, any_till: Till, gateway):
        till = any_till
        refill_id = paid(till)
        settle(till)
        if gateway == "stripe":
            till.sandbox.control("dispute", payment_intent=till.attempt(refill_id).gateway_ref)
        else:
            till.sandbox.control("chargeback", ref=till.attempt(refill_id).gateway_ref)
        refund_id = ask(till, refill_id)

        send(till, refund_id)

        refund = refund_of(till, refund_id)
        assert (refund.state, given_back(till), till.live()) == ("failed", [], 50)
        assert "bank has taken" in refund.note

    def test_the_database_refuses_more_than_was_paid(self, till: Till):
        refill_id = paid(till)

        with pytest.raises(InvariantError), till.work() as session:
            payment_returns.record_refund(
                session,
                refund_id=new_id(),
                payment_id=refill_id,
                amount=Decimal("50.01"),
                reason="too much",
            )

    def test_a_refund_that_bounces_is_on_the_balance_again(self, any_till: Till):
        till = any_till
        refill_id = paid(till)
        settle(till)
        refund_id = ask(till, refill_id)
        send(till, refund_id)

        for _ in range(2):
            with till.work() as session:
                refund_outcomes.record_bounce(session, refund_id, "The account is closed.")

        assert (till.live(), till.refill(refill_id).returned) == (50, 0)
        assert refund_of(till, refund_id).state == "failed"
        assert till.books_are_right()


class TestVoids:
    def test_an_unsettled_payment_is_cancelled_whole(self, any_till: Till):
        till = any_till
        refill_id = paid(till)

        refund_id = ask_void(till, refill_id)
        send(till, refund_id)

        assert (refund_of(till, refund_id).state, till.live()) == ("succeeded", 0)
        assert till.refill(refill_id).returned == 50
        with till.work() as session:
            reversal = transactions.find_reversal(session, refill_id)
            assert reversal is not None
            assert reversal.id == refund_id
        assert till.books_are_right()
        with pytest.raises(ConflictError):
            ask(till, refill_id)

    def test_a_settled_payment_cannot_be_voided(self, till: Till):
        refill_id = paid(till)
        refund_id = ask_void(till, refill_id)
        settle(till)

        send(till, refund_id)

        refund = refund_of(till, refund_id)
        assert (refund.state, till.live()) == ("failed", 50)
        assert "settled" in refund.note
        # known from now on: the screen offers a refund only
        with till.work() as session:
            assert not refunds.read_returnable(session, refill_id).may_void

    def test_what_somebody_voided_at_the_gateway_before_us_is_ours_too(self, any_till: Till):
        till = any_till
        refill_id = paid(till)
        refund_id = ask_void(till, refill_id)
        till.merchant.gateway().void(till.attempt(refill_id).gateway_ref)

        send(till, refund_id)

        assert (refund_of(till, refund_id).state, till.live()) == ("succeeded", 0)


class TestLostAnswers:
    @pytest.mark.parametrize("fault", ["drop_before", "http_500_after"])
    def test_what_nobody_heard_the_end_of_is_given_back_once(self, any_till: Till, gateway, fault):
        till = any_till
        refill_id = paid(till)
        settle(till)
        refund_id = ask(till, refill_id)
        till.sandbox.misbehave(fault, call=REFUND_CALL[gateway])

        send(till, refund_id)
        assert refund_of(till, refund_id).state == "unknown"
        assert till.live() == 50
        # whoever sent it may be sending still: it is not sent again before its lease is over
        with later(minutes=3):
            look_up(till, refund_id)

        assert refund_of(till, refund_id).state == "succeeded"
        assert (given_back(till), till.live()) == (["20.00"], 30)
        assert till.postings(refund_id) == 1

    def test_a_lost_void_is_found(self, any_till: Till, gateway):
        till = any_till
        refund_id = ask_void(till, paid(till))
        till.sandbox.misbehave("drop_after", call=REFUND_CALL[gateway])

        send(till, refund_id)
        with later(minutes=3):
            look_up(till, refund_id)

        assert (refund_of(till, refund_id).state, till.live()) == ("succeeded", 0)

    def test_a_worker_that_died_after_sending_is_found_out(self, any_till: Till):
        """The row says `processing`, the gateway has it, nobody wrote it down."""
        till = any_till
        refill_id = paid(till)
        settle(till)
        refund_id = ask(till, refill_id)

        class Died(BaseException):
            pass

        def die(*_args, **_details):
            raise Died

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(refund_outcomes, "record_outcome", die)
            with pytest.raises(Died):
                send(till, refund_id)
        assert (refund_of(till, refund_id).state, given_back(till)) == ("processing", ["20.00"])
        # its lease holds: nobody asks yet
        assert look_up(till, refund_id) is None

        with later(minutes=3):
            look_up(till, refund_id)

        assert refund_of(till, refund_id).state == "succeeded"
        assert (given_back(till), till.live()) == (["20.00"], 30)

    def test_a_zombie_neither_sends_nor_books(self, any_till: Till):
        till = any_till
        refill_id = paid(till)
        settle(till)
        refund_id = ask(till, refill_id)
        told = []

        def overtaken(_gateway, request, *, before_send):
            with till.work() as session:
                refunds.get_refund(session, refund_id).lease_owner = "somebody else"
            told.append(before_send())
            return ChargeAnswer(outcome=Outcome.NOT_SENT)

        gateway_class = type(till.merchant.gateway())
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(gateway_class, "refund", overtaken)
            recorded = send(till, refund_id)

        assert (told, recorded) == ([False], Recorded.FENCED)
        assert (given_back(till), till.live()) == ([], 50)

    def test_a_gateway_that_is_away_is_tried_again(self, till: Till):
        refill_id = paid(till)
        settle(till)
        refund_id = ask(till, refill_id)
        till.sandbox.misbehave("http_502", call="*", times=1)

        send(till, refund_id)
        refund = refund_of(till, refund_id)
        assert (refund.state, given_back(till)) == ("requested", [])
        assert refund.next_look_at is not None
        send(till, refund_id)

        assert refund_of(till, refund_id).state == "succeeded"

    def test_nothing_of_it_at_the_gateway_is_final_at_last(self, till: Till):
        refill_id = paid(till)
        settle(till)
        refund_id = ask(till, refill_id)
        till.sandbox.misbehave("drop_before")
        send(till, refund_id)

        with later(hours=7):
            look_up(till, refund_id)

        assert refund_of(till, refund_id).state == "failed"
        assert (given_back(till), till.live()) == ([], 50)
        assert "refund_failed" in till.events()


class TestOnTheFly:
    def test_what_is_unknown_is_looked_up_before_a_new_charge(self, till: Till):
        card = till.save_card()
        first = till.request(card, "10.00")
        till.sandbox.misbehave("drop_after")
        till.charge(first, AT_ONCE)
        assert till.refill(first).state == "unknown"
        second = till.request(card, "15.00")

        on_the_fly.charge_refill(till.work, till.open_gateway, second, patience=AT_ONCE)

        assert till.refill(first).state == "succeeded"
        assert till.refill(second).state == "succeeded"
        assert (sorted(till.taken()), till.live()) == (["10.00", "15.00"], 25)


def test_the_webhook_of_a_refund_names_its_payment(till: Till):
    refill_id = paid(till)
    settle(till)
    refund_id = ask(till, refill_id)
    send(till, refund_id)

    with till.work() as session:
        booked = session.scalars(select(Transaction).where(Transaction.id == refund_id)).one()
        assert (booked.kind, booked.total, booked.payment_id) == ("refund", -20, refill_id)
