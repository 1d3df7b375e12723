"""What the client's bank does, what staff decide about held payments, and the gateway's lists."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import select

from core.clock import now
from core.errors import ConflictError, InvalidInputError, NotFoundError
from core.ids import new_id
from payments import (
    auto_payment,
    events,
    gateway_accounts,
    held,
    reconciliation,
    reconciling,
    refills,
    refunding,
    refunds,
    returns,
)
from payments.auto_payment import AutoPayment
from payments.gateways.base import (
    ChargeRequest,
    EventKind,
    Gateway,
    InboundEvent,
    RefundRequest,
)
from payments.refund_models import Reconciliation, ReconciliationDifference
from tenants.clients import get_client
from tests.payments.test_refunds import (
    REFUND_CALL,
    ask,
    ask_void,
    given_back,
    paid,
    refund_of,
    send,
    settle,
)
from tests.payments.till import AT_ONCE, Till

_opened: list[Gateway] = []


@pytest.fixture(autouse=True)
def close_gateways():
    yield
    while _opened:
        _opened.pop().close()


@pytest.fixture(params=["authorizenet", "stripe"])
def gateway(request):
    return request.param


@pytest.fixture
def any_till(gateway, request) -> Till:
    return request.getfixturevalue("till" if gateway == "authorizenet" else "stripe_till")


def charge_back(till: Till, gateway: str, refill_id: UUID) -> None:
    ref = till.attempt(refill_id).gateway_ref
    if gateway == "stripe":
        till.sandbox.control("dispute", payment_intent=ref)
    else:
        till.sandbox.control("chargeback", ref=ref)


def win(till: Till, gateway: str, refill_id: UUID) -> None:
    ref = till.attempt(refill_id).gateway_ref
    if gateway == "stripe":
        till.sandbox.control("dispute/close", payment_intent=ref, won=True)
    else:
        till.sandbox.control("chargeback", ref=ref, won=True)


def compare(till: Till, days: int = 7) -> Reconciliation:
    run_id = new_id()
    with till.work() as session:
        reconciliation.request_run(session, run_id=run_id, account_id=till.account_id, days=days)
    assert reconciling.reconcile(till.work, till.open_gateway, run_id)
    with till.work() as session:
        return reconciliation.get_run(session, run_id)


def differences(till: Till) -> list[ReconciliationDifference]:
    with till.work() as session:
        return list(
            session.scalars(
                select(ReconciliationDifference)
                .where(ReconciliationDifference.resolved_at.is_(None))
                .order_by(ReconciliationDifference.id)
            )
        )


def at_gateway(till: Till) -> Gateway:
    """Somebody works in the gateway's own office."""
    opened = till.merchant.gateway()
    _opened.append(opened)
    return opened


def refund_there(till: Till, refill_id: UUID, amount: str) -> str:
    """Somebody gives money back in the gateway's own office."""
    answer = at_gateway(till).refund(
        RefundRequest(
            key="BYHAND",
            gateway_ref=till.attempt(refill_id).gateway_ref,
            amount=Decimal(amount),
            currency="USD",
            last_four="1111",
        )
    )
    assert answer.gateway_ref
    return answer.gateway_ref


def _bank_is_first(till: Till, refill_id: UUID):
    """A gateway that gives back, and before it answers the chargeback is booked."""

    def open_gateway(account):
        opened = till.open_gateway(account)
        refund = opened.refund

        def give_back(request, **details):
            answer = refund(request, **details)
            with till.work() as session:
                refill = refills.lock_refill(session, refill_id)
                returns._charge_back(session, refill, refill.credited)
            return answer

        opened.refund = give_back
        return opened

    return open_gateway


