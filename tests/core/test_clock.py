"""One clock for all processes: the database's, where the own one is wrong."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
import time_machine

from core import clock
from core.tenancy import Scope, tenant_scope
from core.uow import unit_of_work

MOMENT = timedelta(seconds=2)


@pytest.fixture(autouse=True)
def own_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "_follows_database", False)
    monkeypatch.setattr(clock, "_offset", timedelta())


@pytest.fixture(params=[3, -3], ids=["ahead", "behind"])
def right(request: pytest.FixtureRequest) -> Iterator[datetime]:
    """The right time, on a machine whose clock is three days off."""
    at = clock.own_time()
    with time_machine.travel(at + timedelta(days=request.param), tick=True):
        yield at


def test_a_process_that_follows_the_database_has_its_time_from_the_first_transaction_on(
    settings, right: datetime
):
    clock.follow_database()
    with tenant_scope(Scope((1,))), unit_of_work():
        # before anything was asked in it
        assert abs(clock.now() - right) < MOMENT * 5
    assert abs(clock.now() - right) < MOMENT * 5


def test_others_keep_their_own(settings, right: datetime):
    with tenant_scope(Scope((1,))), unit_of_work() as session:
        session.connection()
        assert abs(clock.now() - right) > timedelta(days=2)


def test_a_difference_of_moments_is_none(settings):
    clock.follow_database()
    clock.heed(clock.own_time() + timedelta(seconds=1), clock.own_time())
    assert clock._offset == timedelta()


def test_an_answer_that_came_late_says_nothing():
    """Whoever stood still between question and answer would set its clock back by that long."""
    clock.follow_database()
    clock.heed(clock.own_time() - timedelta(minutes=5), clock.own_time() - timedelta(minutes=5))
    assert clock._offset == timedelta()


def test_a_clock_that_was_put_right_is_believed_again(settings):
    clock.follow_database()
    clock.heed(clock.own_time() + timedelta(days=3), clock.own_time())
    assert clock._offset > timedelta(days=2)
    with tenant_scope(Scope((1,))), unit_of_work():
        assert clock._offset == timedelta()
