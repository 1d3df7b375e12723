"""Everything that happened to a client, merged: one query walks the index of each kind.

A place is the last row's instant, kind and id, so that a page begins right after it whatever was
written since.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Numeric,
    Select,
    Text,
    and_,
    case,
    cast,
    func,
    literal,
    not_,
    null,
    or_,
    select,
    tuple_,
    union_all,
)
from sqlalchemy.dialects.postgresql import JSONB

from billing.invoice_models import Invoice
from billing.models import Transaction
from core.db import Session
from mail.models import MailMessage
from payments.models import Refill
from portal.office.clients.page_queries import ClientHead
from portal.viewer import Viewer
from tenants.client_record_models import ClientFile, ClientNote
from tenants.models import AuditRecord, Event, File
from tenants.permissions import Permission

SIZE = 30
_BIGINT_DIGITS = 20


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of happening and who may see it; its place in KINDS breaks ties."""

    name: str
    permission: Permission


KINDS = (
    Kind("payment", Permission.TRANSACTIONS_READ),
    Kind("charge", Permission.TRANSACTIONS_READ),
    Kind("invoice", Permission.INVOICES_READ),
    Kind("refill", Permission.PAYMENTS_READ),
    Kind("mail", Permission.MAIL_READ),
    Kind("event", Permission.EVENTS_READ),
    Kind("change", Permission.AUDIT_READ),
    Kind("note", Permission.CLIENTS_READ),
    Kind("file", Permission.CLIENTS_READ),
)
# that one of these was made is told by the row itself
_SHOWN = ("transaction", "invoice", "refill", "client_note", "client_file")
_RANKS = {kind.name: rank for rank, kind in enumerate(KINDS)}


@dataclass(frozen=True, slots=True)
class Happening:
    """One row. `amount` credits the client when positive; `state` and `what` by kind.

    `actor` is the kind of who changed something; `message` says an event in any language, and
    takes `changes`.
    """

    at: datetime
    kind: str
    id: str
    title: str
    what: str
    amount: Decimal | None
    currency: str | None
    state: str
    who: str
    actor: str
    message: str
    changes: Mapping[str, Any] | None

    @property
    def text(self) -> str:
        """What an event says in English."""
        return self.title

    @property
    def params(self) -> Mapping[str, Any]:
        """What an event's message takes."""
        return self.changes or {}


@dataclass(frozen=True, slots=True)
class Timeline:
    """One page, newest first; `older` is the place of the next one, empty at the end."""

    rows: Sequence[Happening]
    older: str = ""


@dataclass(frozen=True, slots=True)
class _Place:
    at: datetime
    rank: int
    id: str


@dataclass(frozen=True, slots=True)
class _Source:
    """Where a kind is read: its table, the instant and id of the order, and the shared columns."""

    model: Any
    at: Any
    id: Any
    read_id: Callable[[str], Any]
    title: Any
    what: Any = ""
    amount: Any = None
    currency: Any = None
    state: Any = ""
    who: Any = ""
    actor: Any = ""
    message: Any = ""
    changes: Any = None
    join: Any = None
    where: Sequence[Any] = ()


def visible_kinds(viewer: Viewer) -> list[str]:
    """The kinds that the viewer's role lets read."""
    return [kind.name for kind in KINDS if viewer.may(kind.permission)]


def read_timeline(
    session: Session,
    head: ClientHead,
    kinds: Sequence[str],
    *,
    before: str = "",
    size: int = SIZE,
) -> Timeline:
    """A page of what happened to the client, of these kinds."""
    place = _read_place(before)
    parts = [_part(head, name, place, size + 1) for name in kinds]
    if not parts:
        return Timeline([])
    merged = union_all(*parts).subquery("merged")
    found = session.execute(
        select(merged)
        .order_by(merged.c.at.desc(), merged.c.rank.desc(), merged.c.sort_id.desc())
        .limit(size + 1)
    ).all()
    names = Happening.__dataclass_fields__
    rows = [Happening(**{name: getattr(row, name) for name in names}) for row in found[:size]]
    return Timeline(rows, _write_place(rows[-1]) if len(found) > size else "")


def _part(head: ClientHead, name: str, place: _Place | None, limit: int) -> Select[Any]:
    source = _SOURCES[name]()
    query = select(
        source.at.label("at"),
        literal(_RANKS[name]).label("rank"),
        _sortable(source.id).label("sort_id"),
        cast(literal(name), Text).label("kind"),
        cast(source.id, Text).label("id"),
        _text(source.title).label("title"),
        _text(source.what).label("what"),
        cast(null() if source.amount is None else source.amount, Numeric).label("amount"),
        cast(null() if source.currency is None else source.currency, Text).label("currency"),
        _text(source.state).label("state"),
        _text(source.who).label("who"),
        _text(source.actor).label("actor"),
        _text(source.message).label("message"),
        cast(null() if source.changes is None else source.changes, JSONB).label("changes"),
    ).where(
        source.model.reseller_id == head.reseller_id,
        source.model.client_id == head.id,
        *source.where,
    )
    if source.join is not None:
        query = query.join(*source.join)
    if place is not None:
        query = query.where(_after(source, _RANKS[name], place))
    limited = query.order_by(source.at.desc(), source.id.desc()).limit(limit).subquery()
    return select(limited)


