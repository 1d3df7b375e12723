"""Aging: what clients owe on a day by how late it is, from invoices that were open then.

A payment counts from its own date on, a payment taken off again and a credit note from the day that
was done, so a report of a past day stays as it was. Amounts are in each invoice's currency.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Integer, and_, case, cast, func, literal, or_, select

from billing.balance_report import FIRST_DAY, LAST_DAY
from billing.correction_models import CreditNote
from billing.invoice_models import Invoice, PaymentAllocation
from billing.models import Transaction
from billing.periods import local_midnight
from core.db import Session
from core.errors import InvalidInputError
from core.zones import get_zone
from tenants.models import Client

Bucket = Literal["not_due", "to_30", "to_60", "to_90", "over_90"]
BUCKETS: tuple[Bucket, ...] = ("not_due", "to_30", "to_60", "to_90", "over_90")
_LAST_DAYS = (0, 30, 60, 90)
MOST_INVOICES = 500


@dataclass(frozen=True, slots=True)
class AgingWish:
    """The day, at its end in `timezone`; no client or reseller means all of the scope."""

    on: date
    timezone: str
    client_id: int | None = None
    reseller_id: int | None = None


@dataclass(frozen=True, slots=True)
class AgingRow:
    """What one client owes in one currency, by bucket."""

    client_id: int
    client_name: str
    amounts: Mapping[str, Decimal]
    invoices: int

    @property
    def total(self) -> Decimal:
        return sum(self.amounts.values(), Decimal())


@dataclass(frozen=True, slots=True)
class AgingPart:
    """All clients of one currency, those who owe most first; `total` sums them."""

    currency: str
    rows: Sequence[AgingRow]
    total: AgingRow


@dataclass(frozen=True, slots=True)
class OpenInvoice:
    """One invoice that was open on the day; `days_late` is negative before it is due."""

    id: UUID
    number: str
    client_id: int
    client_name: str
    invoice_on: date
    due_on: date
    currency: str
    total: Decimal
    open: Decimal
    days_late: int

    @property
    def bucket(self) -> str:
        return bucket_of(self.days_late)


def bucket_of(days_late: int) -> Bucket:
    """The bucket of an invoice that is so many days late."""
    for last, name in zip(_LAST_DAYS, BUCKETS, strict=False):
        if days_late <= last:
            return name
    return "over_90"


def check_wish(wish: AgingWish) -> None:
    """Raises InvalidInputError naming the field."""
    get_zone(wish.timezone)
    if not FIRST_DAY <= wish.on <= LAST_DAY:
        raise InvalidInputError("Write the day as 2026-01-31.", "on")


def read_aging(session: Session, wish: AgingWish) -> list[AgingPart]:
    """One part for each currency in which somebody owes; raises InvalidInputError."""
    check_wish(wish)
    open_then = _open_then(wish).subquery("open_then")
    late = open_then.c.days_late
    bucket = case(
        *((late <= last, name) for last, name in zip(_LAST_DAYS, BUCKETS, strict=False)),
        else_="over_90",
    )
    sums = (
        select(
            open_then.c.currency,
            open_then.c.reseller_id,
            open_then.c.client_id,
            bucket.label("bucket"),
            func.sum(open_then.c.open).label("amount"),
            func.count().label("invoices"),
        )
        .group_by(open_then.c.currency, open_then.c.reseller_id, open_then.c.client_id, bucket)
        .subquery("sums")
    )
    rows = session.execute(
        select(
            sums.c.currency,
            sums.c.client_id,
            func.coalesce(Client.name, "").label("name"),
            sums.c.bucket,
            sums.c.amount,
            sums.c.invoices,
        ).outerjoin(
            Client,
            and_(Client.reseller_id == sums.c.reseller_id, Client.id == sums.c.client_id),
        )
    ).all()
    found: dict[str, dict[int, AgingRow]] = {}
    for currency, client_id, name, which, amount, count in rows:
        clients = found.setdefault(currency, {})
        known = clients.get(client_id)
        amounts = {**(known.amounts if known else {}), which: amount}
        clients[client_id] = AgingRow(
            client_id, name, amounts, (known.invoices if known else 0) + count
        )
    return [_part(currency, found[currency]) for currency in sorted(found)]


def list_invoices(
    session: Session, wish: AgingWish, *, currency: str, bucket: str = "", skip: int = 0
) -> list[OpenInvoice]:
    """The invoices behind a figure, the latest due last; at most MOST_INVOICES after `skip`."""
    check_wish(wish)
    found = _open_then(wish).subquery("open_then")
    query = (
        select(
            found.c.id,
            found.c.number,
            found.c.client_id,
            func.coalesce(Client.name, ""),
            found.c.invoice_on,
            found.c.due_on,
            found.c.currency,
            found.c.total,
            found.c.open,
            found.c.days_late,
        )
        .outerjoin(
            Client,
            and_(Client.reseller_id == found.c.reseller_id, Client.id == found.c.client_id),
        )
        .where(found.c.currency == currency)
        .order_by(found.c.due_on, found.c.number, found.c.id)
        .offset(skip)
        .limit(MOST_INVOICES)
    )
    if bucket in BUCKETS:
        place = BUCKETS.index(bucket)
        if place < len(_LAST_DAYS):
            query = query.where(found.c.days_late <= _LAST_DAYS[place])
        if place:
            query = query.where(found.c.days_late > _LAST_DAYS[place - 1])
    rows: Any = session.execute(query)
    return [OpenInvoice(*row) for row in rows]


def _open_then(wish: AgingWish) -> Any:  # noqa: ANN401 (a query of many columns)
    """Issued outgoing invoices dated up to the day, with what was open at its end."""
    ends_at = local_midnight(wish.on + timedelta(days=1), get_zone(wish.timezone))
    counts_at = case(
        (PaymentAllocation.amount > 0, Transaction.dated_at), else_=PaymentAllocation.created_at
    )
    later = (
        select(
            PaymentAllocation.reseller_id,
            PaymentAllocation.invoice_id,
            func.sum(PaymentAllocation.amount).label("amount"),
        )
        .join(
            Transaction,
            and_(
                Transaction.reseller_id == PaymentAllocation.reseller_id,
                Transaction.id == PaymentAllocation.transaction_id,
            ),
        )
        .where(counts_at >= ends_at)
        .group_by(PaymentAllocation.reseller_id, PaymentAllocation.invoice_id)
        .subquery("later")
    )
    credited = (
        select(
            CreditNote.reseller_id,
            CreditNote.invoice_id,
            func.sum(CreditNote.total).label("amount"),
        )
        .where(CreditNote.issued_at >= ends_at)
        .group_by(CreditNote.reseller_id, CreditNote.invoice_id)
        .subquery("credited")
    )
    open_amount = (
        Invoice.total
        - Invoice.paid
        + func.coalesce(later.c.amount, 0)
        + func.coalesce(credited.c.amount, 0)
        # voiding settles the whole of an invoice: before it, that much was not settled
        + case((Invoice.voided_at >= ends_at, Invoice.credited), else_=0)
    )
    query: Any = (
        select(
            Invoice.id,
            Invoice.number,
            Invoice.reseller_id,
            Invoice.client_id,
            Invoice.invoice_on,
            Invoice.due_on,
            Invoice.currency,
            Invoice.total,
            open_amount.label("open"),
            cast(literal(wish.on) - Invoice.due_on, Integer).label("days_late"),
        )
        .outerjoin(
            later,
            and_(later.c.reseller_id == Invoice.reseller_id, later.c.invoice_id == Invoice.id),
        )
        .outerjoin(
            credited,
            and_(
                credited.c.reseller_id == Invoice.reseller_id,
                credited.c.invoice_id == Invoice.id,
            ),
        )
        .where(
            Invoice.direction == "outgoing",
            Invoice.issued_at.is_not(None),
            Invoice.invoice_on <= wish.on,
            or_(
                Invoice.paid < Invoice.total,
                later.c.amount.is_not(None),
                credited.c.amount.is_not(None),
                Invoice.voided_at >= ends_at,
            ),
            open_amount > 0,
        )
    )
    if wish.client_id is not None:
        query = query.where(Invoice.client_id == wish.client_id)
    if wish.reseller_id is not None:
        query = query.where(Invoice.reseller_id == wish.reseller_id)
    return query


def _part(currency: str, clients: Mapping[int, AgingRow]) -> AgingPart:
    rows = sorted(clients.values(), key=lambda one: (-one.total, one.client_name, one.client_id))
    amounts: dict[str, Decimal] = {
        name: sum((one.amounts.get(name, Decimal()) for one in rows), Decimal()) for name in BUCKETS
    }
    return AgingPart(currency, rows, AgingRow(0, "", amounts, sum(one.invoices for one in rows)))
