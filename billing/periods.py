"""When a client is invoiced: billing periods, due dates and reminders.

Days are calendar days of the client's zone; periods are instants [starts_at, ends_at) in UTC.
Every boundary is computed from its own date, never by adding hours to the one before, so a day
of 23 or 25 hours is neither billed twice nor left out.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from itertools import islice
from zoneinfo import ZoneInfo

from core.errors import InvalidInputError

LAST_DAY_OF_MONTH_TERM = 28
MAX_DAYS = 3660
# A client that was forgotten for years catches up in steps of this many invoices.
MAX_PERIODS_AT_ONCE = 400

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class OnDayOfMonth:
    """Invoice at every midnight whose day is `day`; 29 to 31 mean 28, which every month has."""

    day: int

    def __post_init__(self) -> None:
        if not 1 <= self.day <= 31:
            raise InvalidInputError("The day of the month is from 1 to 31.", field="day")
        object.__setattr__(self, "day", min(self.day, LAST_DAY_OF_MONTH_TERM))

    def boundary_after(self, first_on: date) -> date:
        """The first boundary that leaves at least one day from `first_on` on."""
        if first_on.day < self.day:
            return first_on.replace(day=self.day)
        month = first_on.year * 12 + first_on.month  # months since year 0, counted to the next
        return date(month // 12, month % 12 + 1, self.day)


@dataclass(frozen=True, slots=True)
class EveryDays:
    """Invoice after every `days` whole days, counted from the day after Last Invoiced."""

    days: int

    def __post_init__(self) -> None:
        if not 1 <= self.days <= MAX_DAYS:
            raise InvalidInputError(
                "The days are from 1 to %(count)s.", field="days", count=MAX_DAYS
            )

    def boundary_after(self, first_on: date) -> date:
        """The first boundary that leaves at least one day from `first_on` on."""
        return first_on + self.days * _DAY


InvoicingTerms = OnDayOfMonth | EveryDays


@dataclass(frozen=True, slots=True)
class Period:
    """The local days `first_on` to `last_on`, which are [starts_at, ends_at) in UTC.

    `boundary_on`, the day after, is the invoice date of an automatic invoice; `last_on` is what
    Last Invoiced becomes.
    """

    first_on: date
    last_on: date
    starts_at: datetime
    ends_at: datetime
    boundary_on: date


def local_midnight(day: date, zone: ZoneInfo) -> datetime:
    """The first instant, in UTC, at which the clocks of `zone` show `day` or a later date.

    A midnight that clocks pass twice counts the first time. One that they skip is the instant
    they jump at; where a whole day is skipped (Apia, 2011-12-30) that is the start of the next.
    """
    naive = datetime.combine(day, time.min)
    instant = naive.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == naive:
        return instant
    # In a gap fold 1 reads with the offset after the jump, fold 0 with the one before: the jump
    # lies between the two readings.
    earliest = int(naive.replace(tzinfo=zone, fold=1).timestamp())
    latest = int(instant.timestamp())
    seconds = range(earliest, latest + 1)
    jump = bisect_left(
        seconds,
        True,
        key=lambda second: datetime.fromtimestamp(second, zone).replace(tzinfo=None) >= naive,
    )
    return datetime.fromtimestamp(seconds[jump], UTC)


def due_periods(
    terms: InvoicingTerms,
    last_invoiced_on: date,
    zone: ZoneInfo,
    now: datetime,
    *,
    previous_end_at: datetime | None = None,
    limit: int = MAX_PERIODS_AT_ONCE,
) -> list[Period]:
    """The periods whose boundary has passed, oldest first, at most `limit` of them.

    `previous_end_at` is where the client's last period really ended; the first period starts
    there, so that a change of the client's zone leaves no gap and bills nothing twice. Without it
    (no invoice yet, or somebody set Last Invoiced by hand) the first period starts at the midnight
    after `last_invoiced_on`. Periods of no length (a skipped day, a move to a zone further east)
    are left out; the next one names their days too. ValueError when an instant is naive.
    """
    _check_aware(now)
    periods = _periods_from(terms, last_invoiced_on, zone, previous_end_at)
    passed = []
    for period in islice(periods, limit):
        if period.ends_at > now:
            break
        passed.append(period)
    return passed


def next_boundary(
    terms: InvoicingTerms,
    last_invoiced_on: date,
    zone: ZoneInfo,
    *,
    previous_end_at: datetime | None = None,
) -> Period:
    """The first period not yet invoiced; it is due once its `ends_at` has passed."""
    return next(_periods_from(terms, last_invoiced_on, zone, previous_end_at))


def period_for_dates(
    first_on: date, last_on: date, zone: ZoneInfo, *, previous_end_at: datetime | None = None
) -> Period:
    """The period of an invoice made by hand, both days included.

    `previous_end_at` moves the start as in `due_periods`. InvalidInputError when the days are in
    the wrong order or hold no time at all.
    """
    if last_on < first_on:
        raise InvalidInputError("The last day is before the first day.", field="last_on")
    period = _period(first_on, last_on + _DAY, zone, previous_end_at)
    if period.ends_at <= period.starts_at:
        raise InvalidInputError("These days hold no time in this zone.", field="last_on")
    return period


def _periods_from(
    terms: InvoicingTerms, last_invoiced_on: date, zone: ZoneInfo, previous_end_at: datetime | None
) -> Iterator[Period]:
    first_on = last_invoiced_on + _DAY
    boundary_on = first_on
    while True:
        boundary_on = terms.boundary_after(boundary_on)
        period = _period(first_on, boundary_on, zone, previous_end_at)
        if period.ends_at > period.starts_at:
            yield period
            first_on, previous_end_at = boundary_on, period.ends_at


def _period(
    first_on: date, boundary_on: date, zone: ZoneInfo, previous_end_at: datetime | None
) -> Period:
    if previous_end_at is not None:
        _check_aware(previous_end_at)
    starts_at = previous_end_at or local_midnight(first_on, zone)
    return Period(
        first_on=first_on,
        last_on=boundary_on - _DAY,
        starts_at=starts_at.astimezone(UTC),
        ends_at=local_midnight(boundary_on, zone),
        boundary_on=boundary_on,
    )


def _check_aware(instant: datetime) -> None:
    if instant.tzinfo is None:
        raise ValueError("an instant needs a time zone")


def due_date(invoice_on: date, grace_days: int) -> date:
    """The last day to pay: the invoice's date plus the grace period, in calendar days."""
    if grace_days < 0:
        raise InvalidInputError("The grace period cannot be negative.", field="grace_days")
    return invoice_on + grace_days * _DAY


