"""Sweeps find the rows that wait too long and ask for their jobs. One file per domain package.

This is their registry. PostgreSQL decides what is due (core/schedule.py), so a tick that comes
twice, late or never does no harm.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVarTuple

import structlog
from sqlalchemy import ColumnExpressionArgument, Select, func

from core import jobs, platform_uow, schedule
from core.config import Settings
from core.db import Session
from core.errors import InvariantError
from core.platform_uow import platform_unit_of_work

JOB = "sweeps.run"
BATCH = 200
"""Rows that one run takes at most: the rest is found by the next."""

Find = Callable[[Session], int]
Columns = TypeVarTuple("Columns")
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Sweep:
    """`run` looks over every tenant in one transaction and says how many rows it found."""

    name: str
    every_s: int
    run: Find


_sweeps: dict[str, Sweep] = {}


def sweep(name: str, *, every_s: int) -> Callable[[Find], Find]:
    """Register `find(session) -> rows found`, to run every `every_s` seconds (at least 5).

    It looks over all tenants with the platform's role, takes at most BATCH rows (FOR UPDATE SKIP
    LOCKED where it changes them), and asks for one job a row with `jobs.enqueue`. It must be
    harmless when run twice at once. Raises InvariantError for a name taken before.
    """
    if every_s < 5:
        raise InvariantError("a sweep runs at most every 5 seconds")

    def register(find: Find) -> Find:
        known = _sweeps.get(name)
        if known is not None and known.run.__module__ != find.__module__:
            raise InvariantError(f"two sweeps are called {name}")
        _sweeps[name] = Sweep(name, every_s, find)
        return find

    return register


def in_turn(
    query: Select[*Columns],
    *,
    owner: ColumnExpressionArgument[int],
    order: ColumnExpressionArgument[Any],
) -> Select[*Columns]:
    """At most BATCH rows: of every `owner` (a reseller) its first by `order`, then each one's next.

    So a reseller with a thousand rows that wait does not keep the others waiting, and one whose
    rows fail each time keeps back at most its own.
    """
    turn = func.row_number().over(partition_by=owner, order_by=order)
    return query.order_by(turn, order).limit(BATCH)


def configure(settings: Settings) -> None:
    """Bind the role that sees every tenant. Call once per process, after any fork."""
    platform_uow.configure(settings)


def list_sweeps() -> list[Sweep]:
    """All registered sweeps, by name."""
    return [_sweeps[name] for name in sorted(_sweeps)]


def shortest_period_s() -> int:
    """How often somebody has to ask what is due; at least once a minute."""
    return min([60, *(one.every_s for one in _sweeps.values())])


def enqueue_due() -> list[str]:
    """Ask for the sweeps that are due; answers their names. Another tick at work: none."""
    with platform_unit_of_work() as session:
        periods = {one.name: one.every_s for one in _sweeps.values()}
        names = schedule.claim_due(session, periods)
        for name in names:
            jobs.enqueue(session, JOB, reseller_id=None, sweep=name)
    return names


def run_sweep(name: str) -> int | None:
    """Run one sweep now if it was asked for since its last run; None when it was not.

    Its failure is recorded and raised again.
    """
    found = _sweeps.get(name)
    if found is None:
        # a message of another release; the next tick asks for what exists now
        _log.warning("sweep.unknown", sweep=name)
        return None
    with platform_unit_of_work() as session:
        if not schedule.begin_run(session, name):
            return None
    try:
        with platform_unit_of_work() as session:
            rows = found.run(session)
    except Exception as error:
        with platform_unit_of_work() as session:
            schedule.record_run(session, name, found=0, error=type(error).__name__)
        raise
    with platform_unit_of_work() as session:
        schedule.record_run(session, name, found=rows)
    if rows:
        _log.info("sweep.found", sweep=name, rows=rows)
    return rows
