"""Saved reports: kept by a user, shared with the others of its reseller or not, with a schedule."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, func, or_, select, tuple_

from billing import reports
from billing.report_models import ReportRun, SavedReport
from billing.reports import ReportSpec
from core.addresses import checked_email
from core.clock import now, today
from core.db import Session
from core.errors import ConflictError, InvalidInputError, LimitError, NotFoundError
from core.tenancy import current_actor, current_scope
from core.zones import get_zone
from tenants import audit

NAME_LENGTH = 80
MOST_REPORTS = 100
MOST_RECIPIENTS = 10
EVERY = ("never", "day", "week", "month")
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Schedule:
    """When and to whom it is mailed; weekdays count from Monday, 0."""

    every: str = "never"
    weekday: int = 0
    day_of_month: int = 1
    hour: int = 6
    recipients: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Saving:
    """What a saved report is to be; `words` and `locale` are of the language it is saved in."""

    name: str
    spec: ReportSpec
    is_shared: bool
    format: str
    schedule: Schedule
    words: Mapping[str, str]
    locale: str


def next_due(schedule: Schedule, zone: ZoneInfo, after: datetime) -> datetime | None:
    """The first due instant later than `after`; None when it is never mailed.

    Each is computed from its own day: an hour that a clock change skips is taken as the clock
    stood before, so that no day goes without.
    """
    if schedule.every == "never":
        return None
    day = after.astimezone(zone).date() - _DAY
    while True:
        due = datetime.combine(day, time(schedule.hour), zone).astimezone(UTC)
        if due > after and _is_day(schedule, day):
            return due
        day += _DAY


def list_reports(session: Session) -> list[SavedReport]:
    """Those that the person may see, by name."""
    return list(
        session.scalars(
            select(SavedReport)
            .where(*_mine_or_shared())
            .order_by(func.lower(SavedReport.name), SavedReport.id)
            .limit(2 * MOST_REPORTS)
        )
    )


def get_report(session: Session, report_id: UUID) -> SavedReport:
    """Raises NotFoundError, also for another person's own."""
    found = session.scalar(
        select(SavedReport).where(SavedReport.id == report_id, *_mine_or_shared())
    )
    if found is None:
        raise NotFoundError("Report not found.")
    return found


def find_last_runs(session: Session, ids: Sequence[UUID]) -> dict[UUID, ReportRun]:
    """The newest due time of each that has had one."""
    last = (
        select(ReportRun.report_id, func.max(ReportRun.due_at))
        .where(ReportRun.report_id.in_(ids))
        .group_by(ReportRun.report_id)
    )
    newest = select(ReportRun).where(tuple_(ReportRun.report_id, ReportRun.due_at).in_(last))
    return {one.report_id: one for one in session.scalars(newest)}


def create_report(session: Session, *, report_id: UUID, saving: Saving) -> SavedReport:
    """Made twice it is the same report. Raises InvalidInputError naming the field, LimitError."""
    known = session.scalar(select(SavedReport).where(SavedReport.id == report_id))
    if known is not None:
        if known.user_id != _require_user():
            raise ConflictError("This form was sent before with other content.")
        return known
    count = session.scalar(
        select(func.count()).select_from(SavedReport).where(SavedReport.user_id == _require_user())
    )
    if (count or 0) >= MOST_REPORTS:
        raise LimitError("You have as many saved reports as there can be. Delete some first.")
    values = _values(session, saving, but=None)
    report = SavedReport(
        id=report_id,
        reseller_id=current_scope().home_reseller_id,
        user_id=_require_user(),
        reseller_ids=list(current_scope().reseller_ids),
        version=1,
        created_at=now(),
        **values,
    )
    session.add(report)
    session.flush()
    _record(session, report, "create", {name: (None, one) for name, one in _told(values).items()})
    return report


def update_report(
    session: Session, report_id: UUID, *, version: int, saving: Saving
) -> SavedReport:
    """Raises NotFoundError, ConflictError when it is another's or was saved since it was shown."""
    report = _lock(session, report_id)
    if report.version != version:
        raise ConflictError("Somebody has saved this meanwhile. Look at it again.")
    before = {name: getattr(report, name) for name in _values(session, saving, but=report.id)}
    values = _values(session, saving, but=report.id)
    for name, value in values.items():
        setattr(report, name, value)
    report.version += 1
    session.flush()
    _record(session, report, "update", audit.differences(_told(before), _told(values)))
    return report


def delete_report(session: Session, report_id: UUID) -> None:
    """It is mailed no more; what was mailed stays. Raises NotFoundError, ConflictError."""
    report = _lock(session, report_id)
    _record(session, report, "delete", {})
    session.delete(report)
    session.flush()


