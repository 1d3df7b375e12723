"""Vouchers: top-up cards that a reseller gives out, and what was tried with their PINs."""

from datetime import date, datetime
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
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Amount, Base, ClientOwned, TenantOwned

VOUCHER_STATES = ("new", "active", "redeemed", "blocked", "expired")
REDEMPTION_STATES = ("requested", "succeeded", "refused")


class VoucherSeries(TenantOwned, Base):
    """Vouchers that were made together, redeemed by clients of `reseller_id` only.

    `made` counts those that exist already; `task_id` makes the others. `key_id` names the key of
    CREDENTIAL_KEYS that their PINs are hashed with. `pins_until`: until then
    the PINs, sealed in `voucher_sheets`, may be taken out once; null: they are no longer kept.
    """

    __tablename__ = "voucher_series"
    __table_args__ = (
        UniqueConstraint("reseller_id", "id"),
        UniqueConstraint("reseller_id", "request_id"),
        Index("uq_voucher_series_name", "reseller_id", text("lower(name)"), unique=True),
        ForeignKeyConstraint(["reseller_id"], ["resellers.id"]),
        ForeignKeyConstraint(
            ["reseller_id", "payment_account_id"],
            ["payment_accounts.reseller_id", "payment_accounts.id"],
        ),
        CheckConstraint("name ~ '^[A-Z0-9][A-Z0-9-]{0,19}$'", "name"),
        CheckConstraint("amount > 0", "amount"),
        CheckConstraint("quantity between 1 and 100000", "quantity"),
        CheckConstraint("pin_length between 10 and 20", "pin_length"),
        CheckConstraint("made between 0 and quantity", "made"),
        Index(
            "ix_voucher_series_pins",
            "pins_until",
            postgresql_where=text("pins_until is not null"),
        ),
    )
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    request_id: Mapped[UUID]
    task_id: Mapped[UUID]
    name: Mapped[str]
    amount: Mapped[Amount]
    currency: Mapped[str]
    quantity: Mapped[int]
    pin_length: Mapped[int]
    key_id: Mapped[str]
    payment_account_id: Mapped[int] = mapped_column(BigInteger)
    note: Mapped[str] = mapped_column(server_default="")
    expires_on: Mapped[date | None]
    expires_at: Mapped[datetime | None]
    born_active: Mapped[bool] = mapped_column(server_default="false")
    made: Mapped[int] = mapped_column(server_default="0")
    pins_until: Mapped[datetime | None]
    pins_taken_at: Mapped[datetime | None]
    pins_taken_by: Mapped[str] = mapped_column(server_default="")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    created_by: Mapped[str] = mapped_column(server_default="")


