"""What of a client is still open when somebody is about to delete it: one query."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import func, select

from billing.invoice_models import Invoice
from billing.models import Transaction
from core.db import Session
from mail.models import MailMessage
from payments import refills
from payments.models import Refill
from portal.office.clients.page_queries import ClientHead


@dataclass(frozen=True, slots=True)
class OpenMatters:
    """Amounts in the client's currency; zero where nothing is open."""

    unpaid_invoices: int
    unpaid: Decimal
    refills: int
    pending: int
    not_invoiced: Decimal
    mails: int

    @property
    def is_any(self) -> bool:
        return bool(
            self.unpaid_invoices or self.refills or self.pending or self.not_invoiced or self.mails
        )


def get_open_matters(session: Session, head: ClientHead) -> OpenMatters:
    """Unpaid invoices, refills under way, pending transactions, charges on no invoice, mail."""
    invoice = [
        *_of(head, Invoice),
        Invoice.direction == "outgoing",
        Invoice.issued_at.is_not(None),
        Invoice.paid < Invoice.total,
    ]
    charge = [
        *_of(head, Transaction),
        Transaction.type == "charge",
        Transaction.status == "approved",
        Transaction.invoice_id.is_(None),
    ]
    pending = [*_of(head, Transaction), Transaction.status == "pending"]
    refill = [*_of(head, Refill), Refill.state.in_(refills.OPEN_STATES)]
    mail = [*_of(head, MailMessage), MailMessage.state.in_(["queued", "sending"])]
    row = session.execute(
        select(
            _one(func.count(Invoice.id), invoice),
            _one(func.coalesce(func.sum(Invoice.total - Invoice.paid), 0), invoice),
            _one(func.count(Refill.id), refill),
            _one(func.count(Transaction.id), pending),
            _one(func.coalesce(func.sum(Transaction.total), 0), charge),
            _one(func.count(MailMessage.id), mail),
        )
    ).one()
    return OpenMatters(*row)


def _of(head: ClientHead, model: Any) -> list[Any]:  # noqa: ANN401 (any table with a client)
    return [model.reseller_id == head.reseller_id, model.client_id == head.id]


def _one(what: Any, where: list[Any]) -> Any:  # noqa: ANN401 (a figure of any type)
    return select(what).where(*where).scalar_subquery()
