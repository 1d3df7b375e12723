"""What the overview reads."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, case, func, select

from billing.models import LedgerLine, Transaction
from core.clock import today
from core.db import Session
from payments.models import Refill
from payments.refills import OPEN_STATES
from portal.panel.me import my_id
from portal.panel.movements import (
    Movement,
    balance_line,
    is_reversed,
    movement_columns,
    to_movement,
)

DAYS = 30
LATEST = 5
_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Day:
    """What one day of the client's calendar brought: both sums are positive as people say them."""

    on: date
    used: Decimal
    paid: Decimal


@dataclass(frozen=True, slots=True)
class Month:
    """The last 30 days, the present one last."""

    days: Sequence[Day]

    @property
    def used(self) -> Decimal:
        return sum((day.used for day in self.days), _ZERO)

    @property
    def paid(self) -> Decimal:
        return sum((day.paid for day in self.days), _ZERO)

    @property
    def top(self) -> Day:
        """The day on which most was used."""
        return max(self.days, key=lambda day: day.used)

    @property
    def is_empty(self) -> bool:
        return not any(day.used or day.paid for day in self.days)

    def height(self, day: Day) -> int:
        """The day's bar in thousandths of the highest one; what is used shows at least a line."""
        if day.used <= 0:
            return 0
        return max(12, int(day.used * 1000 / self.top.used))


def read_month(session: Session, zone: ZoneInfo) -> Month:
    """Charges and payments of the last 30 days of the client's calendar, none taken back."""
    last = today(zone)
    first = last - timedelta(days=DAYS - 1)
    since = datetime.combine(first, time(), zone)
    on = func.date(func.timezone(zone.key, Transaction.dated_at))
    rows = session.execute(
        select(on, _sum_of("charge"), _sum_of("payment"))
        .where(
            Transaction.client_id == my_id(),
            Transaction.status == "approved",
            Transaction.dated_at >= since,
            # what was taken back counts neither on its own day nor on that of its correction
            Transaction.reverses_id.is_(None),
            ~is_reversed(),
        )
        .group_by(on)
    )
    found = {day: (used, paid) for day, used, paid in rows}
    days = [first + timedelta(days=n) for n in range(DAYS)]
    return Month([Day(day, *found.get(day, (_ZERO, _ZERO))) for day in days])


def _sum_of(kind: str) -> ColumnElement[Decimal]:
    return func.coalesce(func.sum(case((Transaction.type == kind, Transaction.total))), _ZERO)


def list_latest(session: Session) -> list[Movement]:
    """The last few transactions."""
    rows = session.execute(
        select(*movement_columns())
        .outerjoin(LedgerLine, balance_line())
        .where(Transaction.client_id == my_id())
        .order_by(Transaction.dated_at.desc(), Transaction.id.desc())
        .limit(LATEST)
    )
    return [to_movement(row) for row in rows]


def list_open_refills(session: Session) -> list[Refill]:
    """Payments whose outcome is not known yet, the newest first."""
    return list(
        session.scalars(
            select(Refill)
            .where(Refill.client_id == my_id(), Refill.state.in_(OPEN_STATES))
            .order_by(Refill.created_at.desc())
            .limit(LATEST)
        )
    )
