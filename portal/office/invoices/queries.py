"""What the Invoices screen reads."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import and_, func, select

from billing.correction_models import CreditNote
from billing.credit_notes import list_credit_notes
from billing.invoice_figures import Figures, read_figures
from billing.invoice_models import Invoice, PaymentAllocation
from billing.models import ClientBalance, PaymentTerms, Transaction
from billing.reminders import Plan, read_plan
from billing.suretax_models import TaxWait
from billing.tax_filings import find_filing
from core.db import Session
from core.errors import NotFoundError
from core.tenancy import current_scope
from mail.models import MailAttachment, MailMessage
from portal.keyset import COUNT_LIMIT, Key, Order, Page, Place, read_page, walk
from portal.office import client_choice
from portal.office.invoices.filters import Filters, conditions
from tenants.models import Client, ClientCompany, Reseller


@dataclass(frozen=True, slots=True)
class InvoiceRow:
    """One line of the list; amounts in `currency`. `reseller` is empty when there is only one."""

    id: UUID
    client_id: int
    client_name: str
    reseller: str
    direction: str
    number: str
    autoinvoice: bool
    state: str
    invoice_on: date
    due_on: date
    first_on: date
    last_on: date
    currency: str
    net: Decimal
    tax: Decimal
    total: Decimal
    paid: Decimal
    credited: Decimal
    issued_at: datetime | None
    has_file: bool

    @property
    def open(self) -> Decimal:
        return self.total - self.paid

    def paid_state(self, day: date) -> str:
        return paid_state(self, day)


@dataclass(frozen=True, slots=True)
class CurrencyTotal:
    """What the filter's invoices come to in one currency and direction, without void ones."""

    currency: str
    direction: str
    count: int
    total: Decimal
    open: Decimal


@dataclass(frozen=True, slots=True)
class Choices:
    """What the filters choose from; pairs of value and text. `family` is empty for one reseller."""

    terms: Sequence[tuple[str, str]]
    currencies: Sequence[tuple[str, str]]
    family: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class AllocationRow:
    """A payment's part in paying the invoice; negative where it was taken off again."""

    transaction_id: UUID
    amount: Decimal
    at: datetime
    description: str
    author: str


@dataclass(frozen=True, slots=True)
class MailRow:
    """A mail that carries the invoice's file."""

    id: UUID
    to_address: str
    state: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class InvoicePage:
    """One invoice with all that stands on it."""

    invoice: Invoice
    client_name: str
    email: str
    allocations: Sequence[AllocationRow]
    credit_notes: Sequence[CreditNote]
    reminders: Plan
    mails: Sequence[MailRow]
    by_suretax: bool
    figures: Figures

    def paid_state(self, day: date) -> str:
        return paid_state(self.invoice, day)


class Settled(Protocol):
    """An invoice, or the row of one."""

    @property
    def state(self) -> str: ...
    @property
    def issued_at(self) -> datetime | None: ...
    @property
    def total(self) -> Decimal: ...
    @property
    def paid(self) -> Decimal: ...
    @property
    def credited(self) -> Decimal: ...
    @property
    def due_on(self) -> date: ...


def paid_state(one: Settled, day: date) -> str:
    """How far it is paid on `day`: draft, unpaid, part, overdue, paid, credited or void."""
    if one.state == "void":
        return "void"
    if one.issued_at is None:
        return "draft"
    if one.credited >= one.total:
        return "credited"
    if one.paid >= one.total:
        return "paid"
    if one.due_on < day:
        return "overdue"
    return "part" if one.paid else "unpaid"


def read_invoices(session: Session, filters: Filters, place: Place) -> Page[InvoiceRow]:
    """One page, newest first unless asked otherwise."""
    pick = select(Invoice.invoiced_at.label("invoiced_at"), Invoice.id.label("id"))
    walked = walk(
        pick.where(*conditions(filters)),
        owner=Invoice.reseller_id,
        order=Order(
            [Key("invoiced_at", datetime), Key("id", UUID)], descending=filters.sort == "-date"
        ),
        place=place,
    )
    query = walked.decorate(
        Invoice.id,
        Invoice.client_id,
        Client.name.label("client_name"),
        Reseller.name.label("reseller"),
        Invoice.direction,
        Invoice.number,
        Invoice.autoinvoice,
        Invoice.state,
        Invoice.invoice_on,
        Invoice.due_on,
        Invoice.first_on,
        Invoice.last_on,
        Invoice.currency,
        Invoice.net,
        Invoice.tax,
        Invoice.total,
        Invoice.paid,
        Invoice.credited,
        Invoice.issued_at,
        Invoice.file_id.is_not(None).label("has_file"),
        keep=[
            (Invoice, Invoice.id == walked.picked.c.id, False),
            (Client, Client.id == Invoice.client_id, False),
            (Reseller, Reseller.id == Invoice.reseller_id, False),
        ],
    )
    names = InvoiceRow.__dataclass_fields__
    is_one = len(current_scope().reseller_ids) == 1

    def make(row: Any) -> InvoiceRow:  # noqa: ANN401 (a row of the query)
        values = {name: getattr(row, name) for name in names}
        return InvoiceRow(**{**values, "reseller": "" if is_one else row.reseller})

    return read_page(session, walked, query, make)


