"""What belongs to the platform itself: its settings, and the log of what its staff did to it."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Identity, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base


class PlatformSettings(Base):
    """One row for the installation; times are in minutes."""

    __tablename__ = "platform_settings"
    __table_args__ = (
        CheckConstraint("id = 1", "one_row"),
        CheckConstraint("banner_level in ('info', 'warn', 'bad')", "banner_level"),
        CheckConstraint("staff_idle_min between 5 and 480", "staff_idle_min"),
        CheckConstraint("staff_longest_min between 60 and 1440", "staff_longest_min"),
    )
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(server_default="")
    support_email: Mapped[str] = mapped_column(server_default="")
    support_phone: Mapped[str] = mapped_column(server_default="")
    locale: Mapped[str] = mapped_column(server_default="en")
    timezone: Mapped[str] = mapped_column(server_default="UTC")
    banner: Mapped[str] = mapped_column(server_default="")
    banner_level: Mapped[str] = mapped_column(server_default="info")
    staff_idle_min: Mapped[int] = mapped_column(server_default="30")
    staff_longest_min: Mapped[int] = mapped_column(server_default="720")
    version: Mapped[int] = mapped_column(server_default="1")
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_by: Mapped[str] = mapped_column(server_default="")


class PlatformAuditRecord(Base):
    """Who of the platform did what to the platform; `changes` maps fields to [before, after].

    What is done to a tenant stands in that tenant's own audit log.
    """

    __tablename__ = "platform_audit"
    __table_args__ = (
        Index("ix_platform_audit_object", "object_type", "object_id", text("id desc")),
    )
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    at: Mapped[datetime]
    actor_id: Mapped[int | None] = mapped_column(BigInteger)
    actor_label: Mapped[str]
    ip: Mapped[str | None]
    action: Mapped[str]
    object_type: Mapped[str]
    object_id: Mapped[str]
    object_label: Mapped[str] = mapped_column(server_default="")
    changes: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
