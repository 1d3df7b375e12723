"""What the Autoinvoicing screen reads."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, exists, func, select

from billing import schedule
from billing.invoice_contents import read_contents
from billing.invoice_models import Invoice
from billing.invoice_tasks import RUN
from billing.models import ClientBalance, ClientBilling
from billing.suretax_models import TaxWait
from core.clock import now
from core.db import Session
from core.errors import AppError
from core.tenancy import current_scope
from portal.event_wording import tell_event
from tenants.models import Client, Event, Reseller
from tenants.task_models import Task

PREVIEWED = 50
"""Clients whose next invoice the screen computes; the figures above count all."""
SHOWN = 20


@dataclass(frozen=True, slots=True)
class DueRow:
    """A client of which a boundary has passed, and what its next invoice would come to.

    `reason` says why none would be made. `retry_at` is when one that failed is tried again.
    """

    client_id: int
    name: str
    reseller: str
    due_at: datetime
    first_on: date | None
    last_on: date | None
    charges: int
    total: Decimal
    currency: str
    reason: str
    retry_at: datetime | None


@dataclass(frozen=True, slots=True)
class Figures:
    """How many clients are invoiced automatically, are due, and wait after a failure.

    `waiting`: invoices, also those made by hand, that wait for their taxes.
    """

    clients: int
    due: int
    failed: int
    next_at: datetime | None
    waiting: int


@dataclass(frozen=True, slots=True)
class CurrencySum:
    """What the previewed invoices come to in one currency."""

    currency: str
    count: int
    total: Decimal


@dataclass(frozen=True, slots=True)
class Refusal:
    """What an automatic invoice was not made for, as the events log has it."""

    client_id: int | None
    name: str
    level: str
    text: str
    at: datetime


@dataclass(frozen=True, slots=True)
class MadeRow:
    """An automatic invoice made lately."""

    id: UUID
    number: str
    client_id: int
    name: str
    first_on: date
    last_on: date
    total: Decimal
    currency: str
    created_at: datetime


def select_due() -> Select[Any]:
    """Ids (column `id`) of the clients whose boundary has passed, the oldest first."""
    return (
        select(ClientBilling.client_id.label("id"))
        .join(Client, Client.id == ClientBilling.client_id)
        .where(*_due())
        .order_by(ClientBilling.next_invoice_at, ClientBilling.client_id)
    )


def read_figures(session: Session) -> Figures:
    """Counted over the scope."""
    row = session.execute(
        select(
            func.count(),
            func.count().filter(ClientBilling.next_invoice_at <= now(), _waits_for_no_tax()),
            func.count().filter(ClientBilling.retry_at > now()),
            func.min(ClientBilling.next_invoice_at).filter(ClientBilling.next_invoice_at > now()),
        )
        .join(Client, Client.id == ClientBilling.client_id)
        .where(ClientBilling.autoinvoicing, Client.status != "deleted")
    ).one()
    waiting = session.scalar(select(func.count()).select_from(TaxWait)) or 0
    return Figures(row[0], row[1], row[2], row[3], waiting)


def read_due(session: Session) -> list[DueRow]:
    """The first clients that are due, with what would be invoiced now; writes nothing."""
    is_one = len(current_scope().reseller_ids) == 1
    rows = session.execute(
        select(ClientBilling, Client.name, Client.timezone, ClientBalance.currency, Reseller.name)
        .join(Client, Client.id == ClientBilling.client_id)
        .join(ClientBalance, ClientBalance.client_id == ClientBilling.client_id)
        .join(Reseller, Reseller.id == ClientBilling.reseller_id)
        .where(*_due())
        .order_by(ClientBilling.next_invoice_at, ClientBilling.client_id)
        .limit(PREVIEWED)
    ).all()
    return [
        _look(session, billing, name, zone, currency, "" if is_one else reseller)
        for billing, name, zone, currency, reseller in rows
    ]


def sum_due(rows: Sequence[DueRow]) -> list[CurrencySum]:
    """What would be invoiced, by currency."""
    found: dict[str, CurrencySum] = {}
    for row in rows:
        if row.total > 0:
            known = found.get(row.currency, CurrencySum(row.currency, 0, Decimal()))
            found[row.currency] = CurrencySum(
                row.currency, known.count + 1, known.total + row.total
            )
    return [found[code] for code in sorted(found)]


def list_refusals(session: Session) -> list[Refusal]:
    """The last failures and invoices of nothing, newest first."""
    rows = session.execute(
        select(Event, Client.name)
        .outerjoin(Client, Client.id == Event.client_id)
        .where(
            Event.reseller_id.in_(current_scope().reseller_ids),
            Event.service == "invoicing",
            Event.code.in_(("invoice_failed", "invoice_skipped", "invoice_carried", "tax_waits")),
        )
        .order_by(Event.at.desc(), Event.id.desc())
        .limit(SHOWN)
    )
    return [
        Refusal(event.client_id, name or "", event.level, tell_event(event), event.at)
        for event, name in rows
    ]


def list_made(session: Session) -> list[MadeRow]:
    """The last automatic invoices."""
    rows = session.execute(
        select(
            Invoice.id,
            Invoice.number,
            Invoice.client_id,
            Client.name,
            Invoice.first_on,
            Invoice.last_on,
            Invoice.total,
            Invoice.currency,
            Invoice.created_at,
        )
        .join(Client, Client.id == Invoice.client_id)
        .where(Invoice.reseller_id.in_(current_scope().reseller_ids), Invoice.autoinvoice)
        .order_by(Invoice.invoiced_at.desc(), Invoice.id.desc())
        .limit(SHOWN)
    )
    return [MadeRow(*row) for row in rows]


def list_runs(session: Session) -> list[Task]:
    """The last runs that people asked for."""
    return list(
        session.scalars(
            select(Task)
            .where(Task.reseller_id.in_(current_scope().reseller_ids), Task.kind == RUN)
            .order_by(Task.created_at.desc())
            .limit(5)
        )
    )


def _due() -> list[Any]:
    return [
        ClientBilling.autoinvoicing,
        ClientBilling.next_invoice_at <= now(),
        Client.status != "deleted",
        _waits_for_no_tax(),
    ]


def _waits_for_no_tax() -> ColumnElement[bool]:
    """One that waits is made already, but for its taxes."""
    return ~exists().where(
        TaxWait.reseller_id == ClientBilling.reseller_id,
        TaxWait.client_id == ClientBilling.client_id,
    )


def _look(
    session: Session, billing: ClientBilling, name: str, zone: str, currency: str, reseller: str
) -> DueRow:
    period = schedule.find_due_period(session, billing, ZoneInfo(zone), now())
    charges, total, reason = 0, Decimal(), ""
    if period is None:
        reason = "moved"
    else:
        try:
            contents = read_contents(session, billing.client_id, currency, period.ends_at)
            charges, total = len(contents.charges), max(contents.totals.total, Decimal())
            reason = "" if total > 0 else "carried" if charges else "nothing"
        except AppError as error:
            reason = error.message
    return DueRow(
        billing.client_id,
        name,
        reseller,
        billing.next_invoice_at or now(),
        period.first_on if period else None,
        period.last_on if period else None,
        charges,
        total,
        currency,
        reason,
        billing.retry_at,
    )
