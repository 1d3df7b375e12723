"""What the page of one client shows, a query for each of its parts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import exists, select
from sqlalchemy.orm import aliased

from billing.invoice_models import Invoice
from billing.models import ClientBalance, ClientBilling, PaymentTerms, TaxProfile, Transaction
from core.db import Session
from core.errors import NotFoundError
from mail.models import MailMessage
from payments.models import ClientAutoPayment, Refill
from tenants.models import Client, ClientCompany, ClientLogin, Reseller

LATEST = 6


@dataclass(frozen=True, slots=True)
class ClientHead:
    """The client, its balances (in `currency`) and its settings."""

    id: int
    name: str
    status: str
    timezone: str
    version: int
    updated_at: datetime
    updated_by: str
    reseller: str
    currency: str
    postpaid: bool
    credit: Decimal
    live: Decimal
    fixed: Decimal
    terms: str | None
    tax_profile: str | None
    autoinvoicing: bool
    last_invoiced_on: date | None
    next_invoice_at: datetime | None
    login: str | None
    has_panel: bool
    company: ClientCompany | None
    auto: ClientAutoPayment | None

    @property
    def available(self) -> Decimal:
        return self.live + self.credit


@dataclass(frozen=True, slots=True)
class TransactionLine:
    id: UUID
    type: str
    kind: str
    status: str
    total: Decimal
    currency: str
    dated_at: datetime
    description: str
    reverses: bool
    is_reversed: bool

    @property
    def effect(self) -> Decimal:
        """On Live: a payment credits, a charge debits."""
        return self.total if self.type == "payment" else -self.total


@dataclass(frozen=True, slots=True)
class InvoiceLine:
    id: UUID
    number: str
    state: str
    invoice_on: date
    due_on: date
    total: Decimal
    paid: Decimal
    currency: str
    issued: bool


@dataclass(frozen=True, slots=True)
class RefillLine:
    id: UUID
    source: str
    state: str
    amount: Decimal
    currency: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class MailLine:
    id: UUID
    kind: str
    subject: str
    to_address: str
    state: str
    created_at: datetime


def get_head(session: Session, client_id: int) -> ClientHead:
    """Raises NotFoundError, also for a client of another tenant."""
    row = session.execute(
        select(
            Client.id, Client.name, Client.status, Client.timezone, Client.version,
            Client.updated_at, Client.updated_by, Reseller.name.label("reseller"),
            ClientBalance.currency, ClientBalance.postpaid, ClientBalance.credit,
            ClientBalance.live, ClientBalance.fixed, PaymentTerms.name.label("terms"),
            TaxProfile.name.label("tax_profile"), ClientBilling.autoinvoicing,
            ClientBilling.last_invoiced_on, ClientBilling.next_invoice_at,
            ClientLogin.login, ClientLogin.enabled.label("has_panel"),
            ClientCompany, ClientAutoPayment,
        )
        .join(Reseller, Reseller.id == Client.reseller_id)
        .join(ClientBalance, ClientBalance.client_id == Client.id)
        .outerjoin(ClientBilling, ClientBilling.client_id == Client.id)
        .outerjoin(PaymentTerms, PaymentTerms.id == ClientBilling.payment_terms_id)
        .outerjoin(TaxProfile, TaxProfile.id == ClientBilling.tax_profile_id)
        .outerjoin(ClientLogin, ClientLogin.client_id == Client.id)
        .outerjoin(ClientCompany, ClientCompany.client_id == Client.id)
        .outerjoin(ClientAutoPayment, ClientAutoPayment.client_id == Client.id)
        .where(Client.id == client_id)
    ).one_or_none()  # fmt: skip
    if row is None:
        raise NotFoundError("Client not found.")
    values = dict(row._mapping)
    return ClientHead(
        **{
            **{name: value for name, value in values.items() if name[:1].islower()},
            "company": values["ClientCompany"],
            "auto": values["ClientAutoPayment"],
            "autoinvoicing": bool(row.autoinvoicing),
            "has_panel": bool(row.has_panel),
        }
    )


def list_transactions(session: Session, client_id: int) -> Sequence[TransactionLine]:
    """The latest ones."""
    reversal = aliased(Transaction)
    is_reversed = exists().where(
        reversal.reseller_id == Transaction.reseller_id,
        reversal.reverses_id == Transaction.id,
    )
    rows = session.execute(
        select(Transaction, is_reversed)
        .where(Transaction.client_id == client_id)
        .order_by(Transaction.dated_at.desc(), Transaction.id.desc())
        .limit(LATEST)
    )
    return [
        TransactionLine(
            id=one.id,
            type=one.type,
            kind=one.kind,
            status=one.status,
            total=one.total,
            currency=one.currency,
            dated_at=one.dated_at,
            description=one.description,
            reverses=one.reverses_id is not None,
            is_reversed=reversed_,
        )
        for one, reversed_ in rows
    ]


def list_invoices(session: Session, client_id: int) -> Sequence[InvoiceLine]:
    """The latest ones."""
    rows = session.execute(
        select(
            Invoice.id, Invoice.number, Invoice.state, Invoice.invoice_on, Invoice.due_on,
            Invoice.total, Invoice.paid, Invoice.currency, Invoice.issued_at.is_not(None),
        )
        .where(Invoice.client_id == client_id)
        .order_by(Invoice.invoiced_at.desc(), Invoice.id.desc())
        .limit(LATEST)
    )  # fmt: skip
    return [InvoiceLine(*row) for row in rows]


def list_refills(session: Session, client_id: int) -> Sequence[RefillLine]:
    """The latest ones."""
    rows = session.execute(
        select(
            Refill.id, Refill.source, Refill.state, Refill.amount, Refill.currency,
            Refill.created_at,
        )
        .where(Refill.client_id == client_id)
        .order_by(Refill.created_at.desc())
        .limit(LATEST)
    )  # fmt: skip
    return [RefillLine(*row) for row in rows]


def list_mails(session: Session, client_id: int) -> Sequence[MailLine]:
    """The latest ones."""
    rows = session.execute(
        select(
            MailMessage.id, MailMessage.kind, MailMessage.subject, MailMessage.to_address,
            MailMessage.state, MailMessage.created_at,
        )
        .where(MailMessage.client_id == client_id, MailMessage.state != "deleted")
        .order_by(MailMessage.created_at.desc(), MailMessage.id.desc())
        .limit(LATEST)
    )  # fmt: skip
    return [MailLine(*row) for row in rows]
