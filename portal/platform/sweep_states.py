"""How recurring work stands, from the row of its last run."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

from core.schedule import DEAD_AFTER, LOST_AFTER, ScheduledRun

State = Literal["ok", "running", "failed", "not_taken", "lost", "never"]
BAD: frozenset[State] = frozenset({"failed", "not_taken", "lost"})

CLOCK_STANDS_AFTER = timedelta(minutes=5)
"""The shortest period of any sweep is far below: somebody must have asked since."""


def state_of(run: ScheduledRun, at: datetime) -> State:
    """`not_taken`: asked for and no worker began; `lost`: begun and never ended."""
    if run.enqueued_at is None:
        return "never"
    began = run.started_at
    if began is None or began < run.enqueued_at:
        if at - run.enqueued_at > 2 * LOST_AFTER:
            return "not_taken"
    elif run.finished_at is None or run.finished_at < began:
        return "lost" if at - began > DEAD_AFTER else "running"
    if run.failures:
        return "failed"
    return "ok" if run.finished_at else "running"


def clock_stands(runs: Sequence[ScheduledRun], at: datetime) -> bool:
    """True when no work was asked for lately: the tick does not run."""
    asked = [run.enqueued_at for run in runs if run.enqueued_at is not None]
    return not asked or at - max(asked) > CLOCK_STANDS_AFTER
