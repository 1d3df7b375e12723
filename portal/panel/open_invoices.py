"""Invoices that still want money, and the words for how far one is paid."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

from flask_babel import LazyString
from flask_babel import lazy_gettext as _l
from sqlalchemy import ColumnElement, and_, select

from billing.invoice_models import Invoice
from core.db import Session
from portal.panel.me import my_id

PAID_WORDS: dict[str, tuple[LazyString, str]] = {
    "unpaid": (_l("open"), "info"),
    "part": (_l("partly paid"), "info"),
    "overdue": (_l("overdue"), "bad"),
    "paid": (_l("paid"), "ok"),
    "credited": (_l("credited"), "off"),
    "void": (_l("cancelled"), "off"),
}


@dataclass(frozen=True, slots=True)
class OpenInvoice:
    """`open` is what is still to be paid, in `currency`."""

    id: UUID
    number: str
    due_on: date
    currency: str
    total: Decimal
    paid: Decimal

    @property
    def open(self) -> Decimal:
        return self.total - self.paid


def is_mine() -> ColumnElement[bool]:
    """Issued to the client; what waits to be verified is not its business yet."""
    return and_(
        Invoice.client_id == my_id(),
        Invoice.direction == "outgoing",
        Invoice.issued_at.is_not(None),
    )


def list_open(session: Session) -> Sequence[OpenInvoice]:
    """Every open invoice, the one due first coming first."""
    rows = session.execute(
        select(
            Invoice.id,
            Invoice.number,
            Invoice.due_on,
            Invoice.currency,
            Invoice.total,
            Invoice.paid,
        )
        .where(is_mine(), Invoice.paid < Invoice.total)
        .order_by(Invoice.due_on, Invoice.number)
    )
    return [OpenInvoice(*row) for row in rows]


def invoice_state(
    state: str, total: Decimal, paid: Decimal, credited: Decimal, due_on: date, day: date
) -> str:
    """The same of any issued invoice, which may also be void, or credited as a whole."""
    if state == "void":
        return "void"
    return "credited" if credited >= total else paid_state(total, paid, due_on, day)


def paid_state(total: Decimal, paid: Decimal, due_on: date, day: date) -> str:
    """How far it is paid on `day`: unpaid, part, overdue or paid."""
    if paid >= total:
        return "paid"
    if due_on < day:
        return "overdue"
    return "part" if paid else "unpaid"
