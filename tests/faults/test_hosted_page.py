"""The gateway's page, its batches and lost webhooks; and money that cannot be booked at first."""

import pytest
from sqlalchemy import func, select

from core.ids import new_id
from core.platform_uow import platform_unit_of_work
from mail.queue import MailKind
from tenants.models import Event
from tests.faults.rig import Rig, wait_for
from tests.payments.test_refills import begin_page, pay_on
from worker.sweeps.payments import find_waiting_rechecks

pytestmark = pytest.mark.fault

ANOTHER_CARD = "4007000000027"
DECLINES = "46282"
BATCHES = "getSettledBatchListRequest"


def close_batch(rig: Rig) -> None:
    rig.sandbox.control("settle", login=rig.till.merchant.login)


def look_now(rig: Rig, refill_id) -> None:
    rig.execute(f"update refills set next_look_at = now() where id = '{refill_id}'")
    rig.sweep()


def recheck_now(rig: Rig, refill_id) -> None:
    rig.execute(f"update charge_attempts set recheck_at = now() where refill_id = '{refill_id}'")
    with platform_unit_of_work() as session:
        find_waiting_rechecks(session)


def prove_one_booking(rig: Rig, refill_id) -> None:
    """One posting and one mail, whatever else the page has tried."""
    till = rig.till
    assert till.refill(refill_id).state == "succeeded"
    assert till.postings(refill_id) == 1
    assert till.live() == 10
    assert till.books_are_right()
    assert len([mail for mail in till.mails() if mail.kind == MailKind.PAYMENT]) == 1


def count_events(rig: Rig, code: str) -> int:
    with rig.till.work() as session:
        return session.scalars(
            select(func.count()).select_from(Event).where(Event.code == code)
        ).one()


def test_declined_paid_settled_and_no_webhook(rig: Rig):
    """The decline stays unsettled for ever; the payment is in the batch."""
    refill_id = new_id()
    page = begin_page(rig.till, refill_id)
    pay_on(page, zip=DECLINES, card_number=ANOTHER_CARD)
    pay_on(page)
    close_batch(rig)
    rig.start_worker()
    rig.settle(refill_id)
    prove_one_booking(rig, refill_id)
    assert rig.till.taken() == ["10.00"]


def test_a_worker_killed_while_it_reads_the_batches(rig: Rig):
    refill_id = new_id()
    page = begin_page(rig.till, refill_id)
    pay_on(page, zip=DECLINES, card_number=ANOTHER_CARD)
    pay_on(page)
    close_batch(rig)
    rig.sandbox.misbehave("delay_before", call=BATCHES, delay_s=2)
    worker = rig.start_worker()
    look_now(rig, refill_id)
    wait_for("the look under way", lambda: rig.till.attempt(refill_id).looks == 1)
    worker.kill()
    rig.start_worker()
    rig.settle(refill_id)
    prove_one_booking(rig, refill_id)


def test_the_batch_closes_while_the_lists_are_read(rig: Rig):
    """Read as unsettled before, or in the batch after: never in neither."""
    refill_id = new_id()
    page = begin_page(rig.till, refill_id)
    pay_on(page, zip=DECLINES, card_number=ANOTHER_CARD)
    rig.sandbox.misbehave("delay_after", call="getUnsettledTransactionListRequest", delay_s=2)
    rig.start_worker()
    look_now(rig, refill_id)
    wait_for("the look under way", lambda: rig.till.attempt(refill_id).looks == 1)
    pay_on(page)
    close_batch(rig)
    rig.settle(refill_id)
    prove_one_booking(rig, refill_id)


def test_two_pages_paid_and_a_worker_killed_in_the_last_look(rig: Rig):
    refill_id = new_id()
    first, second = begin_page(rig.till, refill_id), begin_page(rig.till, refill_id)
    pay_on(first)
    worker = rig.start_worker()
    look_now(rig, refill_id)
    rig.wait_until_state(refill_id, "succeeded")
    pay_on(second, card_number=ANOTHER_CARD)
    close_batch(rig)
    rig.sandbox.misbehave("delay_before", call=BATCHES, delay_s=2)
    recheck_now(rig, refill_id)
    wait_for(
        "the last look under way",
        lambda: rig.till.attempt(refill_id).recheck_at > rig.till.refill(refill_id).finished_at,
    )
    worker.kill()
    assert count_events(rig, "payment_second") == 0
    rig.start_worker()

    def is_told() -> bool:
        if rig.till.attempt(refill_id).recheck_at is not None:
            recheck_now(rig, refill_id)
        return rig.till.attempt(refill_id).recheck_at is None

    wait_for("the last look", is_told)
    rig.settle(refill_id)
    assert count_events(rig, "payment_second") == 1
    prove_one_booking(rig, refill_id)


def set_currency(rig: Rig, currency: str) -> None:
    with rig.connect() as connection:
        connection.execute("set session_replication_role = replica")
        connection.execute(
            "update client_balances set currency = %s where client_id = %s",
            (currency, rig.till.client.id),
        )


@pytest.mark.parametrize("is_killed", [False, True])
def test_money_that_cannot_be_booked_until_its_cause_is_gone(rig: Rig, is_killed):
    refill_id = rig.request_without_job(rig.till.save_card())
    set_currency(rig, "EUR")
    worker = rig.start_worker()
    rig.send_charge_job(refill_id)
    wait_for("the alarm", lambda: count_events(rig, "payment_not_recorded") == 1)
    assert rig.till.refill(refill_id).state == "unknown"
    for _ in range(3):
        look_now(rig, refill_id)
    if is_killed:
        worker.kill()
        rig.start_worker()
    assert rig.till.postings(refill_id) == 0
    set_currency(rig, "USD")
    rig.settle(refill_id)
    rig.prove_one_charge(refill_id)
    assert count_events(rig, "payment_not_recorded") == 1