class TestChargebacks:
    def test_a_new_card_does_not_end_the_suspension(self, any_till: Till, gateway):
        """Whether it was declines or nothing that had suspended the automatic charges before."""
        till = any_till
        with till.work() as session:
            client = get_client(session, till.client.id)
            auto_payment.save_auto_payment(session, client, AutoPayment(enabled=True))
        refill_id = paid(till)
        settle(till)
        with till.work() as session:
            row = auto_payment.lock_row(session, till.client.id)
            row.suspended_at, row.suspended_reason = now(), "The card was declined."
        charge_back(till, gateway, refill_id)
        compare(till)

        with till.work() as session:
            auto_payment.card_changed(session, till.client.id)
            row = auto_payment.lock_row(session, till.client.id)
            assert (row.suspended_at is not None, row.suspended_reason) == (
                True,
                auto_payment.DISPUTED,
            )
            auto_payment.resume(session, till.client.id)
            assert row.suspended_at is None

    def test_one_that_comes_while_a_refund_is_on_its_way_does_not_hide_it(self, any_till: Till):
        """Both left the account: the bank took all of it, and the gateway gave a part besides."""
        till = any_till
        refill_id = paid(till)
        settle(till)
        refund_id = ask(till, refill_id, "20.00")
        gateway = _bank_is_first(till, refill_id)

        refunding.send_refund(till.work, gateway, refund_id)

        assert given_back(till) == ["20.00"]
        assert refund_of(till, refund_id).state == "succeeded"
        assert (till.live(), till.books_are_right()) == (-20, True)

    def test_it_is_booked_once_and_won_back_once(self, any_till: Till, gateway):
        till = any_till
        with till.work() as session:
            client = get_client(session, till.client.id)
            auto_payment.save_auto_payment(session, client, AutoPayment(enabled=True))
        refill_id = paid(till)
        settle(till)
        charge_back(till, gateway, refill_id)

        assert compare(till).put_right == 1
        assert compare(till).put_right == 0

        assert (till.live(), till.refill(refill_id).charged_back) == (0, 50)
        assert till.books_are_right()
        assert differences(till) == []
        with till.work() as session:
            assert auto_payment.find_row(session, till.client.id).suspended_at is not None
            assert refunds.read_returnable(session, refill_id).left == 0

        win(till, gateway, refill_id)
        for _ in range(2):
            compare(till)

        assert (till.live(), till.refill(refill_id).charged_back) == (50, 0)
        assert till.books_are_right()
        assert {"payment_charged_back", "chargeback_won"} <= set(till.events())


class TestHeld:
    @pytest.mark.parametrize("decision", ["approve", "decline"])
    def test_staff_decide_and_the_gateway_is_told(self, till: Till, decision):
        refill_id = till.request(till.save_card(zip="46290"), "50.00")
        till.charge(refill_id)
        assert till.refill(refill_id).state == "held"

        for _ in range(2):
            with till.work() as session:
                held.decide(session, refill_id, gateway="authorizenet", decision=decision)
        till.look_up(refill_id)

        state = "succeeded" if decision == "approve" else "declined"
        assert till.refill(refill_id).state == state
        assert till.live() == (50 if decision == "approve" else 0)

    def test_a_second_mind_is_refused(self, till: Till):
        refill_id = till.request(till.save_card(zip="46290"), "50.00")
        till.charge(refill_id)
        with till.work() as session:
            held.decide(session, refill_id, gateway="authorizenet", decision="approve")

        with pytest.raises(ConflictError), till.work() as session:
            held.decide(session, refill_id, gateway="authorizenet", decision="decline")

    def test_a_decision_whose_answer_is_lost_is_carried_out_once(self, till: Till):
        refill_id = till.request(till.save_card(zip="46290"), "50.00")
        till.charge(refill_id)
        with till.work() as session:
            held.decide(session, refill_id, gateway="authorizenet", decision="approve")
        till.sandbox.misbehave("drop_after", call="updateHeldTransactionRequest")

        till.look_up(refill_id, AT_ONCE)
        till.look_up(refill_id, AT_ONCE)

        assert (till.refill(refill_id).state, till.live()) == ("succeeded", 50)

    def test_a_payment_that_is_not_held_cannot_be_decided(self, till: Till):
        refill_id = paid(till)

        with pytest.raises(ConflictError), till.work() as session:
            held.decide(session, refill_id, gateway="authorizenet", decision="approve")


