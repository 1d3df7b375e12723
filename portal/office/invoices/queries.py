"""What the Invoices screen reads."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, select

from billing.invoice_models import Invoice, InvoiceLine, InvoiceTax, PaymentAllocation
from billing.models import Transaction
from core.clock import today
from core.db import Session
from core.errors import NotFoundError
from core.tenancy import current_scope
from mail.models import MailAttachment, MailMessage
from portal.access import current_user_timezone
from portal.keyset import COUNT_LIMIT, Key, Order, Page, Place, read_page, walk
from portal.office.client_choice import matching_ids
from portal.office.period import ANY_TIME, PeriodFilter
from tenants.models import Client, ClientCompany

STATES = ("any", "to_verify", "to_send", "normal")
PAID = ("any", "open", "unpaid", "part", "overdue", "paid")
SORTS = ("-date", "date")


@dataclass(frozen=True, slots=True)
class Filters:
    """What the address asks for."""

    search: str = ""
    client_id: int | None = None
    state: str = "any"
    paid: str = "any"
    period: PeriodFilter = ANY_TIME
    sort: str = "-date"

    @property
    def is_narrowed(self) -> bool:
        return bool(
            self.search
            or self.client_id
            or self.state != "any"
            or self.paid != "any"
            or self.period.is_set
        )


@dataclass(frozen=True, slots=True)
class InvoiceRow:
    """One line of the list; amounts in `currency`."""

    id: UUID
    client_id: int
    client_name: str
    number: str
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
    issued_at: datetime | None
    has_file: bool

    @property
    def open(self) -> Decimal:
        return self.total - self.paid

    def paid_state(self, day: date) -> str:
        return paid_state(self.issued_at, self.total, self.paid, self.due_on, day)


@dataclass(frozen=True, slots=True)
class CurrencyTotal:
    """What the filter's invoices come to in one currency."""

    currency: str
    count: int
    total: Decimal
    open: Decimal


@dataclass(frozen=True, slots=True)
class AllocationRow:
    """A payment's part in paying the invoice; negative where it was taken off again."""

    transaction_id: UUID
    amount: Decimal
    at: datetime
    description: str


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
    lines: Sequence[InvoiceLine]
    taxes: Sequence[InvoiceTax]
    allocations: Sequence[AllocationRow]
    mails: Sequence[MailRow]

    def paid_state(self, day: date) -> str:
        one = self.invoice
        return paid_state(one.issued_at, one.total, one.paid, one.due_on, day)


def paid_state(
    issued_at: datetime | None, total: Decimal, paid: Decimal, due_on: date, day: date
) -> str:
    """How far it is paid on `day`: draft, unpaid, part, overdue or paid."""
    if issued_at is None:
        return "draft"
    if paid >= total:
        return "paid"
    if due_on < day:
        return "overdue"
    return "part" if paid else "unpaid"


def read_invoices(session: Session, filters: Filters, place: Place) -> Page[InvoiceRow]:
    """One page, newest first unless asked otherwise."""
    pick = select(Invoice.invoiced_at.label("invoiced_at"), Invoice.id.label("id"))
    walked = walk(
        pick.where(*_conditions(filters)),
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
        Invoice.number,
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
        Invoice.issued_at,
        Invoice.file_id.is_not(None).label("has_file"),
        keep=[
            (Invoice, Invoice.id == walked.picked.c.id, False),
            (Client, Client.id == Invoice.client_id, False),
        ],
    )
    names = InvoiceRow.__dataclass_fields__
    return read_page(
        session,
        walked,
        query,
        lambda row: InvoiceRow(**{name: getattr(row, name) for name in names}),
    )


def sum_invoices(session: Session, filters: Filters, count: int | None) -> list[CurrencyTotal]:
    """Totals per currency of everything the filter holds; none when that is too much to add up."""
    if count is None or count > COUNT_LIMIT:
        return []
    rows = session.execute(
        select(
            Invoice.currency,
            func.count(),
            func.sum(Invoice.total),
            func.sum(Invoice.total - Invoice.paid).filter(Invoice.issued_at.is_not(None)),
        )
        .where(Invoice.reseller_id.in_(current_scope().reseller_ids), *_conditions(filters))
        .group_by(Invoice.currency)
        .order_by(Invoice.currency)
    )
    return [
        CurrencyTotal(code, number, total, left or Decimal()) for code, number, total, left in rows
    ]


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
    of_invoice = InvoiceLine.invoice_id == invoice_id
    lines = session.scalars(select(InvoiceLine).where(of_invoice).order_by(InvoiceLine.line_no))
    taxes = session.scalars(
        select(InvoiceTax).where(InvoiceTax.invoice_id == invoice_id).order_by(InvoiceTax.line_no)
    )
    return InvoicePage(
        invoice,
        client_name,
        email,
        list(lines),
        list(taxes),
        _list_allocations(session, invoice_id),
        _list_mails(session, invoice.file_id),
    )


def _list_allocations(session: Session, invoice_id: UUID) -> list[AllocationRow]:
    rows = session.execute(
        select(
            PaymentAllocation.transaction_id,
            PaymentAllocation.amount,
            PaymentAllocation.created_at,
            Transaction.description,
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


def _list_mails(session: Session, file_id: UUID | None) -> list[MailRow]:
    if file_id is None:
        return []
    rows = session.execute(
        select(MailMessage.id, MailMessage.to_address, MailMessage.state, MailMessage.created_at)
        .join(MailAttachment, MailAttachment.mail_id == MailMessage.id)
        .where(MailAttachment.file_id == file_id, MailMessage.state != "deleted")
        .order_by(MailMessage.created_at.desc())
        .limit(20)
    )
    return [MailRow(*row) for row in rows]


def _conditions(filters: Filters) -> list[ColumnElement[bool]]:
    wanted: list[tuple[object, ColumnElement[bool]]] = [
        (filters.client_id, Invoice.client_id == filters.client_id),
        (filters.state != "any", Invoice.state == filters.state),
        (filters.search, _found(filters.search)),
        (filters.paid != "any", _paid(filters.paid)),
    ]
    asked = [condition for is_asked, condition in wanted if is_asked]
    return [*asked, *filters.period.day_conditions(Invoice.invoice_on)]


def _found(search: str) -> ColumnElement[bool]:
    """The very number, or a client that matches."""
    return (Invoice.number == search) | Invoice.client_id.in_(matching_ids(search))


def _paid(state: str) -> ColumnElement[bool]:
    issued = Invoice.issued_at.is_not(None)
    day = today(current_user_timezone())
    return {
        "any": issued,
        "open": and_(issued, Invoice.paid < Invoice.total),
        "unpaid": and_(issued, Invoice.paid == 0, Invoice.paid < Invoice.total),
        "part": and_(issued, Invoice.paid > 0, Invoice.paid < Invoice.total),
        "overdue": and_(issued, Invoice.paid < Invoice.total, Invoice.due_on < day),
        "paid": and_(issued, Invoice.paid >= Invoice.total),
    }[state]
