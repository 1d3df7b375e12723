"""PostgreSQL decides what is due: late, doubled and lost clocks do no harm."""

from datetime import timedelta

import pytest
import time_machine

from core import schedule
from core.clock import now
from core.errors import InvariantError
from core.platform_uow import platform_unit_of_work
from worker import sweeps

PERIODS = {"often": 10, "hourly": 3600}

pytestmark = pytest.mark.usefixtures("no_runs")


def _due() -> list[str]:
    with platform_unit_of_work() as session:
        return sorted(schedule.claim_due(session, PERIODS))


def _run(name: str, error: str = "") -> bool:
    with platform_unit_of_work() as session:
        begun = schedule.begin_run(session, name)
    if begun:
        with platform_unit_of_work() as session:
            schedule.record_run(session, name, found=3, error=error)
    return begun


def _row(name: str) -> schedule.ScheduledRun:
    with platform_unit_of_work() as session:
        return next(one for one in schedule.list_runs(session) if one.name == name)


@pytest.fixture
def clock():
    with time_machine.travel(now(), tick=False) as travelling:
        yield travelling


def test_what_never_ran_is_due_at_once_and_then_once_a_period(clock):
    assert _due() == ["hourly", "often"]
    assert _run("often")
    assert _run("hourly")
    assert _due() == []
    clock.shift(9)
    assert _due() == []
    clock.shift(1)
    assert _due() == ["often"]
    _run("often")
    clock.shift(3590)
    assert _due() == ["hourly", "often"]


def test_a_clock_that_stood_still_catches_up_once(clock):
    _due()
    _run("often")
    _run("hourly")
    clock.shift(timedelta(days=3))
    assert _due() == ["hourly", "often"]
    assert _due() == []


def test_a_message_that_comes_twice_runs_once(clock):
    _due()
    assert _run("hourly")
    assert not _run("hourly")


def test_nothing_runs_that_was_not_asked_for(clock):
    assert not _run("hourly")


def test_a_lost_message_is_asked_for_again_after_a_minute(clock):
    _due()
    _run("often")
    clock.shift(61)
    assert _due() == ["hourly", "often"]


def test_two_do_not_run_at_the_same_time_but_a_dead_one_is_replaced(clock):
    _due()
    with platform_unit_of_work() as session:
        assert schedule.begin_run(session, "often")
    clock.shift(20)
    assert "often" in _due()
    assert not _run("often")
    clock.shift(schedule.DEAD_AFTER)
    assert "often" in _due()
    assert _run("often")


def test_two_clocks_at_the_same_moment_ask_once(clock):
    with platform_unit_of_work() as session:
        first = schedule.claim_due(session, PERIODS)
        with platform_unit_of_work() as other:
            assert schedule.claim_due(other, PERIODS) == []
    assert sorted(first) == ["hourly", "often"]
    assert _due() == []


def test_failures_in_a_row_are_counted(clock):
    for failures in (1, 2):
        _due()
        assert _run("often", error="OperationalError")
        assert (_row("often").failures, _row("often").last_error) == (failures, "OperationalError")
        clock.shift(11)
    _due()
    assert _run("often")
    row = _row("often")
    assert (row.failures, row.last_error, row.found) == (0, "", 3)


def test_a_failing_sweep_is_recorded_and_raised(clock, monkeypatch):
    def fail(_session):
        raise RuntimeError("asked for")

    monkeypatch.setitem(sweeps._sweeps, "often", sweeps.Sweep("often", 10, fail))
    _due()
    with pytest.raises(RuntimeError):
        sweeps.run_sweep("often")
    assert _row("often").last_error == "RuntimeError"


def test_a_sweep_of_another_release_is_passed_over():
    assert sweeps.run_sweep("long.gone") is None


def test_a_sweep_has_a_sane_period_and_a_name_of_its_own():
    with pytest.raises(InvariantError):
        sweeps.sweep("hasty", every_s=1)
    import worker.sweeps.mail  # noqa: F401 (registers its sweep)

    with pytest.raises(InvariantError):
        sweeps.sweep("mail.queued", every_s=60)(_due)


def test_every_due_sweep_runs_in_the_worker(clean_database, worker):
    names = sweeps.enqueue_due()
    assert "mail.queued" in names
    worker.join()
    for one in sweeps.list_sweeps():
        row = _row(one.name)
        assert row.last_error == ""
        assert row.finished_at >= row.started_at
