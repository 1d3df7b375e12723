"""Mailing of saved reports that are due: each due time once, by the clock of the report.

A due time has one row at most, written together with its mails and with the next due time. A
report is read as its owner: what the owner may no longer see is not mailed.
"""

from datetime import date, datetime, timedelta
from io import BytesIO
from uuid import UUID

from sqlalchemy import insert, select

from billing import reports
from billing.report_models import ReportRun, SavedReport
from billing.reports import ReportSpec, spec_of
from billing.saved_reports import next_due, schedule_of
from core.clock import now
from core.db import Session
from core.errors import InvalidInputError
from core.tenancy import Actor
from core.zones import get_zone
from mail import templates
from mail.queue import MailKind, queue_mail
from tenants import events, files, resellers
from tenants.models import Reseller, Role, User
from tenants.permissions import Permission

JOB = "billing.mail_report"
MOST_BYTES = 8 * 1024 * 1024
"""Of a file that goes along with a mail."""
LATE = timedelta(days=2)
"""A due time that was missed by more is passed over when a later one has come, too."""


def find_due(session: Session, report_id: UUID) -> tuple[tuple[int, ...], Actor] | None:
    """In whose scope and name a due report is to be read; None when it is not due.

    A report whose owner may see no reports any more is passed over, and an event says so.
    """
    row = _lock_due(session, report_id)
    if row is None:
        return None
    report, due_at = row
    owner = session.execute(
        select(User.status, User.email, Role.permissions)
        .join(Role, Role.id == User.role_id)
        .where(User.id == report.user_id, User.reseller_id == report.reseller_id)
    ).one_or_none()
    is_allowed = (
        owner is not None
        and owner.status == "active"
        and {Permission.REPORTS_READ, Permission.REPORTS_WRITE} <= set(owner.permissions)
    )
    if owner is None or not is_allowed:
        _skip(session, report, due_at, "The person who saved this report may no longer see it.")
        return None
    family = session.scalars(
        select(Reseller.id)
        .where(Reseller.id.in_(report.reseller_ids), Reseller.path.contains([report.reseller_id]))
        .order_by(Reseller.id)
    ).all()
    others = [one for one in family if one != report.reseller_id]
    return (report.reseller_id, *others), Actor("job", report.user_id, owner.email)


def mail_due(session: Session, report_id: UUID) -> bool:
    """Mail the report for its next due time if that has come; True when a further one may have.

    File, mails, the row of the due time and the next due time are one transaction.
    """
    row = _lock_due(session, report_id)
    if row is None:
        return False
    report, due_at = row
    spec, zone = spec_of(report.params), get_zone(report.timezone)
    later = next_due(schedule_of(report), zone, due_at)
    if later is not None and later <= now() and due_at < now() - LATE:
        _close(session, report, due_at, "skipped", reason="Missed, and a later one has come.")
        return True
    day = due_at.astimezone(zone).date()
    try:
        headings, rows = reports.read_table(session, spec, day, report.words)
    except InvalidInputError as error:
        _skip(session, report, due_at, error.message)
        return True
    out = BytesIO()
    reports.write_table(out, headings, rows, format=report.format, sheet=report.name)
    if out.tell() > MOST_BYTES:
        _skip(session, report, due_at, "The file is too large for a mail. Narrow the report.")
        return True
    mails = _queue(session, report, due_at, spec, day, out.getvalue())
    _close(session, report, due_at, "mailed", mails=mails)
    return True


def _queue(
    session: Session,
    report: SavedReport,
    due_at: datetime,
    spec: ReportSpec,
    day: date,
    content: bytes,
) -> int:
    reseller = resellers.get_reseller(session, report.reseller_id)
    file = files.create_file(
        session,
        reseller_id=report.reseller_id,
        client_id=None,
        name=reports.file_name(spec, day, report.format),
        media_type=reports.media_type(report.format),
        content=content,
    )
    first_on, last_on = spec.days(day)
    letter = templates.write(
        session,
        reseller_id=report.reseller_id,
        name="report",
        locale=report.locale,
        variables={
            "report_name": report.name,
            "sender_name": reseller.company_name or reseller.name,
            "from_on": last_on if spec.report == "aging" else first_on,
            "to_on": last_on,
        },
    )
    for place, address in enumerate(report.recipients):
        queue_mail(
            session,
            reseller_id=report.reseller_id,
            kind=MailKind.REPORT,
            dedupe_key=f"report:{report.id}:{due_at.isoformat()}:{place}",
            to_address=address,
            subject=letter.subject,
            body_text=letter.text,
            body_html=letter.html,
            file_ids=[file.id],
        )
    return len(report.recipients)


def _lock_due(session: Session, report_id: UUID) -> tuple[SavedReport, datetime] | None:
    report = session.scalar(
        select(SavedReport)
        .where(SavedReport.id == report_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if report is None or report.next_run_at is None or report.next_run_at > now():
        return None
    return report, report.next_run_at


def _skip(session: Session, report: SavedReport, due_at: datetime, reason: str) -> None:
    _close(session, report, due_at, "skipped", reason=reason)
    events.record(
        session,
        reseller_id=report.reseller_id,
        level="warning",
        service="billing",
        code="report_not_mailed",
        text=events.EventText(
            "The report %(name)s was not mailed: %(reason)s", name=report.name, reason=reason
        ),
        dedupe_key=f"report:{report.id}:{due_at.isoformat()}",
    )


def _close(
    session: Session,
    report: SavedReport,
    due_at: datetime,
    state: str,
    *,
    reason: str = "",
    mails: int = 0,
) -> None:
    session.execute(
        insert(ReportRun).values(
            reseller_id=report.reseller_id,
            report_id=report.id,
            due_at=due_at,
            state=state,
            reason=reason,
            mails=mails,
            at=now(),
        )
    )
    report.next_run_at = next_due(schedule_of(report), get_zone(report.timezone), due_at)
    session.flush()
