"""What the Mail queue screen reads."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, or_, select

from core.db import Session
from core.errors import NotFoundError
from mail.models import MailAttachment, MailMessage
from mail.queue import MailKind
from portal.keyset import Key, Order, Page, Place, read_page, walk
from portal.office.period import ANY_TIME, PeriodFilter
from tenants.models import Client, File, Reseller

STATES = ("any", "queued", "sending", "sent", "failed")
KINDS = ("any", *(kind.value for kind in MailKind))


@dataclass(frozen=True, slots=True)
class Filters:
    """What the address asks for; `search` is in the subject or the recipient."""

    search: str = ""
    client_id: int | None = None
    reseller_id: int | None = None
    state: str = "any"
    kind: str = "any"
    twice: bool = False
    period: PeriodFilter = ANY_TIME

    @property
    def is_narrowed(self) -> bool:
        return bool(
            self.search
            or self.client_id
            or self.reseller_id
            or self.twice
            or self.state != "any"
            or self.kind != "any"
            or self.period.is_set
        )


@dataclass(frozen=True, slots=True)
class MailRow:
    """One line of the list."""

    id: UUID
    client_id: int | None
    client_name: str
    reseller_name: str
    kind: str
    to_address: str
    subject: str
    state: str
    attempts: int
    last_error: str
    possibly_sent_twice: bool
    created_at: datetime
    sent_at: datetime | None
    files: int


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes along."""

    file_id: UUID
    name: str
    media_type: str
    size: int


@dataclass(frozen=True, slots=True)
class MailPage:
    """One mail as it was written."""

    mail: MailMessage
    client_name: str
    attachments: Sequence[Attachment]


def read_mails(session: Session, filters: Filters, place: Place) -> Page[MailRow]:
    """One page, newest first; deleted ones are hidden."""
    pick = select(MailMessage.created_at.label("created_at"), MailMessage.id.label("id"))
    walked = walk(
        pick.where(MailMessage.state != "deleted", *_conditions(filters)),
        owner=MailMessage.reseller_id,
        order=Order([Key("created_at", datetime), Key("id", UUID)], descending=True),
        place=place,
    )
    files = (
        select(func.count())
        .select_from(MailAttachment)
        .where(
            MailAttachment.reseller_id == MailMessage.reseller_id,
            MailAttachment.mail_id == MailMessage.id,
        )
        .correlate(MailMessage)
        .scalar_subquery()
    )
    query = walked.decorate(
        MailMessage.id,
        MailMessage.client_id,
        func.coalesce(Client.name, "").label("client_name"),
        Reseller.name.label("reseller_name"),
        MailMessage.kind,
        MailMessage.to_address,
        MailMessage.subject,
        MailMessage.state,
        MailMessage.attempts,
        MailMessage.last_error,
        MailMessage.possibly_sent_twice,
        MailMessage.created_at,
        MailMessage.sent_at,
        files.label("files"),
        keep=[
            (MailMessage, MailMessage.id == walked.picked.c.id, False),
            (Reseller, Reseller.id == MailMessage.reseller_id, False),
            (Client, Client.id == MailMessage.client_id, True),
        ],
    )
    names = MailRow.__dataclass_fields__
    return read_page(
        session, walked, query, lambda row: MailRow(**{name: getattr(row, name) for name in names})
    )


def get_page(session: Session, mail_id: UUID) -> MailPage:
    """Raises NotFoundError, also for a deleted mail and one of another tenant."""
    row = session.execute(
        select(MailMessage, func.coalesce(Client.name, ""))
        .outerjoin(Client, Client.id == MailMessage.client_id)
        .where(MailMessage.id == mail_id, MailMessage.state != "deleted")
    ).one_or_none()
    if row is None:
        raise NotFoundError("Mail not found.")
    rows = session.execute(
        select(File.id, File.name, File.media_type, File.size)
        .join(
            MailAttachment,
            and_(MailAttachment.reseller_id == File.reseller_id, MailAttachment.file_id == File.id),
        )
        .where(MailAttachment.mail_id == mail_id)
        .order_by(File.name)
    )
    return MailPage(row[0], row[1], [Attachment(*one) for one in rows])


def has_attachment(session: Session, mail_id: UUID, file_id: UUID) -> bool:
    """Whether this file goes along with this mail."""
    found = session.scalar(
        select(MailAttachment.file_id).where(
            MailAttachment.mail_id == mail_id, MailAttachment.file_id == file_id
        )
    )
    return found is not None


def find_state(session: Session, mail_id: UUID) -> str | None:
    """Where the mail stands, deleted ones included; None for one that is not of this tenant."""
    return session.scalar(select(MailMessage.state).where(MailMessage.id == mail_id))


def _conditions(filters: Filters) -> list[ColumnElement[bool]]:
    text = filters.search.lower()
    wanted: list[tuple[object, ColumnElement[bool]]] = [
        (filters.client_id, MailMessage.client_id == filters.client_id),
        (filters.reseller_id, MailMessage.reseller_id == filters.reseller_id),
        (filters.twice, MailMessage.possibly_sent_twice.is_(True)),
        (filters.state != "any", MailMessage.state == filters.state),
        (filters.kind != "any", MailMessage.kind == filters.kind),
        (
            text,
            or_(
                func.lower(MailMessage.subject).contains(text, autoescape=True),
                func.lower(MailMessage.to_address).contains(text, autoescape=True),
            ),
        ),
    ]
    asked = [condition for is_asked, condition in wanted if is_asked]
    return [*asked, *filters.period.instant_conditions(MailMessage.created_at)]
