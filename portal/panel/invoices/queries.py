"""What the invoices screen reads."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import and_, func, select

from billing.correction_models import CreditNote
from billing.credit_notes import list_credit_notes
from billing.invoice_figures import Figures, read_figures
from billing.invoice_models import Invoice, PaymentAllocation
from billing.models import Transaction
from core.db import Session
from core.errors import NotFoundError
from portal.keyset import Key, Order, Page, Place, read_page, walk
from portal.panel.me import my_id
from portal.panel.open_invoices import invoice_state, is_mine

PAID = ("all", "open", "paid")
_PAGE = 25


@dataclass(frozen=True, slots=True)
class InvoiceRow:
    """One line of the list; amounts in `currency`."""

    id: UUID
    number: str
    invoice_on: date
    first_on: date
    last_on: date
    due_on: date
    currency: str
    total: Decimal
    paid: Decimal
    credited: Decimal
    state: str
    has_file: bool

    @property
    def open(self) -> Decimal:
        return self.total - self.paid

    def paid_state(self, day: date) -> str:
        return invoice_state(self.state, self.total, self.paid, self.credited, self.due_on, day)


@dataclass(frozen=True, slots=True)
class CreditNoteRow:
    """One credit note of the list; `total` in `currency`."""

    id: UUID
    number: str
    issued_on: date
    currency: str
    total: Decimal
    reason: str
    invoice_id: UUID
    invoice_number: str
    has_file: bool


@dataclass(frozen=True, slots=True)
class PaymentRow:
    """A payment's part in paying the invoice."""

    transaction_id: UUID
    description: str
    dated_at: datetime
    amount: Decimal


@dataclass(frozen=True, slots=True)
class InvoicePage:
    """One invoice with all that stands on it."""

    invoice: Invoice
    figures: Figures
    payments: Sequence[PaymentRow]
    credit_notes: Sequence[CreditNote]

    @property
    def open(self) -> Decimal:
        return self.invoice.total - self.invoice.paid

    def paid_state(self, day: date) -> str:
        one = self.invoice
        return invoice_state(one.state, one.total, one.paid, one.credited, one.due_on, day)


def read_invoices(session: Session, paid: str, place: Place) -> Page[InvoiceRow]:
    """One page, the newest first."""
    pick = select(Invoice.invoiced_at.label("invoiced_at"), Invoice.id.label("id")).where(is_mine())
    if paid == "open":
        pick = pick.where(Invoice.paid < Invoice.total)
    elif paid == "paid":
        pick = pick.where(Invoice.paid >= Invoice.total, Invoice.state != "void")
    walked = walk(
        pick,
        owner=Invoice.reseller_id,
        order=Order([Key("invoiced_at", datetime), Key("id", UUID)], descending=True),
        place=place,
        size=_PAGE,
    )
    query = walked.decorate(
        Invoice.id,
        Invoice.number,
        Invoice.invoice_on,
        Invoice.first_on,
        Invoice.last_on,
        Invoice.due_on,
        Invoice.currency,
        Invoice.total,
        Invoice.paid,
        Invoice.credited,
        Invoice.state,
        Invoice.file_id.is_not(None).label("has_file"),
        keep=[(Invoice, Invoice.id == walked.picked.c.id, False)],
    )
    names = InvoiceRow.__dataclass_fields__
    return read_page(
        session,
        walked,
        query,
        lambda row: InvoiceRow(**{name: getattr(row, name) for name in names}),
    )


def read_credit_notes(session: Session, place: Place) -> Page[CreditNoteRow]:
    """One page, the newest first."""
    pick = select(CreditNote.issued_at.label("issued_at"), CreditNote.id.label("id")).where(
        CreditNote.client_id == my_id()
    )
    walked = walk(
        pick,
        owner=CreditNote.reseller_id,
        order=Order([Key("issued_at", datetime), Key("id", UUID)], descending=True),
        place=place,
        size=_PAGE,
    )
    query = walked.decorate(
        CreditNote.id,
        CreditNote.number,
        CreditNote.issued_on,
        CreditNote.currency,
        CreditNote.total,
        CreditNote.reason,
        CreditNote.invoice_id,
        Invoice.number.label("invoice_number"),
        CreditNote.file_id.is_not(None).label("has_file"),
        keep=[
            (CreditNote, CreditNote.id == walked.picked.c.id, False),
            (Invoice, Invoice.id == CreditNote.invoice_id, False),
        ],
    )
    names = CreditNoteRow.__dataclass_fields__
    return read_page(
        session,
        walked,
        query,
        lambda row: CreditNoteRow(**{name: getattr(row, name) for name in names}),
    )


def get_invoice(session: Session, invoice_id: UUID) -> Invoice:
    """One that was issued to the client; raises NotFoundError for any other."""
    invoice = session.scalar(select(Invoice).where(Invoice.id == invoice_id, is_mine()))
    if invoice is None:
        raise NotFoundError("Invoice not found.")
    return invoice


def get_page(session: Session, invoice_id: UUID) -> InvoicePage:
    """Raises NotFoundError as `get_invoice`."""
    invoice = get_invoice(session, invoice_id)
    return InvoicePage(
        invoice,
        read_figures(session, invoice),
        _list_payments(session, invoice_id),
        list_credit_notes(session, invoice_id),
    )


def _list_payments(session: Session, invoice_id: UUID) -> list[PaymentRow]:
    total = func.sum(PaymentAllocation.amount)
    rows = session.execute(
        select(Transaction.id, Transaction.description, Transaction.dated_at, total)
        .join(
            Transaction,
            and_(
                Transaction.reseller_id == PaymentAllocation.reseller_id,
                Transaction.id == PaymentAllocation.transaction_id,
            ),
        )
        .where(PaymentAllocation.invoice_id == invoice_id)
        .group_by(Transaction.id, Transaction.description, Transaction.dated_at)
        .having(total != 0)
        .order_by(Transaction.dated_at, Transaction.id)
    )
    return [PaymentRow(*row) for row in rows]