class ReminderKind(StrEnum):
    """Which side of the due date a reminder stands on."""

    BEFORE = "before"
    AFTER = "after"


@dataclass(frozen=True, slots=True)
class Reminder:
    """One reminder of an invoice; (kind, offset_days) names it, and it goes out once, on `on`."""

    kind: ReminderKind
    offset_days: int
    on: date


def list_reminders(due_on: date, before: Iterable[int], after: Iterable[int]) -> list[Reminder]:
    """Every reminder of an invoice due on `due_on`, in the order they go out.

    Offsets are whole days; doubles count once. InvalidInputError for a negative one.
    """
    reminders = []
    for kind, offsets, sign in ((ReminderKind.BEFORE, before, -1), (ReminderKind.AFTER, after, 1)):
        for offset_days in sorted(set(offsets)):
            if offset_days < 0:
                raise InvalidInputError("Days cannot be negative.", field=f"remind_{kind}")
            reminders.append(Reminder(kind, offset_days, due_on + sign * offset_days * _DAY))
    return sorted(reminders, key=lambda reminder: reminder.on)


def due_reminders(
    due_on: date, before: Iterable[int], after: Iterable[int], today: date
) -> list[Reminder]:
    """The reminders whose day has come by `today`, the client's local date.

    A reminder that announces a due date is left out once that date has passed: after a long
    standstill nobody is told that a bill of last month will soon be due.
    """
    return [
        reminder
        for reminder in list_reminders(due_on, before, after)
        if reminder.on <= today and (reminder.kind is ReminderKind.AFTER or today <= due_on)
    ]
