"""The figures of the overview, over all tenants."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from billing.models import LedgerCheck
from core import schedule
from core.db import Session
from core.schedule import ScheduledRun
from mail.models import MailMessage
from payments.models import Refill
from portal.platform import attention, sweep_states, waiting
from portal.platform.sweep_states import State
from portal.platform.waiting import Waiting
from tenants.models import Event, Reseller
from tenants.signed_in import is_trading

SHOWN_CHECKS = 8
SHOWN_EVENTS = 6


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts over the installation; `*_since` is when the oldest of them began."""

    tenants: int
    suspended: int
    open_refills: int
    open_refills_since: datetime | None
    unknown_refills: int
    unknown_since: datetime | None
    held_refills: int
    failed_payments: int
    failed_mail: int
    waiting_mail: int
    mail_since: datetime | None
    ledger_broken: int
    ledger_unchecked: int


@dataclass(frozen=True, slots=True)
class CheckLine:
    """The last ledger check of one reseller; `at` None: never checked."""

    reseller_id: int
    reseller: str
    ok: bool | None
    at: datetime | None


@dataclass(frozen=True, slots=True)
class EventLine:
    at: datetime
    text: str
    message: str
    params: Mapping[str, Any]
    service: str
    reseller_id: int
    reseller: str


@dataclass(frozen=True, slots=True)
class Overview:
    figures: Figures
    waiting: Sequence[Waiting]
    due: Waiting
    oldest: Waiting | None
    checks: Sequence[CheckLine]
    sweeps: Sequence[tuple[ScheduledRun, State]]
    clock_stands: bool
    errors: Sequence[EventLine]

    @property
    def bad_sweeps(self) -> int:
        return sum(state in sweep_states.BAD for _run, state in self.sweeps)


def read_overview(session: Session, at: datetime) -> Overview:
    """All of the page, as it is at the instant `at`."""
    lines = waiting.read_waiting(session)
    runs = schedule.list_runs(session)
    return Overview(
        figures=_read_figures(session),
        waiting=lines,
        due=next(line for line in lines if line.kind == "due_invoices"),
        oldest=waiting.oldest(lines),
        checks=_read_checks(session),
        sweeps=[(run, sweep_states.state_of(run, at)) for run in runs],
        clock_stands=sweep_states.clock_stands(runs, at),
        errors=_read_errors(session),
    )


def _read_figures(session: Session) -> Figures:
    tenants = session.execute(
        select(
            func.count().label("tenants"),
            func.count().filter(~is_trading()).label("suspended"),
            func.coalesce(func.sum(attention.failed_payments()), 0).label("failed_payments"),
            func.coalesce(func.sum(attention.failed_mail()), 0).label("failed_mail"),
            func.count()
            .filter(attention.last_check(LedgerCheck.ok).is_(False))
            .label("ledger_broken"),
            func.count().filter(attention.ledger_trouble()).label("ledger_trouble"),
        ).select_from(Reseller)
    ).one()
    refills = session.execute(
        select(
            func.count().label("open"),
            func.min(Refill.created_at).label("since"),
            func.count().filter(Refill.state == "unknown").label("unknown"),
            func.min(Refill.created_at).filter(Refill.state == "unknown").label("unknown_since"),
            func.count().filter(Refill.state == "held").label("held"),
        ).where(Refill.state.in_(attention.OPEN_REFILLS))
    ).one()
    mail = session.execute(
        select(
            func.count().label("waiting"), func.min(MailMessage.created_at).label("since")
        ).where(MailMessage.state.in_(attention.WAITING_MAIL))
    ).one()
    return Figures(
        tenants=tenants.tenants,
        suspended=tenants.suspended,
        open_refills=refills.open,
        open_refills_since=refills.since,
        unknown_refills=refills.unknown,
        unknown_since=refills.unknown_since,
        held_refills=refills.held,
        failed_payments=int(tenants.failed_payments),
        failed_mail=int(tenants.failed_mail),
        waiting_mail=mail.waiting,
        mail_since=mail.since,
        ledger_broken=tenants.ledger_broken,
        ledger_unchecked=tenants.ledger_trouble - tenants.ledger_broken,
    )


def _read_checks(session: Session) -> list[CheckLine]:
    """What was found wrong first, then what was never or longest ago checked."""
    is_ok, at = attention.last_check(LedgerCheck.ok), attention.last_check(LedgerCheck.at)
    rows = session.execute(
        select(Reseller.id, Reseller.name, is_ok.label("ok"), at.label("at"))
        .order_by(is_ok.asc().nulls_first(), at.asc().nulls_first(), Reseller.id)
        .limit(SHOWN_CHECKS)
    )
    return [CheckLine(row.id, row.name, row.ok, row.at) for row in rows]


def _read_errors(session: Session) -> list[EventLine]:
    rows = session.execute(
        select(
            Event.at,
            Event.text,
            Event.message,
            Event.params,
            Event.service,
            Event.reseller_id,
            Reseller.name,
        )
        .join(Reseller, Reseller.id == Event.reseller_id)
        .where(Event.level == "error")
        .order_by(Event.id.desc())
        .limit(SHOWN_EVENTS)
    )
    return [EventLine(*row) for row in rows]
