"""The period filter of lists: a named one, or two days, by the viewer's calendar.

A week begins on Monday (ISO 8601) for everybody: an address that is sent means the same days.
A period that is still running ends today.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from flask import request
from flask_babel import gettext as _
from sqlalchemy import ColumnElement

from billing.named_periods import named_period
from billing.periods import local_midnight
from core.clock import today
from core.errors import InvalidInputError
from portal.access import current_user_timezone

_DAY = timedelta(days=1)
# beyond these days a time zone's midnight cannot be told, and no client of ours was made
_FIRST_DAY, _LAST_DAY = date(1900, 1, 1), date(2999, 12, 31)
NAMES = (
    "any", "today", "this_week", "last_week", "week", "month", "last_month", "quarter",
    "last_quarter", "year", "last_year", "custom",
)  # fmt: skip


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

    def to_args(self, key: str) -> dict[str, str]:
        """As an address holds it: `key`, and the two days of a custom period beside it."""
        if not self.is_set:
            return {}
        if self.name != "custom":
            return {key: self.name}
        days = {f"{key}_from": self.first_on, f"{key}_to": self.last_on}
        return {key: "custom", **{name: f"{day}" for name, day in days.items() if day is not None}}


ANY_TIME = PeriodFilter()


def read_period() -> PeriodFilter:
    """What the address asks for; anything that cannot be read is left open."""
    name = request.args.get("period", "any")
    if name == "custom":
        return PeriodFilter(name, _day("from"), _day("to"))
    if name not in NAMES or name == "any":
        return ANY_TIME
    return PeriodFilter(name, *named_period(name, today(current_user_timezone())))


def parse_period(name: str, first_on: str, last_on: str) -> PeriodFilter:
    """The period of these texts; raises InvalidInputError for what is none."""
    if name in ("", "any"):
        return ANY_TIME
    if name not in NAMES:
        raise InvalidInputError("Choose one of the periods.")
    if name != "custom":
        return PeriodFilter(name, *named_period(name, today(current_user_timezone())))
    period = PeriodFilter(name, _checked_day(first_on), _checked_day(last_on))
    if period.first_on and period.last_on and period.first_on > period.last_on:
        raise InvalidInputError("The first day is after the last one.")
    return period if period.is_set else ANY_TIME


def period_options() -> list[tuple[str, str]]:
    """Pairs of value and text for the filter."""
    return [
        ("any", _("Any time")),
        ("today", _("Today")),
        ("week", _("Last 7 days")),
        ("this_week", _("This week")),
        ("last_week", _("Last week")),
        ("month", _("This month")),
        ("last_month", _("Last month")),
        ("quarter", _("This quarter")),
        ("last_quarter", _("Last quarter")),
        ("year", _("This year")),
        ("last_year", _("Last year")),
        ("custom", _("From … to …")),
    ]


def _day(name: str) -> date | None:
    try:
        return _checked_day(request.args.get(name, ""))
    except InvalidInputError:
        return None


def _checked_day(text: str) -> date | None:
    if not text:
        return None
    try:
        found = date.fromisoformat(text)
    except ValueError:
        raise InvalidInputError("Write the day as 2026-01-31.") from None
    if not _FIRST_DAY <= found <= _LAST_DAY:
        raise InvalidInputError("Write the day as 2026-01-31.")
    return found
