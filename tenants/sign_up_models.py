"""Self sign-up: what a reseller allows, and who has asked to become its client."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base, TenantOwned

MODES = ("off", "approval", "open")
STATES = ("unconfirmed", "waiting", "making", "done", "refused")


class SignUpSettings(TenantOwned, Base):
    """Whether strangers may ask to become clients; no row means off.

    `template_id` null: the reseller's default template. Without `domains` every address may ask.
    """

    __tablename__ = "sign_up_settings"
    __table_args__ = (
        ForeignKeyConstraint(["reseller_id"], ["resellers.id"]),
        ForeignKeyConstraint(
            ["reseller_id", "template_id"],
            ["client_templates.reseller_id", "client_templates.id"],
        ),
        CheckConstraint("mode in ({})".format(", ".join(f"'{one}'" for one in MODES)), "mode"),
        CheckConstraint("daily_cap between 1 and 10000", "daily_cap"),
    )
    reseller_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    mode: Mapped[str] = mapped_column(server_default="off")
    template_id: Mapped[int | None] = mapped_column(BigInteger)
    domains: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    daily_cap: Mapped[int] = mapped_column(server_default="50")
    terms_url: Mapped[str] = mapped_column(server_default="")


class SignUp(TenantOwned, Base):
    """Somebody asked to become a client. The mailed link's token is kept as its SHA-256 only.

    `id` is also the request id of the client that is made of it; the password's hash goes then.
    `problem` says why none could be made yet.
    """

    __tablename__ = "sign_ups"
    __table_args__ = (
        UniqueConstraint("reseller_id", "id"),
        ForeignKeyConstraint(["reseller_id"], ["resellers.id"]),
        ForeignKeyConstraint(["reseller_id", "client_id"], ["clients.reseller_id", "clients.id"]),
        CheckConstraint("state in ({})".format(", ".join(f"'{one}'" for one in STATES)), "state"),
        CheckConstraint("(state = 'done') = (client_id is not null)", "done"),
        CheckConstraint("(state = 'unconfirmed') = (confirmed_at is null)", "confirmed"),
        Index("ix_sign_ups_list", "reseller_id", text("created_at desc"), text("id desc")),
        # the mailed link names no tenant
        Index("ix_sign_ups_token", "token_hash"),
        Index("ix_sign_ups_email", "reseller_id", text("lower(email)")),
        Index("ix_sign_ups_expiry", "expires_at", postgresql_where=text("state = 'unconfirmed'")),
        Index("ix_sign_ups_making", "confirmed_at", postgresql_where=text("state = 'making'")),
        Index(
            "ix_sign_ups_client",
            "reseller_id",
            "client_id",
            postgresql_where=text("client_id is not null"),
        ),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary)
    name: Mapped[str]
    company_name: Mapped[str] = mapped_column(server_default="")
    email: Mapped[str]
    login: Mapped[str]
    password_hash: Mapped[str] = mapped_column(server_default="")
    country: Mapped[str] = mapped_column(server_default="")
    timezone: Mapped[str]
    locale: Mapped[str]
    terms_url: Mapped[str] = mapped_column(server_default="")
    ip: Mapped[str] = mapped_column(server_default="")
    state: Mapped[str] = mapped_column(server_default="unconfirmed")
    problem: Mapped[str] = mapped_column(server_default="")
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    confirmed_at: Mapped[datetime | None]
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[str] = mapped_column(server_default="")
    reason: Mapped[str] = mapped_column(server_default="")
    client_id: Mapped[int | None] = mapped_column(BigInteger)
