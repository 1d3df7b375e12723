"""Redis is emptied or killed, PostgreSQL crashes: the rows are the truth."""

from contextlib import suppress

import psycopg
import pytest

from tests.faults.rig import Rig

pytestmark = pytest.mark.fault


def test_redis_emptied_before_the_charge_began(rig: Rig):
    card = rig.till.save_card()
    refill_id = rig.till.request(card)
    rig.redis.flush()
    rig.start_worker()
    rig.let_a_minute_pass()
    rig.settle(refill_id)
    rig.prove_one_charge(refill_id)


def test_redis_emptied_while_the_outcome_is_unknown(rig: Rig):
    """The look-up and the mail were only in the queue."""
    card = rig.till.save_card()
    rig.sandbox.misbehave("drop_after")
    rig.start_worker()
    refill_id = rig.till.request(card)
    rig.wait_until_state(refill_id, "unknown")
    rig.redis.flush()
    rig.settle(refill_id)
    rig.prove_one_charge(refill_id)


def test_redis_killed_and_started_again_during_a_charge(rig: Rig):
    card = rig.till.save_card()
    rig.sandbox.misbehave("delay_after", delay_s=2)
    rig.start_worker()
    refill_id = rig.till.request(card)
    rig.wait_until_charged()
    rig.redis.restart()
    rig.settle(refill_id)
    rig.prove_one_charge(refill_id)


def test_postgresql_crashes_while_the_gateway_answers(rig: Rig):
    card = rig.till.save_card()
    rig.sandbox.misbehave("delay_after", delay_s=2)
    rig.start_worker()
    refill_id = rig.till.request(card)
    rig.wait_until_charged()
    rig.crash_postgresql()
    rig.settle(refill_id)
    rig.prove_one_charge(refill_id)


def test_postgresql_crashes_while_the_outcome_is_being_written(rig: Rig):
    card = rig.till.save_card()
    rig.sandbox.misbehave("delay_before", delay_s=1)
    rig.start_worker()
    refill_id = rig.till.request(card)
    rig.wait_until_state(refill_id, "processing")
    # our own connection, which holds the lock, dies with the server
    with (
        suppress(psycopg.OperationalError),
        rig.holding(f"select 1 from refills where id = '{refill_id}' for update"),
    ):
        rig.wait_for_the_door()
        rig.crash_postgresql()
    rig.settle(refill_id)
    rig.prove_one_charge(refill_id)