class TestReconciliation:
    def test_two_equal_lists_differ_in_nothing(self, any_till: Till):
        till = any_till
        refill_id = paid(till)
        settle(till)
        refund_id = ask(till, refill_id)
        send(till, refund_id)

        run = compare(till)

        assert (run.state, run.differences, run.at_gateway, run.agreed) == ("done", 0, 2, 2)
        assert till.attempt(refill_id).settled_at is not None

    def test_a_refund_made_at_the_gateway_is_booked_with_one_click(self, any_till: Till):
        till = any_till
        refill_id = paid(till)
        settle(till)
        refund_there(till, refill_id, "20.00")

        compare(till)
        (found,) = differences(till)
        assert (found.kind, found.amount, found.refill_id) == ("refund_not_booked", 20, refill_id)
        for _ in range(2):
            with till.work() as session:
                reconciliation.book(session, found.id)

        assert (till.live(), till.refill(refill_id).returned) == (30, 20)
        assert till.books_are_right()
        compare(till)
        assert differences(till) == []

    def test_a_payment_voided_at_the_gateway_is_booked_with_one_click(self, any_till: Till):
        till = any_till
        refill_id = paid(till)
        at_gateway(till).void(till.attempt(refill_id).gateway_ref)

        compare(till)
        found = next(one for one in differences(till) if one.kind == "went_back")
        with till.work() as session:
            reconciliation.book(session, found.id)

        assert till.live() == 0
        assert till.books_are_right()
        compare(till)
        assert differences(till) == []

    def test_what_only_we_have_and_what_only_the_gateway_has(self, till: Till):
        refill_id = paid(till)
        with till.work() as session:
            attempt = till.attempt(refill_id)
            session.get(type(attempt), attempt.key).gateway_ref = "999"
        at_gateway(till).charge(_foreign(till, till.sync()[0]))

        compare(till)

        kinds = {one.kind for one in differences(till)}
        assert {"not_ours", "second_payment"} <= kinds

    def test_what_a_person_ended_is_not_brought_up_again(self, till: Till):
        at_gateway(till).charge(_foreign(till, till.save_card()))
        compare(till)
        (found,) = differences(till)
        with pytest.raises(InvalidInputError), till.work() as session:
            reconciliation.dismiss(session, found.id, note=" ")

        with till.work() as session:
            reconciliation.dismiss(session, found.id, note="Made in the shop.")
        compare(till)

        assert differences(till) == []
        assert till.events().count("reconciliation_differs") == 1

    def test_what_is_unknown_is_looked_up(self, till: Till, sent_jobs):
        refill_id = till.request(till.save_card(), "50.00")
        till.sandbox.misbehave("drop_after")
        till.charge(refill_id)

        compare(till)

        assert differences(till) == []
        assert "payments.look_up" in [job.name for job in sent_jobs]

    def test_lists_that_cannot_be_read_prove_nothing(self, till: Till):
        paid(till)
        run_id = new_id()
        with till.work() as session:
            reconciliation.request_run(session, run_id=run_id, account_id=till.account_id)
        till.sandbox.misbehave("http_502", call="*", times=1)

        assert not reconciling.reconcile(till.work, till.open_gateway, run_id)
        with till.work() as session:
            run = reconciliation.get_run(session, run_id)
            assert (run.state, run.next_look_at is not None) == ("requested", True)
        assert differences(till) == []
        assert reconciling.reconcile(till.work, till.open_gateway, run_id)

    def test_one_runs_at_a_time_and_a_night_once(self, till: Till):
        with till.work() as session:
            first = reconciliation.request_run(session, run_id=new_id(), account_id=till.account_id)
            second = reconciliation.request_run(
                session, run_id=new_id(), account_id=till.account_id
            )
            assert first.id == second.id
        reconciling.reconcile(till.work, till.open_gateway, first.id)
        night = first.created_at.date()
        for wanted in (True, False):
            with till.work() as session:
                made = reconciliation.request_run(
                    session, run_id=new_id(), account_id=till.account_id, night_on=night
                )
                assert (made is not None) is wanted

    def test_another_tenant_sees_and_ends_nothing(self, till: Till, other_till: Till):
        at_gateway(till).charge(_foreign(till, till.save_card()))
        compare(till)
        (found,) = differences(till)

        assert differences(other_till) == []
        with pytest.raises(NotFoundError), other_till.work() as session:
            reconciliation.dismiss(session, found.id, note="mine")
        with pytest.raises(NotFoundError), other_till.work() as session:
            reconciliation.request_run(session, run_id=new_id(), account_id=till.account_id)

    def test_a_refund_that_the_bank_refused_is_on_the_balance_again(self, any_till: Till, gateway):
        till = any_till
        refill_id = paid(till)
        settle(till)
        refund_id = ask(till, refill_id)
        send(till, refund_id)
        ref = refund_of(till, refund_id).gateway_ref
        till.sandbox.control("refund/fail", **{"refund" if gateway == "stripe" else "ref": ref})

        compare(till)

        assert refund_of(till, refund_id).state == "failed"
        assert (till.live(), till.refill(refill_id).returned) == (50, 0)
        assert till.books_are_right()


