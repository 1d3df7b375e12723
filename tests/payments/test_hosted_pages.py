"""A payment on the gateway's page, without a single webhook: nothing lost, nothing paid twice."""

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select

from core.clock import now
from core.errors import ConflictError, TemporaryError
from core.ids import new_id
from core.platform_uow import platform_unit_of_work
from payments import hosted_pages, rechecks
from payments.gateways.base import LookupResult
from payments.patience import DEFAULT_PATIENCE
from tenants.models import Event
from tests.payments.test_refills import begin_page, pay_on
from tests.payments.till import Till, later
from worker.sweeps.payments import find_waiting_rechecks

ANOTHER_CARD = "4007000000027"
DECLINES = "46282"
HOLDS = "46290"
LIST = "getUnsettledTransactionListRequest"
BATCHES = "getSettledBatchListRequest"


@pytest.fixture(autouse=True)
def no_webhooks(till: Till) -> None:
    till.sandbox.control("webhooks", is_on=False)


def settle(till: Till) -> None:
    till.sandbox.control("settle", login=till.merchant.login)


def recheck(till: Till, refill_id) -> bool:
    return rechecks.check_again(till.work, till.open_gateway, till.attempt(refill_id).key)


def texts(till: Till, code: str) -> list[str]:
    with till.work() as session:
        return list(session.scalars(select(Event.text).where(Event.code == code)))


# A decline hides nothing


def test_a_payment_that_settled_is_found_behind_a_decline_of_the_same_page(till: Till):
    refill_id = new_id()
    page = begin_page(till, refill_id)
    pay_on(page, zip=DECLINES, card_number=ANOTHER_CARD)
    pay_on(page)
    settle(till)
    with later(minutes=40):
        till.look_up(refill_id)
        assert till.refill(refill_id).state == "succeeded"
    assert till.live() == 10


def test_a_held_payment_hides_no_settled_one(till: Till):
    refill_id = new_id()
    first, second = begin_page(till, refill_id), begin_page(till, refill_id)
    pay_on(first, zip=HOLDS, card_number=ANOTHER_CARD)
    pay_on(second)
    settle(till)
    till.look_up(refill_id)
    assert till.refill(refill_id).state == "succeeded"
    assert till.live() == 10


def test_a_held_payment_that_is_declined_hides_no_other_one(till: Till):
    """The second page is paid while the first payment is held."""
    refill_id = new_id()
    first, second = begin_page(till, refill_id), begin_page(till, refill_id)
    pay_on(first, zip=HOLDS, card_number=ANOTHER_CARD)
    till.look_up(refill_id)
    assert till.refill(refill_id).state == "held"
    pay_on(second)
    till.sandbox.control("held", ref=till.attempt(refill_id).gateway_ref, approve=False)
    settle(till)
    with later(hours=1):
        till.look_up(refill_id)
        assert till.refill(refill_id).state == "succeeded"
    assert till.live() == 10


def test_a_decline_is_not_final_while_the_batches_cannot_be_read(till: Till):
    refill_id = new_id()
    page = begin_page(till, refill_id)
    pay_on(page, zip=DECLINES, card_number=ANOTHER_CARD)
    pay_on(page)
    settle(till)
    with later(minutes=40):
        till.sandbox.misbehave("http_502", call=BATCHES)
        till.look_up(refill_id)
        assert till.refill(refill_id).state == "unknown"
    with later(minutes=50):
        till.look_up(refill_id)
    assert till.live() == 10


def test_a_found_payment_needs_no_batches(till: Till):
    refill_id = new_id()
    pay_on(begin_page(till, refill_id))
    till.sandbox.misbehave("http_502", call=BATCHES)
    till.look_up(refill_id)
    assert till.live() == 10


# No second page for what is paid


def test_no_second_page_is_handed_out_for_a_payment_that_was_made(till: Till, sent_jobs):
    refill_id = new_id()
    pay_on(begin_page(till, refill_id))
    sent_jobs.clear()
    with pytest.raises(ConflictError, match="paid this already"):
        begin_page(till, refill_id)
    assert [job.name for job in sent_jobs] == ["payments.look_up"]
    assert till.attempt(refill_id).last_sent_at < now()


def test_no_second_page_is_handed_out_while_nobody_can_tell(till: Till):
    refill_id = new_id()
    begin_page(till, refill_id)
    till.sandbox.misbehave("http_502", call=LIST)
    with pytest.raises(TemporaryError):
        begin_page(till, refill_id)


def test_a_held_payment_gets_no_second_page(till: Till):
    refill_id = new_id()
    pay_on(begin_page(till, refill_id), zip=HOLDS)
    with pytest.raises(ConflictError):
        begin_page(till, refill_id)


def test_after_a_decline_there_is_a_second_page(till: Till):
    refill_id = new_id()
    pay_on(begin_page(till, refill_id), zip=DECLINES, card_number=ANOTHER_CARD)
    pay_on(begin_page(till, refill_id))
    till.look_up(refill_id)
    assert till.live() == 10


