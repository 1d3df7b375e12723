"""When recurring work is due: a row per work, decided by PostgreSQL.

Restarts, double clocks and emptied queues do no harm: work that was asked for and did not begin is
asked for again, and what was asked for twice runs once.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import (
    ColumnElement,
    Interval,
    String,
    and_,
    case,
    cast,
    func,
    literal,
    or_,
    select,
    update,
    values,
)
from sqlalchemy import column as sql_column
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, mapped_column

from core.clock import now
from core.db import Base, Session

_TICK_LOCK = 7062
LOST_AFTER = timedelta(seconds=60)
"""Asked for and not begun by then: the queue has lost the message."""
DEAD_AFTER = timedelta(minutes=15)
"""Begun and not finished by then: its worker is gone."""


class ScheduledRun(Base):
    """The last run of one recurring piece of work; no tenant owns it."""

    __tablename__ = "scheduled_runs"
    name: Mapped[str] = mapped_column(primary_key=True)
    enqueued_at: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    found: Mapped[int] = mapped_column(server_default="0")
    failures: Mapped[int] = mapped_column(server_default="0")
    last_error: Mapped[str] = mapped_column(server_default="")


_run = ScheduledRun


def claim_due(session: Session, periods: Mapping[str, int]) -> list[str]:
    """Mark what is due as asked for and answer its names; `periods` maps names to seconds.

    Answers nothing while another process does the same.
    """
    if not periods or not session.scalar(select(func.pg_try_advisory_xact_lock(_TICK_LOCK))):
        return []
    session.execute(
        insert(_run).values([{"name": name} for name in sorted(periods)]).on_conflict_do_nothing()
    )
    wanted = values(
        sql_column("name", String), sql_column("every_s", Interval), name="wanted"
    ).data([(name, timedelta(seconds=every_s)) for name, every_s in sorted(periods.items())])
    at = now()
    due = or_(
        _run.enqueued_at.is_(None),
        _run.enqueued_at <= at - cast(wanted.c.every_s, Interval),
        and_(_never_began(), _run.enqueued_at <= at - LOST_AFTER),
        and_(_never_ended(), _run.started_at <= at - DEAD_AFTER),
    )
    return list(
        session.scalars(
            update(_run)
            .where(_run.name == wanted.c.name, due)
            .values(enqueued_at=at)
            .returning(_run.name)
            .execution_options(synchronize_session=False)
        )
    )


def begin_run(session: Session, name: str) -> bool:
    """True when the work was asked for since it last began and nobody is at it now."""
    at = now()
    begun = session.execute(
        update(_run)
        .where(
            _run.name == name,
            _never_began(),
            or_(
                _run.started_at.is_(None),
                _run.finished_at >= _run.started_at,
                _run.started_at <= at - DEAD_AFTER,
            ),
        )
        .values(started_at=at)
        .returning(_run.name)
        .execution_options(synchronize_session=False)
    )
    return begun.first() is not None


def record_run(session: Session, name: str, *, found: int, error: str = "") -> None:
    """Write down how the run ended; `error` is empty for success."""
    session.execute(
        update(_run)
        .where(_run.name == name)
        .values(
            finished_at=now(),
            found=found,
            failures=case((literal(bool(error)), _run.failures + 1), else_=0),
            last_error=error,
        )
        .execution_options(synchronize_session=False)
    )


def list_runs(session: Session) -> list[ScheduledRun]:
    """The last run of each, by name."""
    return list(session.scalars(select(_run).order_by(_run.name)))


def _never_began() -> ColumnElement[bool]:
    return or_(_run.started_at.is_(None), _run.started_at < _run.enqueued_at)


def _never_ended() -> ColumnElement[bool]:
    return and_(
        _run.started_at.is_not(None),
        or_(_run.finished_at.is_(None), _run.finished_at < _run.started_at),
    )