def _after(source: _Source, rank: int, place: _Place) -> ColumnElement[bool]:
    """That a row comes after the place: earlier, or at the same instant and further on."""
    at = literal(place.at)
    if rank != place.rank:
        earlier: ColumnElement[bool] = source.at <= at if rank < place.rank else source.at < at
        return earlier
    # the first condition is what the index is walked by
    return and_(
        source.at <= at,
        or_(
            source.at < at,
            tuple_(source.at, source.id) < tuple_(at, literal(source.read_id(place.id))),
        ),
    )


def _sortable(column: Any) -> ColumnElement[str]:  # noqa: ANN401 (an id of any type)
    """Ids of every kind as texts that sort as the ids do."""
    text = cast(column, Text)
    return text if column.type.python_type is UUID else func.lpad(text, _BIGINT_DIGITS, "0")


def _text(value: Any) -> ColumnElement[str]:  # noqa: ANN401 (a column or a word)
    return cast(literal(value) if isinstance(value, str) else value, Text)


def _write_place(row: Happening) -> str:
    return f"{row.at.isoformat()}~{row.kind}~{row.id}"


def _read_place(text: str) -> _Place | None:
    """None for a text that is no place: the list then begins at its head."""
    try:
        at, name, key = text.split("~")
        moment = datetime.fromisoformat(at)
        _SOURCES[name]().read_id(key)
        return _Place(moment, _RANKS[name], key) if moment.tzinfo is not None else None
    except (ValueError, KeyError):
        return None


def _read_bigint(text: str) -> int:
    value = int(text)
    if not 0 <= value < 2**63:
        raise ValueError("no id")
    return value


def _transactions(type_: str) -> _Source:
    sign = 1 if type_ == "payment" else -1
    return _Source(
        Transaction, Transaction.dated_at, Transaction.id, UUID,
        title=Transaction.description, what=Transaction.kind, amount=sign * Transaction.total,
        currency=Transaction.currency, state=Transaction.status, who=Transaction.author,
        where=[Transaction.type == type_],
    )  # fmt: skip


_SOURCES: dict[str, Callable[[], _Source]] = {
    "payment": lambda: _transactions("payment"),
    "charge": lambda: _transactions("charge"),
    "invoice": lambda: _Source(
        Invoice, Invoice.invoiced_at, Invoice.id, UUID,
        title=Invoice.number, currency=Invoice.currency,
        amount=case((Invoice.direction == "incoming", Invoice.total), else_=-Invoice.total),
        state=Invoice.state,
    ),
    "refill": lambda: _Source(
        Refill, Refill.created_at, Refill.id, UUID,
        title=Refill.reason, what=Refill.source, amount=Refill.amount, currency=Refill.currency,
        state=Refill.state, who=Refill.author,
    ),
    "mail": lambda: _Source(
        MailMessage, MailMessage.created_at, MailMessage.id, UUID,
        title=MailMessage.subject, what=MailMessage.kind, state=MailMessage.state,
        who=MailMessage.to_address, where=[MailMessage.state != "deleted"],
    ),
    "event": lambda: _Source(
        Event, Event.at, Event.id, _read_bigint,
        title=Event.text, what=Event.service, state=Event.level, message=Event.message,
        changes=Event.params,
    ),
    "change": lambda: _Source(
        AuditRecord, AuditRecord.at, AuditRecord.id, _read_bigint,
        title=AuditRecord.action, what=AuditRecord.object_type, who=AuditRecord.actor_label,
        actor=AuditRecord.actor_kind, state=AuditRecord.object_label, changes=AuditRecord.changes,
        where=[not_(and_(AuditRecord.action == "create", AuditRecord.object_type.in_(_SHOWN)))],
    ),
    "note": lambda: _Source(
        ClientNote, ClientNote.created_at, ClientNote.id, UUID,
        title=func.left(ClientNote.body, 300), who=ClientNote.author,
    ),
    "file": lambda: _Source(
        ClientFile, ClientFile.created_at, ClientFile.file_id, UUID,
        title=File.name, who=ClientFile.author,
        join=(
            File,
            and_(File.reseller_id == ClientFile.reseller_id, File.id == ClientFile.file_id),
        ),
    ),
}  # fmt: skip
