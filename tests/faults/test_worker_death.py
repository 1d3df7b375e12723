"""A worker is killed with -9, or freezes and comes back, at every moment of a charge."""

import time
from decimal import Decimal

import pytest
from sqlalchemy import select

from payments import auto_payment
from payments.auto_payment import AutoPayment
from payments.models import Refill
from tenants.clients import get_client
from tests.faults.proxy import HoldingProxy
from tests.faults.rig import Rig
from tests.warm_workers import CLOCK

pytestmark = pytest.mark.fault


def test_killed_after_sending_was_committed_and_before_a_byte_left(rig: Rig):
    card = rig.till.save_card()
    refill_id = rig.request_without_job(card)
    worker = rig.start_worker()
    with rig.stopped_before_sending(refill_id):
        worker.kill()
    assert rig.till.refill(refill_id).state == "processing"
    assert rig.till.taken() == []
    rig.let_leases_end()
    rig.start_worker()
    rig.settle(refill_id)
    rig.prove_one_charge(refill_id)


def test_killed_before_the_gateway_has_done_anything(rig: Rig):
    card = rig.till.save_card()
    rig.sandbox.misbehave("delay_before", delay_s=2)
    worker = rig.start_worker()
    refill_id = rig.till.request(card)
    rig.wait_until_state(refill_id, "processing")
    time.sleep(0.5)
    worker.kill()
    rig.start_worker()
    rig.wait_until_charged()
    rig.let_leases_end()
    rig.settle(refill_id)
    rig.prove_one_charge(refill_id)


def test_killed_after_the_charge_and_before_the_answer(rig: Rig):
    card = rig.till.save_card()
    rig.sandbox.misbehave("delay_after", delay_s=2)
    worker = rig.start_worker()
    refill_id = rig.till.request(card)
    rig.wait_until_charged()
    worker.kill()
    assert rig.till.refill(refill_id).state == "processing"
    rig.start_worker()
    rig.settle(refill_id)
    rig.prove_one_charge(refill_id)


def test_killed_after_the_answer_and_before_it_was_written(rig: Rig):
    card = rig.till.save_card()
    rig.sandbox.misbehave("delay_before", delay_s=1)
    worker = rig.start_worker()
    refill_id = rig.till.request(card)
    rig.wait_until_state(refill_id, "processing")
    with rig.holding(f"select 1 from refills where id = '{refill_id}' for update"):
        rig.wait_for_the_door()
        worker.kill()
    rig.wait_until_charged()
    assert rig.till.postings(refill_id) == 0
    rig.let_leases_end()
    rig.start_worker()
    rig.settle(refill_id)
    rig.prove_one_charge(refill_id)


def test_killed_right_after_the_outcome_was_written(rig: Rig):
    card = rig.till.save_card()
    worker = rig.start_worker()
    refill_id = rig.till.request(card)
    rig.wait_until_state(refill_id, "succeeded")
    worker.kill()
    rig.start_worker()
    rig.settle(refill_id)
    rig.prove_one_charge(refill_id)


def test_frozen_before_sending_past_its_lease_and_back(rig: Rig):
    """Rule 3: who was overtaken does not send any more."""
    card = rig.till.save_card()
    refill_id = rig.request_without_job(card)
    zombie = rig.start_worker()
    with rig.stopped_before_sending(refill_id):
        zombie.freeze()
    rig.let_leases_end()
    rig.start_worker()
    rig.settle(refill_id)
    zombie.thaw()
    time.sleep(2)
    rig.prove_one_charge(refill_id)


def test_frozen_while_its_request_is_on_the_wire_and_back(rig: Rig):
    """The lease check cannot help here: the gateway's duplicate window and the fence must."""
    card = rig.till.save_card()
    port = int(rig.sandbox.hosted_url.rsplit(":", 1)[1])
    with HoldingProxy("127.0.0.1", port) as wire:
        url = rig.sandbox.api_url.replace(f":{port}/", f":{wire.port}/")
        zombie = rig.start_worker(AUTHORIZENET_TEST_API_URL=url)
        wire.hold()
        refill_id = rig.till.request(card)
        rig.wait_until_state(refill_id, "processing")
        assert wire.held.wait(20)
        zombie.freeze()
        rig.let_leases_end()
        rig.start_worker()
        rig.settle(refill_id)
        wire.release()
        zombie.thaw()
        time.sleep(2)
        rig.prove_one_charge(refill_id)


@pytest.mark.parametrize("offset_s", ["259200", "-259200"])
def test_a_worker_whose_clock_is_days_wrong_looks_while_the_request_is_on_the_wire(
    rig: Rig, offset_s: str
):
    """It must not take the lease as over, nor the request as one that never came."""
    card = rig.till.save_card()
    port = int(rig.sandbox.hosted_url.rsplit(":", 1)[1])
    with HoldingProxy("127.0.0.1", port) as wire:
        url = rig.sandbox.api_url.replace(f":{port}/", f":{wire.port}/")
        slow = rig.start_worker(AUTHORIZENET_TEST_API_URL=url)
        wire.hold()
        refill_id = rig.till.request(card)
        rig.wait_until_state(refill_id, "processing")
        assert wire.held.wait(20)
        slow.freeze()
        wrong = rig.start_worker(**{CLOCK: offset_s})
        for _ in range(4):
            rig.execute(f"update refills set next_look_at = now() where id = '{refill_id}'")
            rig.sweep()
            time.sleep(0.5)
        assert rig.till.refill(refill_id).state == "processing"
        wire.release()
        slow.thaw()
        rig.settle(refill_id)
        wrong.kill()
        rig.prove_one_charge(refill_id)


def test_an_automatic_charge_survives_its_worker(rig: Rig):
    till = rig.till
    till.save_card()
    till.owe("10")
    with till.work() as session:
        auto_payment.save_auto_payment(
            session,
            get_client(session, till.client.id),
            AutoPayment(enabled=True, extra_amount=Decimal(5)),
        )
    rig.sandbox.misbehave("delay_after", delay_s=2)
    worker = rig.start_worker()
    rig.sweep(auto_payment=True)
    rig.wait_until_charged()
    worker.kill()
    rig.let_leases_end()
    rig.start_worker()
    for _ in range(5):
        rig.sweep(auto_payment=True)
    with till.work() as session:
        (refill_id,) = session.scalars(select(Refill.id)).all()
    rig.settle(refill_id)
    rig.prove_one_charge(refill_id, "15.00")
    assert till.live() == 5
