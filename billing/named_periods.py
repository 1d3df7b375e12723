"""Periods that have a name and move with the day: this month, last week, yesterday.

A week begins on Monday (ISO 8601) for everybody. A period that is still running ends on the day.
"""

from datetime import date, timedelta

from core.errors import InvalidInputError

_DAY = timedelta(days=1)
NAMES = (
    "today", "yesterday", "week", "this_week", "last_week", "month", "last_month", "quarter",
    "last_quarter", "year", "last_year",
)  # fmt: skip


def named_period(name: str, day: date) -> tuple[date, date]:
    """Its first and last day as it is on `day`; raises InvalidInputError for an unknown name."""
    month = day.replace(day=1)
    quarter = month.replace(month=3 * ((day.month - 1) // 3) + 1)
    monday = day - day.weekday() * _DAY
    year = day.replace(month=1, day=1)
    starts = {
        "today": day,
        "week": day - 6 * _DAY,
        "this_week": monday,
        "month": month,
        "quarter": quarter,
        "year": year,
    }
    if name in starts:
        return starts[name], day
    if name == "yesterday":
        return day - _DAY, day - _DAY
    ended = {"last_week": monday, "last_month": month, "last_quarter": quarter, "last_year": year}
    if name not in ended:
        raise InvalidInputError("Choose one of the periods.", "period")
    last_on = ended[name] - _DAY
    begun = {
        "last_week": monday - 7 * _DAY,
        "last_month": last_on.replace(day=1),
        "last_quarter": (quarter - 80 * _DAY).replace(day=1),
        "last_year": last_on.replace(month=1, day=1),
    }
    return begun[name], last_on
