"""Sign-in: rows that are read before a tenant is known, so they belong to the platform role."""

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base


class SignInSession(Base):
    """One signed-in browser. The cookie holds the token, the row only its SHA-256.

    `subject_id` is a users.id (office), platform_users.id (platform) or clients.id (panel).
    `factor_at`: when a second factor was shown. A row with a parent is staff signed in as the
    subject: it lives inside the parent's session, and may write from `writes_since` on.
    """

    __tablename__ = "sessions"
    __table_args__ = (
        CheckConstraint("area in ('office', 'platform', 'panel')", "area"),
        CheckConstraint("(area = 'platform') = (reseller_id is null)", "reseller"),
        ForeignKeyConstraint(["reseller_id"], ["resellers.id"]),
        ForeignKeyConstraint(["parent_hash"], ["sessions.token_hash"], ondelete="CASCADE"),
        CheckConstraint(
            "(parent_hash is null) = (acting_label is null)"
            " and (parent_hash is null) = (acting_reason is null)"
            " and (writes_since is null or parent_hash is not null)",
            "acting",
        ),
        Index("ix_sessions_subject", "area", "subject_id"),
        Index(
            "ix_sessions_parent", "parent_hash", postgresql_where=text("parent_hash is not null")
        ),
    )
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    area: Mapped[str]
    subject_id: Mapped[int] = mapped_column(BigInteger)
    reseller_id: Mapped[int | None] = mapped_column(BigInteger)
    ip: Mapped[str]
    user_agent: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    last_seen_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    ended_reason: Mapped[str | None]
    factor_at: Mapped[datetime | None]
    parent_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    acting_label: Mapped[str | None]
    acting_reason: Mapped[str | None]
    writes_since: Mapped[datetime | None]


class SecondFactor(Base):
    """The secret of a person's authenticator app, encrypted and bound to the person.

    `last_step` is the newest time step whose code was taken: it and older ones are not taken again.
    """

    __tablename__ = "second_factors"
    __table_args__ = (
        CheckConstraint("area in ('office', 'platform', 'panel')", "area"),
        CheckConstraint("(area = 'platform') = (reseller_id is null)", "reseller"),
        ForeignKeyConstraint(["reseller_id"], ["resellers.id"]),
    )
    area: Mapped[str] = mapped_column(primary_key=True)
    subject_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    reseller_id: Mapped[int | None] = mapped_column(BigInteger)
    secret: Mapped[str]
    last_step: Mapped[int] = mapped_column(BigInteger)
    confirmed_at: Mapped[datetime]


class RecoveryCode(Base):
    """A code on paper for a lost phone; single use, the row holds only its SHA-256."""

    __tablename__ = "recovery_codes"
    __table_args__ = (
        ForeignKeyConstraint(
            ["area", "subject_id"],
            ["second_factors.area", "second_factors.subject_id"],
            ondelete="CASCADE",
        ),
    )
    area: Mapped[str] = mapped_column(primary_key=True)
    subject_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    code_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    used_at: Mapped[datetime | None]


class SignInThrottle(Base):
    """Failures per key (account, address); kept here: emptying Redis frees nobody."""

    __tablename__ = "sign_in_throttles"
    key: Mapped[str] = mapped_column(primary_key=True)
    failures: Mapped[int]
    last_failure_at: Mapped[datetime]
    blocked_until: Mapped[datetime | None]


class PasswordReset(Base):
    """A link that was mailed; single use, 30 minutes. The row holds only the token's SHA-256."""

    __tablename__ = "password_resets"
    __table_args__ = (
        CheckConstraint("area in ('office', 'platform', 'panel')", "area"),
        ForeignKeyConstraint(["reseller_id"], ["resellers.id"]),
    )
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    area: Mapped[str]
    subject_id: Mapped[int] = mapped_column(BigInteger)
    reseller_id: Mapped[int | None] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
