"""Answers get lost, messages come several times, and several tell the same at once."""

import json

import pytest
import requests
from sqlalchemy import func, select

from core.ids import new_id
from payments import attempts, gateway_accounts
from payments.models import GatewayEvent
from sandbox.authorizenet.webhooks import signature_of
from tenants.models import Event
from tests.faults.rig import Rig, wait_for

pytestmark = pytest.mark.fault


def count_events(rig: Rig, *, handled: bool = False) -> int:
    with rig.till.work() as session:
        wanted = select(func.count()).select_from(GatewayEvent)
        if handled:
            wanted = wanted.where(GatewayEvent.handled_at.is_not(None))
        return session.scalars(wanted).one()


@pytest.mark.parametrize(
    "fault", ["drop_after", "drop_before", "http_500_after", "http_429", "unreadable_after"]
)
def test_an_answer_or_a_request_is_lost(rig: Rig, fault):
    card = rig.till.save_card()
    rig.sandbox.misbehave(fault)
    rig.start_worker()
    refill_id = rig.till.request(card)
    rig.settle(refill_id)
    rig.prove_one_charge(refill_id)


def test_the_same_webhook_five_times(rig: Rig):
    """Sent over HTTP, while the worker's own answer is lost."""
    card = rig.till.save_card()
    rig.sandbox.misbehave("drop_after")
    rig.sandbox.control("webhooks", is_on=True, repeat=5)
    rig.start_worker()
    refill_id = rig.till.request(card)
    rig.settle(refill_id)
    rig.prove_one_charge(refill_id)
    deliveries = rig.sandbox.control("webhooks/list", login=rig.till.merchant.login)["deliveries"]
    assert deliveries

    def are_all_handled() -> bool:
        # an event whose handling met the look at the door is asked for again by the clock
        rig.sweep()
        return count_events(rig, handled=True) == len(deliveries)

    wait_for("every event handled", are_all_handled)
    assert rig.till.postings(refill_id) == 1


def test_webhook_and_look_up_at_the_same_moment(rig: Rig):
    """Both have the gateway's word and stand at the door when it opens."""
    card = rig.till.save_card()
    rig.sandbox.misbehave("drop_after")
    rig.start_worker()
    refill_id = rig.till.request(card)
    rig.wait_until_state(refill_id, "unknown")
    rig.sandbox.misbehave("delay_before", call="getUnsettledTransactionListRequest", delay_s=2)
    rig.execute(f"update refills set next_look_at = now() where id = '{refill_id}'")
    rig.sweep()
    wait_for("the look-up under way", lambda: rig.till.attempt(refill_id).lease_owner is not None)
    with rig.holding(f"select 1 from refills where id = '{refill_id}' for update"):
        rig.sandbox.control("webhooks", is_on=True)
        rig.sandbox.control("webhooks/deliver")
        wait_for("both at the door", lambda: rig.waiting_for_locks() >= 2)
    rig.settle(refill_id)
    rig.prove_one_charge(refill_id)
    assert count_events(rig) > 0


def test_the_same_job_ten_times(rig: Rig):
    refill_id = rig.till.request(rig.till.save_card())
    for _ in range(10):
        rig.send_charge_job(refill_id)
    rig.start_worker()
    rig.settle(refill_id)
    rig.prove_one_charge(refill_id)


def test_a_lost_answer_and_a_worker_killed_while_it_looks(rig: Rig):
    card = rig.till.save_card()
    rig.sandbox.misbehave("drop_after")
    rig.sandbox.misbehave("delay_before", call="getUnsettledTransactionListRequest", delay_s=2)
    worker = rig.start_worker()
    refill_id = rig.till.request(card)
    rig.wait_until_state(refill_id, "unknown")
    rig.execute(f"update refills set next_look_at = now() where id = '{refill_id}'")
    rig.sweep()
    wait_for("the look-up under way", lambda: rig.till.attempt(refill_id).lease_owner is not None)
    worker.kill()
    rig.let_leases_end()
    rig.start_worker()
    rig.settle(refill_id)
    rig.prove_one_charge(refill_id)


def test_an_event_of_a_stranger_gives_nothing_and_the_address_goes_on_working(rig: Rig):
    """Signed with the key of another tenant's account at the same gateway."""
    stranger = rig.till.sandbox.add_merchant(name="Globex")
    refill_id = rig.till.request(rig.till.save_card())
    rig.start_worker()
    rig.wait_until_state(refill_id, "succeeded")
    attempt = rig.till.attempt(refill_id)
    body = json.dumps(
        {
            "notificationId": str(new_id()),
            "eventType": "net.authorize.payment.authcapture.created",
            "payload": {
                "entityName": "transaction",
                "id": attempt.gateway_ref,
                "invoiceNumber": attempt.key,
                "authAmount": 10.0,
            },
        }
    ).encode()
    with rig.till.work() as session:
        account = gateway_accounts.get_account(session, rig.till.account_id)
        address = gateway_accounts.webhook_url(account, rig.web_url)
    header = signature_of(stranger.signature_key, body)
    answer = requests.post(address, data=body, headers={"X-ANET-Signature": header}, timeout=20)
    assert answer.status_code == 401
    assert attempt.key not in answer.text
    assert count_events(rig) == 0
    with rig.till.work() as session:
        codes = session.scalars(select(Event.code)).all()
    assert codes.count("webhook_refused") == 1
    rig.sandbox.control("webhooks", is_on=True)
    rig.sandbox.control("webhooks/deliver")
    wait_for("the true events", lambda: count_events(rig) > 0)
    rig.settle(refill_id)
    rig.prove_one_charge(refill_id)


def test_keys_of_two_refills_never_meet():
    keys = {attempts.attempt_key(new_id(), 1) for _ in range(10_000)}
    assert len(keys) == 10_000
