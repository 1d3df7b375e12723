"""Debits of bank accounts: killed, lost, told five times, taken back; one debit, one posting."""

from collections.abc import Iterator
from decimal import Decimal
from uuid import UUID

import pytest

from core.jobs import Job
from tests.faults.rig import Rig, wait_for

pytestmark = pytest.mark.fault


@pytest.fixture(params=["rig", "stripe_rig"])
def bank_rig(request) -> Iterator[Rig]:
    """A tenant at each gateway in turn, with bank accounts switched on."""
    rig: Rig = request.getfixturevalue(request.param)
    rig.till.take_bank_accounts()
    return rig


def wait_until_the_bank_is_paying(rig: Rig, refill_id: UUID) -> None:
    def is_held() -> bool:
        rig.execute(
            "update refills set next_look_at = now() where state in ('processing', 'unknown')"
            " and next_look_at > now() + interval '5 seconds'"
        )
        rig.sweep()
        return rig.till.refill(refill_id).state == "held"

    wait_for("the debit to be accepted", is_held)
    assert rig.till.live() == 0


def prove_one_debit(rig: Rig, refill_id: UUID) -> None:
    till = rig.till
    assert till.refill(refill_id).state == "succeeded"
    keys = {attempt.key for attempt in till.attempts(refill_id)}
    assert [one["key"] in keys for one in till.merchant.charges()] == [True]
    assert till.postings(refill_id) == 1
    assert till.live() == Decimal("10.00")
    assert till.books_are_right()


def test_killed_after_the_debit_was_accepted_and_before_the_answer(bank_rig: Rig):
    bank = bank_rig.till.save_bank_account()
    bank_rig.sandbox.misbehave("delay_after", delay_s=2)
    worker = bank_rig.start_worker()
    refill_id = bank_rig.till.request(bank)
    wait_for("the debit at the gateway", lambda: bank_rig.till.merchant.charges())
    worker.kill()
    assert bank_rig.till.refill(refill_id).state == "processing"

    bank_rig.start_worker()
    wait_until_the_bank_is_paying(bank_rig, refill_id)
    bank_rig.till.merchant.let_banks_pay()
    bank_rig.settle(refill_id)

    prove_one_debit(bank_rig, refill_id)


def test_killed_while_it_wrote_that_the_bank_has_paid(bank_rig: Rig):
    bank = bank_rig.till.save_bank_account()
    worker = bank_rig.start_worker()
    refill_id = bank_rig.till.request(bank)
    wait_until_the_bank_is_paying(bank_rig, refill_id)
    bank_rig.till.merchant.let_banks_pay()

    with bank_rig.holding("lock table ledger_entries in access exclusive mode"):
        key = bank_rig.till.attempt(refill_id).key
        bank_rig.execute("update charge_attempts set looked_at = null")
        bank_rig.send(Job("payments.look_up", {"attempt_key": key}, bank_rig.till.tenant.id))
        bank_rig.wait_for_the_door()
        worker.kill()
    bank_rig.start_worker()
    bank_rig.settle(refill_id)

    prove_one_debit(bank_rig, refill_id)


def test_every_event_five_times_and_the_debit_taken_back(stripe_rig: Rig):
    rig, till = stripe_rig, stripe_rig.till
    till.take_bank_accounts()
    bank = till.save_bank_account()
    rig.sandbox.misbehave("drop_after")
    rig.sandbox.control("webhooks", is_on=True, repeat=5)
    rig.start_worker()
    refill_id = till.request(bank)
    wait_until_the_bank_is_paying(rig, refill_id)

    till.merchant.let_banks_pay()
    rig.settle(refill_id)
    prove_one_debit(rig, refill_id)
    till.merchant.send_back(till.attempt(refill_id).gateway_ref)
    wait_for("the return to be booked", lambda: till.refill(refill_id).charged_back > 0)

    assert till.live() == 0
    assert till.books_are_right()
    assert till.events().count("payment_charged_back") == 1
