"""Who is mailed about which events, and about which they were."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKeyConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base, TenantOwned

ANY_SERVICE = "any"
"""Stands for every service that the person has no wish of its own for."""
DELIVERIES = ("at_once", "daily")


class EventSubscription(TenantOwned, Base):
    """A person wants mail about events of a service from `level` upwards; `none`: about none."""

    __tablename__ = "event_subscriptions"
    __table_args__ = (
        ForeignKeyConstraint(
            ["reseller_id", "user_id"], ["users.reseller_id", "users.id"], ondelete="CASCADE"
        ),
        CheckConstraint("level in ('none', 'info', 'warning', 'error')", "level"),
        CheckConstraint("delivery in ('at_once', 'daily')", "delivery"),
    )
    user_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    service: Mapped[str] = mapped_column(primary_key=True)
    level: Mapped[str]
    delivery: Mapped[str]


class EventNotice(TenantOwned, Base):
    """One event for one person: the key makes sure that it is mailed once.

    `told_at` None waits; told without a mail: the person could not be written to.
    """

    __tablename__ = "event_notices"
    __table_args__ = (
        ForeignKeyConstraint(
            ["reseller_id", "event_id"], ["events.reseller_id", "events.id"], ondelete="CASCADE"
        ),
        ForeignKeyConstraint(
            ["reseller_id", "user_id"], ["users.reseller_id", "users.id"], ondelete="CASCADE"
        ),
        ForeignKeyConstraint(
            ["reseller_id", "mail_id"], ["mail_messages.reseller_id", "mail_messages.id"]
        ),
        CheckConstraint("delivery in ('at_once', 'daily')", "delivery"),
        Index(
            "ix_event_notices_waiting",
            "reseller_id",
            "user_id",
            "event_id",
            postgresql_where=text("told_at is null"),
        ),
    )
    event_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    user_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    delivery: Mapped[str]
    mail_id: Mapped[UUID | None]
    told_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
