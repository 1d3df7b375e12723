"""Outgoing webhooks: where a reseller's own systems listen, and what was sent to them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    ForeignKeyConstraint,
    Identity,
    Index,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base, TenantOwned


class WebhookEndpoint(TenantOwned, Base):
    """An address that hears of some types; the secret signs each delivery and is kept encrypted.

    It hears of what happened after `hears_since`; `told_seal_no` and `told_event_id` are the last
    records of the two logs that it was told of.
    """

    __tablename__ = "webhook_endpoints"
    __table_args__ = (
        ForeignKeyConstraint(["reseller_id"], ["resellers.id"]),
        UniqueConstraint("reseller_id", "id"),
        UniqueConstraint("reseller_id", "request_id"),
    )
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    request_id: Mapped[UUID]
    url: Mapped[str]
    description: Mapped[str] = mapped_column(server_default="")
    types: Mapped[list[str]] = mapped_column(ARRAY(Text))
    sealed_secret: Mapped[str]
    sealed_secret_before: Mapped[str] = mapped_column(server_default="")
    secret_before_until: Mapped[datetime | None]
    enabled: Mapped[bool] = mapped_column(server_default="true")
    failing_since: Mapped[datetime | None]
    hears_since: Mapped[datetime]
    told_seal_no: Mapped[int] = mapped_column(BigInteger)
    told_event_id: Mapped[int] = mapped_column(BigInteger)
    version: Mapped[int] = mapped_column(server_default="1")
    created_at: Mapped[datetime]


class WebhookDelivery(TenantOwned, Base):
    """One message for one endpoint: `payload` is exactly what is signed and sent.

    `source` names the record it tells of, so that it is told once.
    """

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        ForeignKeyConstraint(
            ["reseller_id", "endpoint_id"],
            ["webhook_endpoints.reseller_id", "webhook_endpoints.id"],
            ondelete="CASCADE",
        ),
        UniqueConstraint("reseller_id", "endpoint_id", "source"),
        CheckConstraint("state in ('waiting', 'sending', 'delivered', 'failed')", "state"),
        Index(
            "ix_webhook_deliveries_waiting",
            "next_attempt_at",
            postgresql_where=text("state in ('waiting', 'sending')"),
        ),
        Index(
            "ix_webhook_deliveries_recent",
            "reseller_id",
            "endpoint_id",
            text("created_at desc"),
            text("id desc"),
        ),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    endpoint_id: Mapped[int] = mapped_column(BigInteger)
    client_id: Mapped[int | None] = mapped_column(BigInteger)
    type: Mapped[str]
    source: Mapped[str]
    payload: Mapped[str]
    state: Mapped[str] = mapped_column(server_default="waiting")
    attempts: Mapped[int] = mapped_column(server_default="0")
    next_attempt_at: Mapped[datetime]
    lease_owner: Mapped[str] = mapped_column(server_default="")
    last_status: Mapped[int | None]
    last_error: Mapped[str] = mapped_column(server_default="")
    created_at: Mapped[datetime]
    delivered_at: Mapped[datetime | None]