# Paid twice all the same


def open_two(till: Till, refill_id):
    return begin_page(till, refill_id), begin_page(till, refill_id)


def test_of_two_paid_pages_one_is_booked_and_the_other_told(till: Till):
    refill_id = new_id()
    first, second = open_two(till, refill_id)
    pay_on(first)
    pay_on(second, card_number=ANOTHER_CARD)
    till.look_up(refill_id)
    refill = till.refill(refill_id)
    assert (refill.state, refill.credited, till.live()) == ("succeeded", Decimal(10), 10)
    booked, other = (charge["ref"] for charge in till.merchant.charges())
    assert till.attempt(refill_id).gateway_ref == booked
    (text,) = texts(till, "payment_second")
    assert f"Void or refund {other} at the gateway" in text
    assert till.books_are_right()


def test_a_second_page_paid_after_the_first_was_booked_is_found_by_the_last_look(till: Till):
    refill_id = new_id()
    first, second = open_two(till, refill_id)
    pay_on(first)
    till.look_up(refill_id)
    pay_on(second, card_number=ANOTHER_CARD)
    settle(till)
    assert not recheck(till, refill_id)
    with later(minutes=25, seconds=5):
        with platform_unit_of_work() as session:
            assert find_waiting_rechecks(session) == 1
        assert recheck(till, refill_id)
        assert not recheck(till, refill_id)
    assert texts(till, "payment_second")
    assert till.live() == 10
    with later(hours=5), platform_unit_of_work() as session:
        assert find_waiting_rechecks(session) == 0


def test_the_last_look_reads_the_batches_although_the_first_payment_is_unsettled(till: Till):
    refill_id = new_id()
    first, second = open_two(till, refill_id)
    pay_on(second, card_number=ANOTHER_CARD)
    settle(till)
    pay_on(first)
    till.look_up(refill_id)
    with later(minutes=26):
        assert recheck(till, refill_id)
    assert len(texts(till, "payment_second")) == 1


def test_a_last_look_that_reads_nothing_is_made_again(till: Till):
    refill_id = new_id()
    first, second = open_two(till, refill_id)
    pay_on(first)
    till.look_up(refill_id)
    pay_on(second, card_number=ANOTHER_CARD)
    with later(minutes=26):
        till.sandbox.misbehave("http_502", call=BATCHES)
        assert not recheck(till, refill_id)
        assert till.attempt(refill_id).recheck_at > now() + timedelta(minutes=4)
    with later(minutes=60):
        assert recheck(till, refill_id)
    assert texts(till, "payment_second")


def test_a_last_look_in_vain_for_a_day_is_told(till: Till):
    refill_id = new_id()
    pay_on(begin_page(till, refill_id))
    till.look_up(refill_id)
    till.sandbox.misbehave("http_502", call=BATCHES, times=9)
    for hours in (1, 26):
        with later(hours=hours):
            recheck(till, refill_id)
    assert till.events() == ["payment_not_rechecked"]


def test_a_payment_made_once_is_told_to_nobody(till: Till):
    refill_id = new_id()
    pay_on(begin_page(till, refill_id))
    till.look_up(refill_id)
    with later(minutes=26):
        assert recheck(till, refill_id)
    assert till.events() == []


def test_a_charge_of_a_saved_card_needs_no_last_look(till: Till):
    refill_id = till.request(till.save_card())
    till.charge(refill_id)
    assert till.attempt(refill_id).recheck_at is None


# The browser comes back


def test_a_thousand_returns_ask_the_gateway_once_in_a_few_seconds(till: Till, sent_jobs):
    refill_id = new_id()
    begin_page(till, refill_id)
    sent_jobs.clear()

    def come_back() -> bool:
        with till.work() as session:
            return hosted_pages.look_after_return(session, refill_id)

    assert come_back()
    for _ in range(20):
        till.look_up(refill_id, DEFAULT_PATIENCE)
    assert till.attempt(refill_id).looks == 1
    assert [come_back() for _ in range(20)] == [False] * 20
    with later(seconds=5):
        assert come_back()
        till.look_up(refill_id, DEFAULT_PATIENCE)
    assert till.attempt(refill_id).looks == 2
    assert [job.name for job in sent_jobs] == ["payments.look_up"] * 2


def test_what_a_page_took_is_found_under_its_key(till: Till):
    """`find` and `find_all` tell the same of one payment."""
    refill_id = new_id()
    pay_on(begin_page(till, refill_id))
    attempt = till.attempt(refill_id)
    gateway = till.merchant.gateway()
    looks = [
        find(key=attempt.key, since=attempt.first_sent_at)
        for find in (gateway.find, gateway.find_all)
    ]
    gateway.close()
    assert looks[0] == looks[1]
    assert looks[0].result is LookupResult.FOUND
