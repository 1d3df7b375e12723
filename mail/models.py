"""The mail queue: every mail is first a row, and the row is the truth."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKeyConstraint,
    Index,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base, TenantOwned

MAIL_STATES = ("queued", "sending", "sent", "failed", "deleted")


class MailMessage(TenantOwned, Base):
    """One mail to one address.

    `dedupe_key` names the event that caused it (`invoice:<id>`): the same event mails once.
    `message_id` is fixed before the first attempt, so a mail sent twice can be recognised.
    `data_begun_at` is written before the body goes out: a worker that died after it may have sent.
    A row that was deleted from the queue stays, hidden: else the event would mail anew.
    """

    __tablename__ = "mail_messages"
    __table_args__ = (
        UniqueConstraint("reseller_id", "id"),
        UniqueConstraint("reseller_id", "dedupe_key"),
        ForeignKeyConstraint(["reseller_id"], ["resellers.id"]),
        ForeignKeyConstraint(["reseller_id", "client_id"], ["clients.reseller_id", "clients.id"]),
        CheckConstraint("state in ('queued', 'sending', 'sent', 'failed', 'deleted')", "state"),
        Index("ix_mail_messages_recent", "reseller_id", text("created_at desc"), text("id desc")),
        Index(
            "ix_mail_messages_client",
            "reseller_id",
            "client_id",
            text("created_at desc"),
            text("id desc"),
        ),
        Index(
            "ix_mail_messages_due",
            "next_attempt_at",
            postgresql_where=text("state in ('queued', 'sending')"),
        ),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    client_id: Mapped[int | None] = mapped_column(BigInteger)
    kind: Mapped[str]
    dedupe_key: Mapped[str]
    message_id: Mapped[str]
    from_address: Mapped[str]
    to_address: Mapped[str]
    subject: Mapped[str]
    body_text: Mapped[str]
    body_html: Mapped[str] = mapped_column(server_default="")
    state: Mapped[str] = mapped_column(server_default="queued")
    attempts: Mapped[int] = mapped_column(server_default="0")
    next_attempt_at: Mapped[datetime]
    lease_owner: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    data_begun_at: Mapped[datetime | None]
    last_error: Mapped[str] = mapped_column(server_default="")
    possibly_sent_twice: Mapped[bool] = mapped_column(server_default="false")
    sent_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class MailAttachment(TenantOwned, Base):
    __tablename__ = "mail_attachments"
    __table_args__ = (
        ForeignKeyConstraint(
            ["reseller_id", "mail_id"],
            ["mail_messages.reseller_id", "mail_messages.id"],
            ondelete="CASCADE",
        ),
        ForeignKeyConstraint(["reseller_id", "file_id"], ["files.reseller_id", "files.id"]),
    )
    mail_id: Mapped[UUID] = mapped_column(primary_key=True)
    file_id: Mapped[UUID] = mapped_column(primary_key=True)


class MailServer(TenantOwned, Base):
    """A reseller's own mail server; the password is encrypted and write-only.

    `verified_at` is when it last took a test mail; `last_answer` is what it said to the last one.
    """

    __tablename__ = "mail_servers"
    __table_args__ = (
        ForeignKeyConstraint(["reseller_id"], ["resellers.id"]),
        CheckConstraint("security in ('none', 'starttls', 'tls')", "security"),
        CheckConstraint("port between 1 and 65535", "port"),
    )
    reseller_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    enabled: Mapped[bool] = mapped_column(server_default="true")
    host: Mapped[str]
    port: Mapped[int]
    security: Mapped[str]
    user: Mapped[str] = mapped_column(server_default="")
    password: Mapped[str] = mapped_column(server_default="")
    tested_at: Mapped[datetime | None]
    verified_at: Mapped[datetime | None]
    last_answer: Mapped[str] = mapped_column(server_default="")
