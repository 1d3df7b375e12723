"""Money that goes back through a gateway, and the comparison of its lists with ours."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKeyConstraint,
    Identity,
    Index,
    Numeric,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Amount, Base, ClientOwned, TenantOwned

OPEN_REFUND_STATES = "'requested', 'processing', 'unknown'"


class Refund(ClientOwned, Base):
    """Money given back for a refill, whole or in part; a void is a whole one before settlement.

    Its id was made when the form was drawn and becomes that of its transaction. `key` goes out as
    a charge's does. At most one of a refill is open: the partial unique index holds it whatever
    the code does. `origin` gateway: made there by hand, and only booked here.
    """

    __tablename__ = "refunds"
    __table_args__ = (
        UniqueConstraint("reseller_id", "id"),
        UniqueConstraint("reseller_id", "key"),
        ForeignKeyConstraint(
            ["reseller_id", "client_id", "refill_id"],
            ["refills.reseller_id", "refills.client_id", "refills.id"],
        ),
        ForeignKeyConstraint(
            ["reseller_id", "gateway_account_id"],
            ["gateway_accounts.reseller_id", "gateway_accounts.id"],
        ),
        CheckConstraint("kind in ('refund', 'void')", "kind"),
        CheckConstraint("origin in ('staff', 'gateway')", "origin"),
        CheckConstraint(
            "state in ('requested', 'processing', 'unknown', 'succeeded', 'failed', 'cancelled')",
            "state",
        ),
        CheckConstraint("amount > 0", "amount"),
        CheckConstraint("key ~ '^[0-9A-Z]{1,20}$'", "key"),
        Index(
            "uq_refunds_one_open",
            "reseller_id",
            "refill_id",
            unique=True,
            postgresql_where=text(f"state in ({OPEN_REFUND_STATES})"),
        ),
        Index(
            "uq_refunds_gateway_ref",
            "reseller_id",
            "gateway_account_id",
            "gateway_ref",
            unique=True,
            postgresql_where=text("gateway_ref is not null and kind = 'refund'"),
        ),
        Index("ix_refunds_refill", "reseller_id", "refill_id"),
        Index(
            "ix_refunds_open",
            "next_look_at",
            postgresql_where=text(f"state in ({OPEN_REFUND_STATES})"),
        ),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    refill_id: Mapped[UUID]
    gateway_account_id: Mapped[int] = mapped_column(BigInteger)
    kind: Mapped[str]
    origin: Mapped[str] = mapped_column(server_default="staff")
    amount: Mapped[Amount]
    currency: Mapped[str]
    state: Mapped[str] = mapped_column(server_default="requested")
    # why the staff wanted it, and what became of it or what it waits for
    reason: Mapped[str]
    note: Mapped[str] = mapped_column(server_default="")
    author: Mapped[str] = mapped_column(server_default="")
    key: Mapped[str]
    request: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    gateway_ref: Mapped[str | None]
    first_sent_at: Mapped[datetime | None]
    last_sent_at: Mapped[datetime | None]
    lease_owner: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    sends: Mapped[int] = mapped_column(server_default="0")
    looks: Mapped[int] = mapped_column(server_default="0")
    looked_at: Mapped[datetime | None]
    answer: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    next_look_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    finished_at: Mapped[datetime | None]


class Reconciliation(TenantOwned, Base):
    """One comparison of a gateway account's lists with our books, both ways.

    `night_on`: the reseller's own day that it closes, once per account; null: asked for by staff.
    Counts are of payments and refunds between `since_at` and `until_at`.
    """

    __tablename__ = "reconciliations"
    __table_args__ = (
        UniqueConstraint("reseller_id", "id"),
        UniqueConstraint("reseller_id", "gateway_account_id", "night_on"),
        ForeignKeyConstraint(
            ["reseller_id", "gateway_account_id"],
            ["gateway_accounts.reseller_id", "gateway_accounts.id"],
        ),
        CheckConstraint("state in ('requested', 'running', 'done', 'failed')", "state"),
        CheckConstraint("since_at < until_at", "period"),
        Index("ix_reconciliations_recent", "reseller_id", text("created_at desc"), text("id desc")),
        Index(
            "uq_reconciliations_one_open",
            "reseller_id",
            "gateway_account_id",
            unique=True,
            postgresql_where=text("state in ('requested', 'running')"),
        ),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    gateway_account_id: Mapped[int] = mapped_column(BigInteger)
    night_on: Mapped[date | None]
    since_at: Mapped[datetime]
    until_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(server_default="requested")
    author: Mapped[str] = mapped_column(server_default="")
    tries: Mapped[int] = mapped_column(server_default="0")
    at_gateway: Mapped[int] = mapped_column(server_default="0")
    ours: Mapped[int] = mapped_column(server_default="0")
    agreed: Mapped[int] = mapped_column(server_default="0")
    put_right: Mapped[int] = mapped_column(server_default="0")
    differences: Mapped[int] = mapped_column(server_default="0")
    note: Mapped[str] = mapped_column(server_default="")
    next_look_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    finished_at: Mapped[datetime | None]


class ReconciliationDifference(TenantOwned, Base):
    """What a gateway's list and ours do not agree about, until it is gone or somebody ends it.

    `amount` is the gateway's and `our_amount` ours, in `currency`; null: one side has nothing.
    """

    __tablename__ = "reconciliation_differences"
    __table_args__ = (
        UniqueConstraint("reseller_id", "id"),
        ForeignKeyConstraint(
            ["reseller_id", "gateway_account_id"],
            ["gateway_accounts.reseller_id", "gateway_accounts.id"],
        ),
        ForeignKeyConstraint(
            ["reseller_id", "reconciliation_id"],
            ["reconciliations.reseller_id", "reconciliations.id"],
        ),
        ForeignKeyConstraint(["reseller_id", "refill_id"], ["refills.reseller_id", "refills.id"]),
        CheckConstraint(
            "kind in ('not_ours', 'not_booked', 'second_payment', 'amount_differs',"
            " 'missing_at_gateway', 'went_back', 'refund_not_booked', 'refund_missing')",
            "kind",
        ),
        CheckConstraint("resolution in ('', 'gone', 'booked', 'dismissed')", "resolution"),
        CheckConstraint("(resolved_at is null) = (resolution = '')", "resolved"),
        Index(
            "uq_reconciliation_differences_open",
            "reseller_id",
            "gateway_account_id",
            "kind",
            "gateway_ref",
            "key",
            unique=True,
            postgresql_where=text("resolved_at is null"),
        ),
        Index(
            "ix_reconciliation_differences_recent",
            "reseller_id",
            text("found_at desc"),
            text("id desc"),
        ),
    )
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    gateway_account_id: Mapped[int] = mapped_column(BigInteger)
    # the run that saw it last
    reconciliation_id: Mapped[UUID]
    kind: Mapped[str]
    gateway_ref: Mapped[str] = mapped_column(server_default="")
    original_ref: Mapped[str] = mapped_column(server_default="")
    key: Mapped[str] = mapped_column(server_default="")
    refill_id: Mapped[UUID | None]
    client_id: Mapped[int | None] = mapped_column(BigInteger)
    amount: Mapped[Decimal | None] = mapped_column(Numeric(20, 6))
    our_amount: Mapped[Decimal | None] = mapped_column(Numeric(20, 6))
    currency: Mapped[str]
    status: Mapped[str] = mapped_column(server_default="")
    happened_at: Mapped[datetime]
    found_at: Mapped[datetime] = mapped_column(server_default=func.now())
    resolution: Mapped[str] = mapped_column(server_default="")
    note: Mapped[str] = mapped_column(server_default="")
    resolved_by: Mapped[str] = mapped_column(server_default="")
    resolved_at: Mapped[datetime | None]
