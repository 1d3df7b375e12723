"""Sign-in: rows that are read before a tenant is known, so they belong to the platform role."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKeyConstraint, Index, LargeBinary, func
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base


class SignInSession(Base):
    """One signed-in browser. The cookie holds the token, the row only its SHA-256.

    `subject_id` is a users.id (office), platform_users.id (platform) or clients.id (panel).
    """

    __tablename__ = "sessions"
    __table_args__ = (
        CheckConstraint("area in ('office', 'platform', 'panel')", "area"),
        CheckConstraint("(area = 'platform') = (reseller_id is null)", "reseller"),
        ForeignKeyConstraint(["reseller_id"], ["resellers.id"]),
        Index("ix_sessions_subject", "area", "subject_id"),
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
