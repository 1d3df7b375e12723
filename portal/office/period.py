"""The period filter of lists: a named one, or two days, by the viewer's calendar."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from flask import request
from flask_babel import gettext as _
from sqlalchemy import ColumnElement

from billing.periods import local_midnight
from core.clock import today
from portal.access import current_user_timezone

_DAY = timedelta(days=1)
NAMES = ("any", "today", "week", "month", "last_month", "quarter", "year", "custom")


@dataclass(frozen=True, slots=True)
class PeriodFilter:
    """`first_on` to `last_on`, both included; None is open."""

    name: str = "any"
    first_on: date | None = None
    last_on: date | None = None

    def instant_conditions(self, column: Any) -> list[ColumnElement[bool]]:  # noqa: ANN401 (a column of any table)
        """That an instant lies in the period, by the viewer's midnights."""
        zone = current_user_timezone()
        conditions = []
        if self.first_on is not None:
            conditions.append(column >= local_midnight(self.first_on, zone))
        if self.last_on is not None:
            conditions.append(column < local_midnight(self.last_on + _DAY, zone))
        return conditions

    def day_conditions(self, column: Any) -> list[ColumnElement[bool]]:  # noqa: ANN401 (as above)
        """That a calendar day lies in the period."""
        conditions = []
        if self.first_on is not None:
            conditions.append(column >= self.first_on)
        if self.last_on is not None:
            conditions.append(column <= self.last_on)
        return conditions

    @property
    def is_set(self) -> bool:
        return self.first_on is not None or self.last_on is not None


ANY_TIME = PeriodFilter()


def read_period() -> PeriodFilter:
    """What the address asks for; anything that cannot be read is left open."""
    name = request.args.get("period", "any")
    if name == "custom":
        return PeriodFilter(name, _day("from"), _day("to"))
    if name not in NAMES or name == "any":
        return ANY_TIME
    return PeriodFilter(name, *_named(name, today(current_user_timezone())))


def period_options() -> list[tuple[str, str]]:
    """Pairs of value and text for the filter."""
    return [
        ("any", _("Any time")),
        ("today", _("Today")),
        ("week", _("Last 7 days")),
        ("month", _("This month")),
        ("last_month", _("Last month")),
        ("quarter", _("This quarter")),
        ("year", _("This year")),
        ("custom", _("From … to …")),
    ]


def _named(name: str, day: date) -> tuple[date, date]:
    month = day.replace(day=1)
    if name == "today":
        return day, day
    if name == "week":
        return day - 6 * _DAY, day
    if name == "last_month":
        return (month - _DAY).replace(day=1), month - _DAY
    if name == "quarter":
        return month.replace(month=3 * ((day.month - 1) // 3) + 1), day
    if name == "year":
        return day.replace(month=1, day=1), day
    return month, day


def _day(name: str) -> date | None:
    try:
        return date.fromisoformat(request.args.get(name, ""))
    except ValueError:
        return None
