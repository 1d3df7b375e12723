"""What the transactions screen reads."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.orm import aliased

from billing.invoice_models import Invoice, PaymentAllocation
from billing.models import LedgerLine, Transaction
from core.clock import today
from core.db import Session
from core.errors import NotFoundError
from payments.models import Refill, SavedCard
from portal.keyset import Key, Order, Page, Place, read_page, walk
from portal.panel.me import my_id
from portal.panel.movements import Movement, balance_line, movement_columns, to_movement
from portal.panel.open_invoices import is_mine

TYPES = ("all", "payment", "charge")
PERIODS = ("any", "month", "last_month", "90_days", "year")
_PAGE = 25


@dataclass(frozen=True, slots=True)
class Filters:
    """What the address asks for."""

    type: str = "all"
    period: str = "any"

    @property
    def is_narrowed(self) -> bool:
        return self != Filters()


@dataclass(frozen=True, slots=True)
class LineRow:
    """One line of the ledger entry; positive credits the account."""

    account: str
    amount: Decimal
    balance_after: Decimal | None


@dataclass(frozen=True, slots=True)
class Share:
    """What of a payment went to an invoice."""

    invoice_id: UUID
    number: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Detail:
    """One transaction with all that explains it."""

    transaction: Transaction
    movement: Movement
    reversal_id: UUID | None
    invoice: tuple[UUID, str] | None
    lines: Sequence[LineRow]
    shares: Sequence[Share]
    refill: Refill | None
    card: SavedCard | None


def read_transactions(
    session: Session, filters: Filters, place: Place, zone: ZoneInfo
) -> Page[Movement]:
    """One page, the newest first."""
    pick = select(Transaction.dated_at.label("dated_at"), Transaction.id.label("id")).where(
        Transaction.client_id == my_id(), *_conditions(filters, zone)
    )
    walked = walk(
        pick,
        owner=Transaction.reseller_id,
        order=Order([Key("dated_at", datetime), Key("id", UUID)], descending=True),
        place=place,
        size=_PAGE,
    )
    query = walked.decorate(
        *movement_columns(),
        keep=[
            (Transaction, Transaction.id == walked.picked.c.id, False),
            (LedgerLine, balance_line(), True),
        ],
    )
    return read_page(session, walked, query, to_movement)


def get_detail(session: Session, transaction_id: UUID) -> Detail:
    """Raises NotFoundError, also for one of another client."""
    reversal = aliased(Transaction)
    row = session.execute(
        select(
            Transaction,
            reversal.id.label("reversal_id"),
            Invoice.id.label("invoice_id"),
            Invoice.number,
        )
        .outerjoin(
            reversal,
            and_(
                reversal.reseller_id == Transaction.reseller_id,
                reversal.reverses_id == Transaction.id,
            ),
        )
        .outerjoin(Invoice, and_(Invoice.id == Transaction.invoice_id, is_mine()))
        .where(Transaction.id == transaction_id, Transaction.client_id == my_id())
    ).one_or_none()
    if row is None:
        raise NotFoundError("Transaction not found.")
    found = session.execute(
        select(*movement_columns())
        .outerjoin(LedgerLine, balance_line())
        .where(Transaction.id == transaction_id)
    ).one()
    refill = session.scalar(select(Refill).where(Refill.id == transaction_id))
    return Detail(
        row.Transaction,
        to_movement(found),
        row.reversal_id,
        (row.invoice_id, row.number) if row.invoice_id else None,
        _list_lines(session, row.Transaction.ledger_entry_id),
        _list_shares(session, transaction_id),
        refill,
        _find_card(session, refill),
    )


def _list_lines(session: Session, entry_id: int | None) -> list[LineRow]:
    if entry_id is None:
        return []
    rows = session.execute(
        select(LedgerLine.account, LedgerLine.amount, LedgerLine.balance_after)
        .where(LedgerLine.entry_id == entry_id)
        .order_by(LedgerLine.line_no)
    )
    return [LineRow(*row) for row in rows]


def _list_shares(session: Session, transaction_id: UUID) -> list[Share]:
    total = func.sum(PaymentAllocation.amount)
    rows = session.execute(
        select(Invoice.id, Invoice.number, total)
        .join(Invoice, Invoice.id == PaymentAllocation.invoice_id)
        .where(PaymentAllocation.transaction_id == transaction_id, is_mine())
        .group_by(Invoice.id, Invoice.number, Invoice.due_on)
        .having(total != 0)
        .order_by(Invoice.due_on, Invoice.number)
    )
    return [Share(*row) for row in rows]


def _find_card(session: Session, refill: Refill | None) -> SavedCard | None:
    if refill is None or refill.saved_card_id is None:
        return None
    return session.scalar(select(SavedCard).where(SavedCard.id == refill.saved_card_id))


def _conditions(filters: Filters, zone: ZoneInfo) -> list[ColumnElement[bool]]:
    wanted: list[ColumnElement[bool]] = []
    if filters.type != "all":
        wanted.append(Transaction.type == filters.type)
    first, end = _span(filters.period, today(zone))
    if first is not None:
        wanted.append(Transaction.dated_at >= _midnight(first, zone))
    if end is not None:
        wanted.append(Transaction.dated_at < _midnight(end, zone))
    return wanted


def _span(period: str, day: date) -> tuple[date | None, date | None]:
    """First day, and the day after the last one; None is without end."""
    first_of_month = day.replace(day=1)
    spans: dict[str, tuple[Any, Any]] = {
        "any": (None, None),
        "month": (first_of_month, None),
        "last_month": ((first_of_month - timedelta(days=1)).replace(day=1), first_of_month),
        "90_days": (day - timedelta(days=89), None),
        "year": (day.replace(month=1, day=1), None),
    }
    return spans[period]


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)