def schedule_of(report: SavedReport) -> Schedule:
    return Schedule(
        report.every, report.weekday, report.day_of_month, report.hour, tuple(report.recipients)
    )


def _is_day(schedule: Schedule, day: date) -> bool:
    if schedule.every == "week":
        return day.weekday() == schedule.weekday
    return schedule.every == "day" or day.day == schedule.day_of_month


def _values(session: Session, saving: Saving, *, but: UUID | None) -> dict[str, Any]:
    spec, schedule = saving.spec, saving.schedule
    zone = get_zone(spec.timezone)
    spec.check(today(zone))
    if saving.format not in reports.FORMATS:
        raise InvalidInputError("Choose a format.", "format")
    _check_schedule(schedule)
    recipients = _checked_recipients(schedule)
    clean = Schedule(
        schedule.every, schedule.weekday, schedule.day_of_month, schedule.hour, recipients
    )
    return {
        "name": _checked_name(session, saving.name, but=but),
        "is_shared": saving.is_shared,
        "params": spec.to_params(),
        "words": dict(saving.words),
        "locale": saving.locale,
        "format": saving.format,
        "every": clean.every,
        "weekday": clean.weekday,
        "day_of_month": clean.day_of_month,
        "hour": clean.hour,
        "timezone": spec.timezone,
        "recipients": list(recipients),
        "next_run_at": next_due(clean, zone, now()),
    }


def _check_schedule(schedule: Schedule) -> None:
    if schedule.every not in EVERY:
        raise InvalidInputError("Choose how often it is mailed.", "every")
    if not 0 <= schedule.weekday <= 6:
        raise InvalidInputError("Choose a day of the week.", "weekday")
    if not 1 <= schedule.day_of_month <= 28:
        raise InvalidInputError("The day of the month is from 1 to 28.", "day_of_month")
    if not 0 <= schedule.hour <= 23:
        raise InvalidInputError("Choose an hour.", "hour")


def _checked_recipients(schedule: Schedule) -> tuple[str, ...]:
    found = [checked_email(one, "recipients") for one in schedule.recipients]
    clean = tuple(dict.fromkeys(one for one in found if one))
    if len(clean) > MOST_RECIPIENTS:
        raise InvalidInputError(
            "Name at most %(count)s addresses.", "recipients", count=MOST_RECIPIENTS
        )
    if schedule.every != "never" and not clean:
        raise InvalidInputError("Name at least one address to mail it to.", "recipients")
    return clean


def _checked_name(session: Session, name: str, *, but: UUID | None) -> str:
    clean = " ".join(name.split())
    if not clean:
        raise InvalidInputError("Enter a name.", "name")
    if len(clean) > NAME_LENGTH:
        raise InvalidInputError("Use at most %(count)s characters.", "name", count=NAME_LENGTH)
    taken = select(SavedReport.id).where(
        SavedReport.reseller_id == current_scope().home_reseller_id,
        SavedReport.user_id == _require_user(),
        func.lower(SavedReport.name) == clean.lower(),
    )
    if but is not None:
        taken = taken.where(SavedReport.id != but)
    if session.scalar(taken.limit(1)) is not None:
        raise InvalidInputError("You have another report of this name.", "name")
    return clean


def _lock(session: Session, report_id: UUID) -> SavedReport:
    """The person's own report, locked; a shared one of somebody else can only be looked at."""
    report = session.scalar(
        select(SavedReport)
        .where(SavedReport.id == report_id, *_mine_or_shared())
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if report is None:
        raise NotFoundError("Report not found.")
    if report.user_id != _require_user():
        raise ConflictError("Only the person who saved this report can change it.")
    return report


def _mine_or_shared() -> list[ColumnElement[bool]]:
    actor = current_actor()
    user_id = actor.id if actor.kind == "user" else None
    return [
        SavedReport.reseller_id == current_scope().home_reseller_id,
        or_(SavedReport.user_id == user_id, SavedReport.is_shared),
    ]


def _require_user() -> int:
    actor = current_actor()
    if actor.kind != "user" or actor.id is None:
        raise ConflictError("Only a user of the reseller saves reports.")
    return actor.id


def _told(values: Mapping[str, Any]) -> dict[str, object]:
    """What the audit log tells of a saved report."""
    names = ("name", "is_shared", "format", "every", "weekday", "day_of_month", "hour", "timezone")
    told: dict[str, object] = {name: values[name] for name in names}
    return told | {"recipients": ", ".join(values["recipients"])}


def _record(
    session: Session,
    report: SavedReport,
    action: str,
    changes: Mapping[str, tuple[object, object]],
) -> None:
    audit.record(
        session,
        reseller_id=report.reseller_id,
        action=action,
        object_type="report",
        object_id=report.id,
        object_label=report.name,
        changes=changes,
    )
