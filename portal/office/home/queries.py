"""What the start page of the back office counts."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, select

from billing.invoice_models import Invoice
from billing.models import ClientBalance, Transaction
from billing.suretax_models import TaxWait
from core.clock import today
from core.db import Session
from core.tenancy import current_scope
from mail.models import MailMessage
from payments.models import ClientAutoPayment, Refill
from portal.access import current_user_timezone
from tenants.models import Client, Event

LATEST = 10
COUNT_LIMIT = 1000


@dataclass(frozen=True, slots=True)
class Attention:
    """How many rows want a person; each stops at COUNT_LIMIT."""

    suspended: int
    failed_mails: int
    stuck_refills: int
    overdue: int
    pending: int
    to_verify: int
    tax_waits: int


@dataclass(frozen=True, slots=True)
class BalanceTotal:
    """All clients of one currency that are not deleted; amounts in it."""

    currency: str
    clients: int
    live: Decimal
    fixed: Decimal
    owed_to_us: Decimal
    held_for_them: Decimal


@dataclass(frozen=True, slots=True)
class EventLine:
    id: int
    at: datetime
    level: str
    text: str
    message: str
    params: Mapping[str, Any]
    client_id: int | None
    client_name: str


@dataclass(frozen=True, slots=True)
class SuspendedLine:
    client_id: int
    client_name: str
    suspended_at: datetime | None
    reason: str


def count_attention(session: Session) -> Attention:
    """One query; every part of it stops counting at COUNT_LIMIT."""
    day = today(current_user_timezone())
    row = session.execute(
        select(
            _count(ClientAutoPayment, ClientAutoPayment.suspended_at.is_not(None)),
            _count(MailMessage, MailMessage.state == "failed"),
            _count(Refill, Refill.state.in_(("held", "unknown"))),
            _count(
                Invoice,
                and_(
                    Invoice.paid < Invoice.total,
                    Invoice.issued_at.is_not(None),
                    Invoice.due_on < day,
                ),
            ),
            _count(Transaction, Transaction.status == "pending"),
            _count(Invoice, Invoice.state == "to_verify"),
            _count(TaxWait, TaxWait.next_try_at.is_not(None)),
        )
    ).one()
    return Attention(*row)


def sum_balances(session: Session) -> list[BalanceTotal]:
    """Per currency, over the clients that are not deleted."""
    live = ClientBalance.live
    rows = session.execute(
        select(
            ClientBalance.currency,
            func.count(),
            func.sum(live),
            func.sum(ClientBalance.fixed),
            func.coalesce(func.sum(case((live < 0, -live))), 0),
            func.coalesce(func.sum(case((live > 0, live))), 0),
        )
        .join(Client, Client.id == ClientBalance.client_id)
        .where(Client.status != "deleted")
        .group_by(ClientBalance.currency)
        .order_by(func.count().desc(), ClientBalance.currency)
    )
    return [BalanceTotal(*row) for row in rows]


def list_events(session: Session) -> list[EventLine]:
    """The latest ones."""
    rows = session.execute(
        select(
            Event.id, Event.at, Event.level, Event.text, Event.message, Event.params,
            Event.client_id, func.coalesce(Client.name, ""),
        )
        .outerjoin(Client, Client.id == Event.client_id)
        .order_by(Event.id.desc())
        .limit(LATEST)
    )  # fmt: skip
    return [EventLine(*row) for row in rows]


def list_suspended(session: Session) -> list[SuspendedLine]:
    """Clients whose automatic charges are suspended, the latest first."""
    rows = session.execute(
        select(
            ClientAutoPayment.client_id,
            Client.name,
            ClientAutoPayment.suspended_at,
            ClientAutoPayment.suspended_reason,
        )
        .join(Client, Client.id == ClientAutoPayment.client_id)
        .where(ClientAutoPayment.suspended_at.is_not(None), Client.status != "deleted")
        .order_by(ClientAutoPayment.suspended_at.desc())
        .limit(LATEST)
    )
    return [SuspendedLine(*row) for row in rows]


def _count(model: Any, condition: ColumnElement[bool]) -> Any:  # noqa: ANN401 (any table of a tenant)
    few = (
        select(model.reseller_id)
        .where(model.reseller_id.in_(current_scope().reseller_ids), condition)
        .limit(COUNT_LIMIT)
        .subquery()
    )
    return select(func.count()).select_from(few).scalar_subquery()
