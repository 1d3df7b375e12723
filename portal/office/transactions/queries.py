"""What the Transactions screen reads."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, func, select
from sqlalchemy.orm import aliased

from billing.invoice_models import Invoice
from billing.models import LedgerEntry, LedgerLine, PaymentAccount, Transaction
from core.db import Session
from core.errors import NotFoundError
from payments.models import Refill
from portal.keyset import Key, Order, Page, Place, read_page, walk
from portal.office.client_choice import matching_ids
from portal.office.period import ANY_TIME, PeriodFilter
from tenants.models import Client

KINDS = (
    "any", "payment", "refund", "chargeback", "chargeback_reversal", "extra_charge",
    "services_charge", "package_fee",
)  # fmt: skip
STATUSES = ("any", "pending", "approved")
SORTS = ("-date", "date")


@dataclass(frozen=True, slots=True)
class Filters:
    """What the address asks for."""

    search: str = ""
    client_id: int | None = None
    kind: str = "any"
    status: str = "any"
    period: PeriodFilter = ANY_TIME
    sort: str = "-date"

    @property
    def is_narrowed(self) -> bool:
        return bool(
            self.search
            or self.client_id
            or self.kind != "any"
            or self.status != "any"
            or self.period.is_set
        )


@dataclass(frozen=True, slots=True)
class TransactionRow:
    """One line of the list; amounts in `currency`, negative on a reversal."""

    id: UUID
    client_id: int
    client_name: str
    type: str
    kind: str
    status: str
    net: Decimal
    tax: Decimal
    total: Decimal
    currency: str
    account: str
    dated_at: datetime
    description: str
    author: str
    reverses_id: UUID | None
    payment_id: UUID | None
    is_reversed: bool
    left: Decimal | None

    @property
    def effect(self) -> Decimal:
        """On Live: a payment credits, a charge debits."""
        return self.total if self.type == "payment" else -self.total


@dataclass(frozen=True, slots=True)
class TaxRow:
    """One tax of a charge, as it was when it was booked."""

    name: str
    percent: Decimal
    base: Decimal
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Detail:
    """One transaction with its neighbours."""

    transaction: Transaction
    client_name: str
    client_status: str
    account: str
    reversal_id: UUID | None
    invoice_id: UUID | None
    invoice_number: str | None
    refill: Refill | None

    @property
    def left(self) -> Decimal | None:
        """What is left of a card payment; None for any other transaction."""
        one = self.refill
        return None if one is None else one.credited - one.returned - one.charged_back

    @property
    def taxes(self) -> list[TaxRow]:
        return [
            TaxRow(
                tax["name"], Decimal(tax["percent"]), Decimal(tax["base"]), Decimal(tax["amount"])
            )
            for tax in self.transaction.tax_details.get("taxes", [])
        ]


@dataclass(frozen=True, slots=True)
class EntryLine:
    """One line of a ledger entry; positive credits the account."""

    account: str
    payment_account: str
    amount: Decimal
    balance_after: Decimal | None


@dataclass(frozen=True, slots=True)
class Entry:
    """The ledger entry of a transaction."""

    id: int
    kind: str
    posted_at: datetime
    currency: str
    lines: Sequence[EntryLine]

    @property
    def sum(self) -> Decimal:
        return sum((line.amount for line in self.lines), Decimal())


def read_transactions(session: Session, filters: Filters, place: Place) -> Page[TransactionRow]:
    """One page, newest first unless asked otherwise."""
    pick = select(Transaction.dated_at.label("dated_at"), Transaction.id.label("id"))
    walked = walk(
        pick.where(*_conditions(filters)),
        owner=Transaction.reseller_id,
        order=Order(
            [Key("dated_at", datetime), Key("id", UUID)], descending=filters.sort == "-date"
        ),
        place=place,
    )
    query = walked.decorate(
        Transaction.id,
        Transaction.client_id,
        Client.name.label("client_name"),
        Transaction.type,
        Transaction.kind,
        Transaction.status,
        Transaction.net,
        Transaction.tax,
        Transaction.total,
        Transaction.currency,
        func.coalesce(PaymentAccount.name, "").label("account"),
        Transaction.dated_at,
        Transaction.description,
        Transaction.author,
        Transaction.reverses_id,
        Transaction.payment_id,
        _is_reversed().label("is_reversed"),
        (Refill.credited - Refill.returned - Refill.charged_back).label("left"),
        keep=[
            (Transaction, Transaction.id == walked.picked.c.id, False),
            (Client, Client.id == Transaction.client_id, False),
            (PaymentAccount, PaymentAccount.id == Transaction.payment_account_id, True),
            (Refill, Refill.id == Transaction.id, True),
        ],
    )
    names = TransactionRow.__dataclass_fields__
    return read_page(
        session,
        walked,
        query,
        lambda row: TransactionRow(**{name: getattr(row, name) for name in names}),
    )


def get_detail(session: Session, transaction_id: UUID) -> Detail:
    """Raises NotFoundError, also for one of another tenant."""
    reversal = aliased(Transaction)
    row = session.execute(
        select(
            Transaction,
            Client.name,
            Client.status,
            func.coalesce(PaymentAccount.name, ""),
            reversal.id,
            Invoice.id,
            Invoice.number,
            Refill,
        )
        .join(Client, Client.id == Transaction.client_id)
        .outerjoin(PaymentAccount, PaymentAccount.id == Transaction.payment_account_id)
        .outerjoin(
            reversal,
            and_(
                reversal.reseller_id == Transaction.reseller_id,
                reversal.reverses_id == Transaction.id,
            ),
        )
        .outerjoin(Invoice, Invoice.id == Transaction.invoice_id)
        .outerjoin(Refill, Refill.id == Transaction.id)
        .where(Transaction.id == transaction_id)
    ).one_or_none()
    if row is None:
        raise NotFoundError("Transaction not found.")
    return Detail(*row)


def find_entry(session: Session, entry_id: int | None) -> Entry | None:
    """The posted entry with its lines; None for a transaction that has none yet."""
    if entry_id is None:
        return None
    rows = session.execute(
        select(
            LedgerEntry.id,
            LedgerEntry.kind,
            LedgerEntry.posted_at,
            LedgerEntry.currency,
            LedgerLine.account,
            func.coalesce(PaymentAccount.name, "").label("payment_account"),
            LedgerLine.amount,
            LedgerLine.balance_after,
        )
        .join(
            LedgerLine,
            and_(
                LedgerLine.reseller_id == LedgerEntry.reseller_id,
                LedgerLine.entry_id == LedgerEntry.id,
            ),
        )
        .outerjoin(PaymentAccount, PaymentAccount.id == LedgerLine.payment_account_id)
        .where(LedgerEntry.id == entry_id)
        .order_by(LedgerLine.line_no)
    ).all()
    if not rows:
        return None
    lines = [EntryLine(r.account, r.payment_account, r.amount, r.balance_after) for r in rows]
    first = rows[0]
    return Entry(first.id, first.kind, first.posted_at, first.currency, lines)


def _conditions(filters: Filters) -> list[ColumnElement[bool]]:
    wanted: list[tuple[Any, ColumnElement[bool]]] = [
        (filters.client_id, Transaction.client_id == filters.client_id),
        (filters.kind != "any", Transaction.kind == filters.kind),
        (filters.status != "any", Transaction.status == filters.status),
        (filters.search, Transaction.client_id.in_(matching_ids(filters.search))),
    ]
    asked = [condition for is_asked, condition in wanted if is_asked]
    return [*asked, *filters.period.instant_conditions(Transaction.dated_at)]


def _is_reversed() -> ColumnElement[bool]:
    reversal = aliased(Transaction)
    return exists().where(
        reversal.reseller_id == Transaction.reseller_id,
        reversal.reverses_id == Transaction.id,
    )
