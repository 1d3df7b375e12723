"""What the tabs of a client's page list: a query each, a page at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import Select, and_, exists, func, select
from sqlalchemy.orm import aliased

from billing.invoice_models import Invoice
from billing.models import PaymentAccount, Transaction
from core.db import Session
from mail.models import MailMessage
from payments.models import GatewayAccount, Refill, SavedCard
from portal.keyset import Key, Order, Page, Place, read_page, walk
from portal.office.clients.page_queries import ClientHead
from tenants.client_record_models import ClientFile, ClientNote
from tenants.models import AuditRecord, Event, File

SIZE = 25
NOTES_AT_MOST = 200

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class TransactionLine:
    """Amounts in `currency`, negative on a reversal."""

    id: UUID
    type: str
    kind: str
    status: str
    total: Decimal
    currency: str
    account: str
    dated_at: datetime
    description: str
    author: str
    reverses_id: UUID | None
    is_reversed: bool

    @property
    def effect(self) -> Decimal:
        """On Live: a payment credits, a charge debits."""
        return self.total if self.type == "payment" else -self.total


@dataclass(frozen=True, slots=True)
class InvoiceLine:
    """Amounts in `currency`."""

    id: UUID
    direction: str
    number: str
    state: str
    invoice_on: date
    due_on: date
    first_on: date
    last_on: date
    total: Decimal
    paid: Decimal
    currency: str
    issued_at: datetime | None

    def paid_state(self, day: date) -> str:
        """How far it is paid on `day`."""
        if self.state == "void":
            return "void"
        if self.issued_at is None:
            return "draft"
        if self.paid >= self.total:
            return "paid"
        if self.due_on < day:
            return "overdue"
        return "part" if self.paid else "unpaid"


@dataclass(frozen=True, slots=True)
class RefillLine:
    """Amounts in `currency`."""

    id: UUID
    source: str
    state: str
    amount: Decimal
    credited: Decimal
    currency: str
    gateway: str
    brand: str | None
    last_four: str | None
    reason: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class MailLine:
    """One mail to the client."""

    id: UUID
    kind: str
    subject: str
    to_address: str
    state: str
    last_error: str
    possibly_sent_twice: bool
    created_at: datetime
    sent_at: datetime | None


@dataclass(frozen=True, slots=True)
class EventLine:
    """What the system noticed about the client."""

    id: int
    at: datetime
    level: str
    service: str
    text: str
    message: str
    params: Mapping[str, Any]
    object_type: str
    object_id: str


@dataclass(frozen=True, slots=True)
class ChangeLine:
    """One record of the audit log."""

    id: int
    at: datetime
    actor_kind: str
    actor_label: str
    on_behalf_of: str | None
    ip: str | None
    action: str
    object_type: str
    object_id: str
    object_label: str
    changes: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class FileLine:
    """A file that staff keep beside the client; `size` in bytes."""

    id: UUID
    name: str
    media_type: str
    size: int
    author: str
    created_at: datetime


def read_transactions(session: Session, head: ClientHead, place: Place) -> Page[TransactionLine]:
    """Newest first."""
    reversal = aliased(Transaction)
    is_reversed = exists().where(
        reversal.reseller_id == Transaction.reseller_id,
        reversal.reverses_id == Transaction.id,
    )
    return _read(
        session,
        head,
        place,
        Transaction,
        [Key("dated_at", datetime), Key("id", UUID)],
        TransactionLine,
        {
            "account": func.coalesce(PaymentAccount.name, ""),
            "is_reversed": is_reversed,
        },
        [(PaymentAccount, PaymentAccount.id == Transaction.payment_account_id, True)],
    )


def read_invoices(session: Session, head: ClientHead, place: Place) -> Page[InvoiceLine]:
    """Newest first."""
    keys = [Key("invoiced_at", datetime), Key("id", UUID)]
    return _read(session, head, place, Invoice, keys, InvoiceLine)


def read_refills(session: Session, head: ClientHead, place: Place) -> Page[RefillLine]:
    """Newest first."""
    return _read(
        session,
        head,
        place,
        Refill,
        [Key("created_at", datetime), Key("id", UUID)],
        RefillLine,
        {
            "gateway": GatewayAccount.name,
            "brand": SavedCard.brand,
            "last_four": SavedCard.last_four,
        },
        [
            (GatewayAccount, GatewayAccount.id == Refill.gateway_account_id, False),
            (SavedCard, SavedCard.id == Refill.saved_card_id, True),
        ],
    )


def read_mails(session: Session, head: ClientHead, place: Place) -> Page[MailLine]:
    """Newest first; deleted ones are hidden."""
    keys = [Key("created_at", datetime), Key("id", UUID)]
    shown = [MailMessage.state != "deleted"]
    return _read(session, head, place, MailMessage, keys, MailLine, where=shown)


def read_events(session: Session, head: ClientHead, place: Place) -> Page[EventLine]:
    """Newest first."""
    keys = [Key("at", datetime), Key("id", int)]
    return _read(session, head, place, Event, keys, EventLine)


def read_changes(session: Session, head: ClientHead, place: Place) -> Page[ChangeLine]:
    """Newest first."""
    keys = [Key("at", datetime), Key("id", int)]
    return _read(session, head, place, AuditRecord, keys, ChangeLine)


def list_notes(session: Session, head: ClientHead) -> list[ClientNote]:
    """The pinned ones first, then the newest."""
    return list(
        session.scalars(
            select(ClientNote)
            .where(ClientNote.reseller_id == head.reseller_id, ClientNote.client_id == head.id)
            .order_by(
                ClientNote.is_pinned.desc(), ClientNote.created_at.desc(), ClientNote.id.desc()
            )
            .limit(NOTES_AT_MOST)
        )
    )


def list_pinned_notes(session: Session, head: ClientHead) -> list[ClientNote]:
    """Those that everybody should read first."""
    return list(
        session.scalars(
            select(ClientNote)
            .where(
                ClientNote.reseller_id == head.reseller_id,
                ClientNote.client_id == head.id,
                ClientNote.is_pinned,
            )
            .order_by(ClientNote.created_at.desc(), ClientNote.id.desc())
            .limit(5)
        )
    )


def list_files(session: Session, head: ClientHead) -> list[FileLine]:
    """Newest first."""
    rows = session.execute(
        select(
            File.id, File.name, File.media_type, File.size, ClientFile.author,
            ClientFile.created_at,
        )
        .join(
            ClientFile,
            and_(ClientFile.reseller_id == File.reseller_id, ClientFile.file_id == File.id),
        )
        .where(ClientFile.reseller_id == head.reseller_id, ClientFile.client_id == head.id)
        .order_by(ClientFile.created_at.desc(), ClientFile.file_id.desc())
    )  # fmt: skip
    return [FileLine(*row) for row in rows]


def _read(
    session: Session,
    head: ClientHead,
    place: Place,
    model: Any,  # noqa: ANN401 (any table with a client)
    keys: Sequence[Key],
    line: type[T],
    more: Mapping[str, Any] | None = None,
    joins: Sequence[Any] = (),
    where: Sequence[Any] = (),
) -> Page[T]:
    """A page of the client's rows of `model`, newest first; `more` are columns of other tables."""
    pick: Select[Any] = select(*(getattr(model, key.name).label(key.name) for key in keys)).where(
        model.client_id == head.id, *where
    )
    walked = walk(
        pick,
        owner=model.reseller_id,
        order=Order(keys, descending=True),
        place=place,
        reseller_ids=[head.reseller_id],
        size=SIZE,
    )
    others = more or {}
    names = list(line.__dataclass_fields__)  # type: ignore[attr-defined]
    columns = [
        others[name].label(name) if name in others else getattr(model, name) for name in names
    ]
    query = walked.decorate(*columns, keep=[(model, model.id == walked.picked.c.id, False), *joins])
    return read_page(
        session, walked, query, lambda row: line(**{name: getattr(row, name) for name in names})
    )