def _foreign(till: Till, card):
    """A charge that somebody makes in the gateway's own terminal."""
    return ChargeRequest(
        key="SHOP-1",
        amount=Decimal("12.00"),
        currency="USD",
        customer_profile_ref=card.customer_ref,
        payment_profile_ref=card.method_ref,
    )


class TestWebhooks:
    def test_a_dispute_told_by_a_webhook_is_booked_once(self, stripe_till: Till):
        till = stripe_till
        refill_id = paid(till)
        charge_back(till, "stripe", refill_id)

        assert tell(till, EventKind.OTHER, till.attempt(refill_id).gateway_ref) == "charged back"
        assert tell(till, EventKind.OTHER, till.attempt(refill_id).gateway_ref) == "same"
        win(till, "stripe", refill_id)
        assert tell(till, EventKind.OTHER, till.attempt(refill_id).gateway_ref) == "chargeback won"

        assert (till.live(), till.books_are_right()) == (50, True)

    def test_a_lost_answer_is_settled_by_the_refunds_own_webhook(self, any_till: Till, gateway):
        till = any_till
        refill_id = paid(till)
        settle(till)
        refund_id = ask(till, refill_id)
        till.sandbox.misbehave("http_500_after", call=REFUND_CALL[gateway])
        send(till, refund_id)
        (made,) = [
            one for one in till.merchant.charges() if one["key"] != till_key(till, refill_id)
        ]

        told = tell(till, EventKind.REFUND_CREATED, made["ref"])

        assert (told, refund_of(till, refund_id).state) == ("moved", "succeeded")
        assert till.live() == 30
        assert "payment_refunded" not in till.events()

    def test_our_own_void_is_no_news(self, any_till: Till, gateway):
        till = any_till
        refill_id = paid(till)
        send(till, ask_void(till, refill_id))

        tell(till, EventKind.VOID_CREATED, till.attempt(refill_id).gateway_ref)
        for one in till.merchant.charges():
            if one.get("is_refund"):
                assert tell(till, EventKind.REFUND_CREATED, one["ref"]) == "same"

        assert not {"payment_went_back", "payment_refunded"} & set(till.events())
        assert till.live() == 0


class TestAtOnce:
    def test_many_staff_at_once_give_back_what_is_there_and_no_more(self, till: Till):
        refill_id = paid(till)
        settle(till)
        refused = []

        def one(_: int) -> None:
            try:
                send(till, ask(till, refill_id, "50.00"))
            except ConflictError:
                refused.append(1)

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(one, range(8)))

        assert len(refused) == 7
        assert given_back(till) == ["50.00"]
        assert (till.live(), till.books_are_right()) == (0, True)

    def test_refills_refunds_and_a_comparison_at_once(self, till: Till):
        card = till.save_card()
        first = till.request(card, "50.00")
        till.charge(first)
        settle(till)
        second = till.request(card, "20.00")
        refund_id = ask(till, first, "30.00")

        with ThreadPoolExecutor(4) as pool:
            for done in [
                pool.submit(till.charge, second),
                pool.submit(send, till, refund_id),
                pool.submit(compare, till),
            ]:
                done.result()

        assert (till.live(), till.books_are_right()) == (40, True)


def till_key(till: Till, refill_id: UUID) -> str:
    return till.attempt(refill_id).key


def tell(till: Till, kind: EventKind, gateway_ref: str) -> str | None:
    """A webhook whose signature was right."""
    with till.work() as session:
        account = gateway_accounts.get_account(session, till.account_id)
        event_id = events.store_event(
            session,
            account,
            InboundEvent(event_id=str(new_id()), kind=kind, gateway_ref=gateway_ref),
        )
    assert event_id is not None
    return events.handle_event(till.work, till.open_gateway, event_id)