def sum_invoices(session: Session, filters: Filters, count: int | None) -> list[CurrencyTotal]:
    """Totals per currency of everything the filter holds; none when that is too much to add up."""
    if count is None or count > COUNT_LIMIT:
        return []
    rows = session.execute(
        select(
            Invoice.currency,
            Invoice.direction,
            func.count(),
            func.sum(Invoice.total),
            func.sum(Invoice.total - Invoice.paid).filter(Invoice.issued_at.is_not(None)),
        )
        .where(
            Invoice.reseller_id.in_(current_scope().reseller_ids),
            Invoice.state != "void",
            *conditions(filters),
        )
        .group_by(Invoice.currency, Invoice.direction)
        .order_by(Invoice.currency, Invoice.direction.desc())
    )
    return [
        CurrencyTotal(code, direction, number, total, left or Decimal())
        for code, direction, number, total, left in rows
    ]


def list_choices(session: Session) -> Choices:
    """What the filters choose from: the terms and the currencies in use, of the scope."""
    is_one = len(current_scope().reseller_ids) == 1
    terms = session.execute(
        select(PaymentTerms.id, PaymentTerms.name, Reseller.name)
        .join(Reseller, Reseller.id == PaymentTerms.reseller_id)
        .order_by(PaymentTerms.name, Reseller.name)
        .limit(500)
    )
    currencies = session.scalars(
        select(ClientBalance.currency).distinct().order_by(ClientBalance.currency)
    )
    return Choices(
        [(str(one), name if is_one else f"{name} – {owner}") for one, name, owner in terms],
        [(code, code) for code in currencies],
        [(str(one), name) for one, name in client_choice.list_family(session)],
    )


def get_page(session: Session, invoice_id: UUID) -> InvoicePage:
    """Raises NotFoundError, also for one of another tenant."""
    row = session.execute(
        select(
            Invoice,
            Client.name,
            func.coalesce(
                func.nullif(ClientCompany.billing_email, ""), ClientCompany.main_email, ""
            ),
        )
        .join(Client, Client.id == Invoice.client_id)
        .outerjoin(ClientCompany, ClientCompany.client_id == Client.id)
        .where(Invoice.id == invoice_id)
    ).one_or_none()
    if row is None:
        raise NotFoundError("Invoice not found.")
    invoice, client_name, email = row
    return InvoicePage(
        invoice,
        client_name,
        email,
        _list_allocations(session, invoice_id),
        list_credit_notes(session, invoice_id),
        read_plan(session, invoice_id),
        _list_mails(session, invoice),
        find_filing(session, invoice_id) is not None,
        read_figures(session, invoice),
    )


def count_waiting(session: Session, client_id: int | None) -> int:
    """How many invoices of the scope, or of one client, wait for their taxes."""
    wanted = select(func.count()).select_from(TaxWait)
    if client_id:
        wanted = wanted.where(TaxWait.client_id == client_id)
    return session.scalar(wanted) or 0


def _list_allocations(session: Session, invoice_id: UUID) -> list[AllocationRow]:
    rows = session.execute(
        select(
            PaymentAllocation.transaction_id,
            PaymentAllocation.amount,
            PaymentAllocation.created_at,
            Transaction.description,
            PaymentAllocation.author,
        )
        .join(
            Transaction,
            and_(
                Transaction.reseller_id == PaymentAllocation.reseller_id,
                Transaction.id == PaymentAllocation.transaction_id,
            ),
        )
        .where(PaymentAllocation.invoice_id == invoice_id)
        .order_by(PaymentAllocation.id)
    )
    return [AllocationRow(*row) for row in rows]


def _list_mails(session: Session, invoice: Invoice) -> list[MailRow]:
    """Those that carry its file, and its first one, which may carry the file of before the void."""
    first = select(MailMessage.id).where(
        MailMessage.reseller_id == invoice.reseller_id,
        MailMessage.dedupe_key == f"invoice:{invoice.id}",
    )
    carrying = select(MailAttachment.mail_id).where(
        MailAttachment.reseller_id == invoice.reseller_id,
        MailAttachment.file_id == invoice.file_id,
    )
    wanted = first if invoice.file_id is None else first.union(carrying)
    rows = session.execute(
        select(MailMessage.id, MailMessage.to_address, MailMessage.state, MailMessage.created_at)
        .where(
            MailMessage.reseller_id == invoice.reseller_id,
            MailMessage.id.in_(wanted),
            MailMessage.state != "deleted",
        )
        .order_by(MailMessage.created_at.desc())
        .limit(20)
    )
    return [MailRow(*row) for row in rows]
