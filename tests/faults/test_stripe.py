"""Stripe: killed, lost, repeated, told by strangers; one charge and one posting each time."""

import json
import time

import pytest
import requests
from sqlalchemy import func, select

from payments import gateway_accounts
from payments.models import GatewayEvent
from sandbox.stripe.webhooks import signature_of
from tests.faults.rig import Rig, wait_for
from tests.warm_workers import CLOCK

pytestmark = pytest.mark.fault


@pytest.fixture
def rig(stripe_rig: Rig) -> Rig:
    return stripe_rig


def count_events(rig: Rig, *, handled: bool = False) -> int:
    with rig.till.work() as session:
        wanted = select(func.count()).select_from(GatewayEvent)
        if handled:
            wanted = wanted.where(GatewayEvent.handled_at.is_not(None))
        return session.scalars(wanted).one()


def test_killed_before_stripe_has_done_anything(rig: Rig):
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
    rig.let_leases_end()
    rig.start_worker()
    rig.settle(refill_id)
    rig.prove_one_charge(refill_id)


@pytest.mark.parametrize("fault", ["drop_after", "drop_before", "http_500_after", "http_429"])
def test_an_answer_or_a_request_is_lost(rig: Rig, fault):
    """A 500 is kept for the key and told again: only the look-up can find the charge."""
    card = rig.till.save_card()
    rig.sandbox.misbehave(fault)
    rig.start_worker()
    refill_id = rig.till.request(card)
    rig.settle(refill_id)
    rig.prove_one_charge(refill_id)


def test_frozen_before_sending_past_its_lease_and_back(rig: Rig):
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


def test_redis_emptied_and_postgresql_crashes_while_stripe_answers(rig: Rig):
    card = rig.till.save_card()
    rig.start_worker()
    # a letter that the crash cuts off waits for minutes
    wait_for("the card's letter", lambda: all(one.state == "sent" for one in rig.till.mails()))
    rig.sandbox.misbehave("delay_after", delay_s=2)
    refill_id = rig.till.request(card)
    rig.wait_until_charged()
    rig.redis.flush()
    rig.crash_postgresql()
    rig.settle(refill_id)
    rig.prove_one_charge(refill_id)


def test_the_event_comes_before_the_answer_and_the_newest_first(rig: Rig):
    card = rig.till.save_card()
    rig.sandbox.misbehave("delay_after", delay_s=2)
    rig.sandbox.control("webhooks", is_on=True, repeat=2, newest_first=True)
    rig.start_worker()
    refill_id = rig.till.request(card)
    wait_for("events", lambda: count_events(rig) > 0)
    rig.settle(refill_id)
    rig.prove_one_charge(refill_id)


@pytest.mark.parametrize("offset_s", ["3600", "-259200"])
def test_a_worker_whose_clock_is_wrong(rig: Rig, offset_s):
    """An hour ahead it sees every lease as over, three days behind none."""
    card = rig.till.save_card()
    rig.sandbox.misbehave("delay_after", delay_s=2)
    right = rig.start_worker()
    refill_id = rig.till.request(card)
    rig.wait_until_charged()
    right.kill()
    wrong = rig.start_worker(**{CLOCK: offset_s})
    rig.execute(f"update refills set next_look_at = now() where id = '{refill_id}'")
    rig.sweep()
    time.sleep(1)
    wrong.kill()
    rig.let_leases_end()
    rig.start_worker()
    rig.settle(refill_id)
    rig.prove_one_charge(refill_id)


def test_the_same_webhook_five_times(rig: Rig):
    card = rig.till.save_card()
    rig.sandbox.misbehave("drop_after")
    rig.sandbox.control("webhooks", is_on=True, repeat=5)
    rig.start_worker()
    refill_id = rig.till.request(card)
    rig.settle(refill_id)
    rig.prove_one_charge(refill_id)
    wait_for("events", lambda: count_events(rig) > 0)

    def are_all_handled() -> bool:
        # an event whose handling met the look at the door is asked for again by the clock
        rig.sweep()
        return count_events(rig, handled=True) == count_events(rig)

    wait_for("every event handled", are_all_handled)
    assert rig.till.postings(refill_id) == 1


def test_an_event_of_a_stranger_gives_nothing_and_the_address_goes_on_working(rig: Rig):
    card = rig.till.save_card()
    refill_id = rig.till.request(card)
    rig.sandbox.control("webhooks", is_on=True, wrong_signature=True)
    rig.start_worker()
    rig.wait_until_state(refill_id, "succeeded")
    key, ref = rig.till.attempt(refill_id).key, rig.till.attempt(refill_id).gateway_ref
    body = json.dumps(
        {"id": "evt_forged", "type": "payment_intent.succeeded", "livemode": False,
         "data": {"object": {"object": "payment_intent", "id": ref, "metadata": {"attempt": key}}}}
    ).encode()  # fmt: skip
    with rig.till.work() as session:
        account = gateway_accounts.get_account(session, rig.till.account_id)
        address = gateway_accounts.webhook_url(account, rig.web_url)
    header = signature_of(["whsec_of_globex"], body, int(time.time()))
    answer = requests.post(address, data=body, headers={"Stripe-Signature": header}, timeout=20)
    assert answer.status_code == 401
    assert key not in answer.text
    assert count_events(rig) == 0
    rig.sandbox.control("webhooks", is_on=True, wrong_signature=False)
    rig.sandbox.control("webhooks/deliver")
    wait_for("the true events", lambda: count_events(rig) > 0)
    rig.settle(refill_id)
    rig.prove_one_charge(refill_id)