class Voucher(TenantOwned, Base):
    """One card. Its PIN is kept as a keyed hash only; `id` is also that of its payment.

    `restores` is what a blocked one becomes when it is unblocked.
    """

    __tablename__ = "vouchers"
    __table_args__ = (
        UniqueConstraint("reseller_id", "id"),
        UniqueConstraint("reseller_id", "pin_hash"),
        UniqueConstraint("reseller_id", "series_id", "number"),
        ForeignKeyConstraint(
            ["reseller_id", "series_id"], ["voucher_series.reseller_id", "voucher_series.id"]
        ),
        ForeignKeyConstraint(["reseller_id", "client_id"], ["clients.reseller_id", "clients.id"]),
        CheckConstraint(
            "state in ({})".format(", ".join(f"'{state}'" for state in VOUCHER_STATES)), "state"
        ),
        CheckConstraint("(state = 'blocked') = (restores is not null)", "restores"),
        CheckConstraint("restores in ('new', 'active')", "restores_state"),
        CheckConstraint(
            "(state = 'redeemed') = (redeemed_at is not null)"
            " and (redeemed_at is null) = (client_id is null)",
            "redeemed",
        ),
        Index("ix_vouchers_state", "reseller_id", "state", "series_id", "number"),
        Index("ix_vouchers_in_series", "reseller_id", "series_id", "state"),
        Index(
            "ix_vouchers_client",
            "reseller_id",
            "client_id",
            postgresql_where=text("client_id is not null"),
        ),
        Index(
            "ix_vouchers_expiry",
            "expires_at",
            postgresql_where=text("state in ('new', 'active') and expires_at is not null"),
        ),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    series_id: Mapped[int] = mapped_column(BigInteger)
    number: Mapped[int]
    pin_hash: Mapped[str]
    state: Mapped[str]
    restores: Mapped[str | None]
    expires_at: Mapped[datetime | None]
    client_id: Mapped[int | None] = mapped_column(BigInteger)
    redeemed_at: Mapped[datetime | None]
    changed_at: Mapped[datetime] = mapped_column(server_default=func.now())
    changed_by: Mapped[str] = mapped_column(server_default="")
    reason: Mapped[str] = mapped_column(server_default="")


class VoucherSheet(TenantOwned, Base):
    """PINs of a series as they were made, sealed: until they are taken out or too old."""

    __tablename__ = "voucher_sheets"
    __table_args__ = (
        ForeignKeyConstraint(
            ["reseller_id", "series_id"], ["voucher_series.reseller_id", "voucher_series.id"]
        ),
    )
    series_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    n: Mapped[int] = mapped_column(primary_key=True)
    sealed: Mapped[str]


class VoucherRedemption(ClientOwned, Base):
    """Somebody gave a PIN for a client; `id` comes from the drawn form.

    `pin_hashes` are what the PIN may be kept as, gone when the answer is known. `reason` says no
    more than the person may know; `retry_at`: no PIN is looked at before. Without `voucher_id`
    nothing was credited.
    """

    __tablename__ = "voucher_redemptions"
    __table_args__ = (
        UniqueConstraint("reseller_id", "id"),
        ForeignKeyConstraint(["reseller_id", "client_id"], ["clients.reseller_id", "clients.id"]),
        ForeignKeyConstraint(
            ["reseller_id", "voucher_id"], ["vouchers.reseller_id", "vouchers.id"]
        ),
        CheckConstraint(
            "state in ({})".format(", ".join(f"'{state}'" for state in REDEMPTION_STATES)), "state"
        ),
        CheckConstraint("source in ('panel', 'staff')", "source"),
        CheckConstraint("(state = 'succeeded') = (voucher_id is not null)", "succeeded"),
        CheckConstraint("state = 'requested' or cardinality(pin_hashes) = 0", "forgotten"),
        Index(
            "uq_voucher_redemptions_voucher",
            "reseller_id",
            "voucher_id",
            unique=True,
            postgresql_where=text("voucher_id is not null"),
        ),
        Index(
            "uq_voucher_redemptions_open",
            "reseller_id",
            "client_id",
            unique=True,
            postgresql_where=text("state = 'requested'"),
        ),
        Index("ix_voucher_redemptions_client", "reseller_id", "client_id", text("created_at desc")),
        Index(
            "ix_voucher_redemptions_waiting",
            "created_at",
            postgresql_where=text("state = 'requested'"),
        ),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    source: Mapped[str]
    pin_hashes: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    ip: Mapped[str] = mapped_column(server_default="")
    author: Mapped[str] = mapped_column(server_default="")
    state: Mapped[str] = mapped_column(server_default="requested")
    reason: Mapped[str] = mapped_column(server_default="")
    retry_at: Mapped[datetime | None]
    voucher_id: Mapped[UUID | None]
    serial: Mapped[str] = mapped_column(server_default="")
    amount: Mapped[Amount | None]
    currency: Mapped[str] = mapped_column(server_default="")
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class VoucherThrottle(TenantOwned, Base):
    """PINs that were not right, per client, person and place; the wait grows with them."""

    __tablename__ = "voucher_throttles"
    __table_args__ = (ForeignKeyConstraint(["reseller_id"], ["resellers.id"]),)
    reseller_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    failures: Mapped[int]
    last_failure_at: Mapped[datetime]
    blocked_until: Mapped[datetime | None]
