"""The periods of a subscription and what of a fee falls on some of their days.

Whole periods are counted from an anchor: the n-th boundary is anchor + n × period, never the one
before plus something, so that 31 January is followed by 28 February and then by 31 March. Days are
calendar days of the client's zone; the instants of a period are [starts_at, ends_at) in UTC.
"""

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Literal
from zoneinfo import ZoneInfo

from billing.periods import local_midnight
from core.errors import InvalidInputError
from core.money import EXACT, LEDGER_PLACES, ROUNDING, round_amount

PeriodUnit = Literal["day", "week", "month", "year"]
MAX_COUNT = 366
_DAY = timedelta(days=1)
_LAST_YEAR = 2300


@dataclass(frozen=True, slots=True)
class Cycle:
    """Boundaries at `anchor_on` + n × `count` `unit`s for every whole n, also below zero."""

    unit: PeriodUnit
    count: int
    anchor_on: date

    def __post_init__(self) -> None:
        if not 1 <= self.count <= MAX_COUNT:
            raise InvalidInputError(
                "A period is from 1 to %(most)s long.", "period_count", most=MAX_COUNT
            )

    def boundary(self, n: int) -> date:
        """The n-th boundary; a day that its month lacks is the month's last."""
        if self.unit in ("day", "week"):
            return self.anchor_on + n * self.count * (7 if self.unit == "week" else 1) * _DAY
        months = self.count * (12 if self.unit == "year" else 1)
        month = self.anchor_on.year * 12 + self.anchor_on.month - 1 + n * months
        year, number = divmod(month, 12)
        if not 1 <= year <= _LAST_YEAR:
            raise InvalidInputError("This is too far away.", "starts_on")
        last = monthrange(year, number + 1)[1]
        return date(year, number + 1, min(self.anchor_on.day, last))

    def index_of(self, day: date) -> int:
        """The n of the whole period that holds `day`: boundary(n) ≤ day < boundary(n + 1)."""
        length = {"day": 1, "week": 7, "month": 30.4, "year": 365.2}[self.unit] * self.count
        n = int((day - self.anchor_on).days // length)
        while self.boundary(n) > day:
            n -= 1
        while self.boundary(n + 1) <= day:
            n += 1
        return n


@dataclass(frozen=True, slots=True)
class Span:
    """One period of a subscription: the local days `first_on` to `last_on`.

    `days` has the whole period, of which the subscription has `held_days` from `first_on` on.
    """

    number: int
    first_on: date
    last_on: date
    starts_at: datetime
    ends_at: datetime
    days: int

    @property
    def held_days(self) -> int:
        return (self.last_on - self.first_on).days + 1

    def days_after(self, day: date) -> int:
        """How many days of the period come after `day`."""
        return min(max((self.last_on - day).days, 0), self.held_days)


def calendar_anchor(unit: PeriodUnit, count: int, day: date) -> date:
    """The beginning of the calendar's own period that holds `day`: Monday, the 1st, 1 January.

    Several months or years are counted from January, or from the year 0; days have no calendar of
    their own and begin at `day`.
    """
    if unit == "day":
        return day
    if unit == "week":
        return day - day.weekday() * _DAY
    if unit == "month":
        month = day.year * 12 + day.month - 1
        year, number = divmod(month - (day.month - 1) % count if count <= 12 else month, 12)
        return date(year, number + 1, 1)
    return date(max(day.year - day.year % count, 1), 1, 1)


def list_spans(cycle: Cycle, starts_on: date, zone: ZoneInfo) -> Iterator[Span]:
    """Every period of a subscription that begins on `starts_on`, in order, without end.

    The first one is the rest of the whole period that holds `starts_on`. A period whose days hold
    no time at all (Apia skipped one) is left out; the next one names its days too.
    """
    n, number = cycle.index_of(starts_on), 0
    whole_on, first_on = cycle.boundary(n), starts_on
    starts_at = local_midnight(first_on, zone)
    while True:
        n += 1
        end_on = cycle.boundary(n)
        span = Span(
            number=number,
            first_on=first_on,
            last_on=end_on - _DAY,
            starts_at=starts_at,
            ends_at=local_midnight(end_on, zone),
            days=(end_on - whole_on).days,
        )
        if span.ends_at <= span.starts_at:
            continue
        yield span
        number += 1
        whole_on = first_on = end_on
        starts_at = span.ends_at


def find_span(cycle: Cycle, starts_on: date, zone: ZoneInfo, number: int) -> Span:
    """The period with this number, counted from 0."""
    spans = list_spans(cycle, starts_on, zone)
    return next(span for span in spans if span.number == number)


def cut(span: Span, last_on: date, zone: ZoneInfo) -> Span:
    """The same period ending with `last_on`; before its first day it holds no time."""
    if last_on >= span.last_on:
        return span
    ends_at = max(local_midnight(last_on + _DAY, zone), span.starts_at)
    return replace(span, last_on=max(last_on, span.first_on - _DAY), ends_at=ends_at)


def share_of(fee: Decimal, days: int, of_days: int) -> Decimal:
    """fee × days ÷ of_days, half-up at the ledger's six places."""
    if not 0 <= days <= of_days or of_days < 1:
        raise ValueError("days of a period")
    exact = ROUNDING.divide(EXACT.multiply(fee, Decimal(days)), Decimal(of_days))
    return round_amount(exact, LEDGER_PLACES)


def part_of(fee: Decimal, of_days: int, from_day: int, until_day: int) -> Decimal:
    """What of `fee` falls on the days [from_day, until_day) of a period, counted from 0.

    Taken as the difference of what is left at both ends, so that parts which meet add up to the
    whole fee to the last digit, and the last part is `fee` × days left ÷ days.
    """
    left_before = share_of(fee, of_days - from_day, of_days)
    left_after = share_of(fee, of_days - until_day, of_days)
    return EXACT.subtract(left_before, left_after)
