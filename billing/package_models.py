"""Packages, the subscriptions of clients to them, and usage as it was posted."""

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    Numeric,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Amount, Base, ClientOwned, TenantOwned

PACKAGE_STATUSES = ("active", "disabled", "archived")
SUBSCRIPTION_STATUSES = ("pending", "active", "archived")
PERIOD_UNITS = ("day", "week", "month", "year")
ALIGNMENTS = ("start", "calendar", "terms")
USAGE_UNITS = ("second", "unit")
TAX_MODES = ("none", "excluding", "including")


def _one_of(column: str, names: tuple[str, ...]) -> str:
    return "{} in ({})".format(column, ", ".join(f"'{name}'" for name in names))


class Package(TenantOwned, Base):
    """What can be subscribed to; fees are for a quantity of one, in `currency`.

    `renewals`: how often a period is followed by another; null: until stopped. The lower its
    `priority`, the sooner its included units are used.
    """

    __tablename__ = "packages"
    __table_args__ = (
        UniqueConstraint("reseller_id", "id"),
        Index("uq_packages_name", "reseller_id", text("lower(name)"), unique=True),
        ForeignKeyConstraint(["reseller_id"], ["resellers.id"]),
        CheckConstraint("name <> ''", "name_given"),
        CheckConstraint(_one_of("status", PACKAGE_STATUSES), "status"),
        CheckConstraint(_one_of("period_unit", PERIOD_UNITS), "period_unit"),
        CheckConstraint(_one_of("alignment", ALIGNMENTS), "alignment"),
        CheckConstraint(_one_of("tax_mode", TAX_MODES), "tax_mode"),
        CheckConstraint("period_count between 1 and 366", "period_count"),
        CheckConstraint("activation_fee >= 0 and periodic_fee >= 0", "fees"),
        CheckConstraint("renewals between 0 and 1200", "renewals"),
        CheckConstraint("priority between 1 and 100", "priority"),
    )
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    name: Mapped[str]
    status: Mapped[str] = mapped_column(server_default="active")
    currency: Mapped[str]
    activation_fee: Mapped[Amount] = mapped_column(server_default="0")
    periodic_fee: Mapped[Amount] = mapped_column(server_default="0")
    period_unit: Mapped[str] = mapped_column(server_default="month")
    period_count: Mapped[int] = mapped_column(server_default="1")
    alignment: Mapped[str] = mapped_column(server_default="start")
    prorate_start: Mapped[bool] = mapped_column(server_default="true")
    prorate_stop: Mapped[bool] = mapped_column(server_default="false")
    renewals: Mapped[int | None]
    tax_mode: Mapped[str] = mapped_column(server_default="excluding")
    priority: Mapped[int] = mapped_column(server_default="10")
    version: Mapped[int] = mapped_column(server_default="1")


class PackageUnits(TenantOwned, Base):
    """Units that a period of a package includes; `destination` empty: any."""

    __tablename__ = "package_units"
    __table_args__ = (
        ForeignKeyConstraint(
            ["reseller_id", "package_id"],
            ["packages.reseller_id", "packages.id"],
            ondelete="CASCADE",
        ),
        CheckConstraint(_one_of("unit", USAGE_UNITS), "unit"),
        CheckConstraint("quantity > 0", "quantity"),
        Index(
            "uq_package_units_what",
            "reseller_id",
            "package_id",
            text("lower(destination)"),
            "unit",
            unique=True,
        ),
    )
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    package_id: Mapped[int] = mapped_column(BigInteger)
    destination: Mapped[str] = mapped_column(server_default="")
    unit: Mapped[str]
    quantity: Mapped[Decimal] = mapped_column(Numeric(20, 6))


class Subscription(ClientOwned, Base):
    """A client has a package from `starts_on` on, its last day is `ends_on`; null: not known yet.

    Days are those of `timezone`, kept as it was. Whole periods begin at `anchor_on` and every
    period before and after it. `next_at`: when something is to be done; null: never again.
    """

    __tablename__ = "subscriptions"
    __table_args__ = (
        UniqueConstraint("reseller_id", "client_id", "id"),
        ForeignKeyConstraint(["reseller_id", "client_id"], ["clients.reseller_id", "clients.id"]),
        ForeignKeyConstraint(
            ["reseller_id", "package_id"], ["packages.reseller_id", "packages.id"]
        ),
        # a client's currency stays while it is subscribed in it
        ForeignKeyConstraint(
            ["reseller_id", "client_id", "currency"],
            [
                "client_balances.reseller_id",
                "client_balances.client_id",
                "client_balances.currency",
            ],
        ),
        CheckConstraint(_one_of("status", SUBSCRIPTION_STATUSES), "status"),
        CheckConstraint("quantity between 1 and 1000000", "quantity"),
        CheckConstraint("(status = 'archived') = (next_at is null)", "next"),
        CheckConstraint("(status = 'archived') = (archived_at is not null)", "archived"),
        Index("ix_subscriptions_due", "next_at", postgresql_where=text("status <> 'archived'")),
        Index("ix_subscriptions_client", "reseller_id", "client_id", text("id desc")),
        Index("ix_subscriptions_package", "reseller_id", "package_id"),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    package_id: Mapped[int] = mapped_column(BigInteger)
    package_name: Mapped[str]
    currency: Mapped[str]
    quantity: Mapped[int] = mapped_column(Integer)
    status: Mapped[str] = mapped_column(server_default="pending")
    timezone: Mapped[str]
    starts_on: Mapped[date]
    anchor_on: Mapped[date]
    ends_on: Mapped[date | None]
    waits_for_money: Mapped[bool] = mapped_column(server_default="false")
    # how it came to its end: stopped, cancelled, ran_out, changed
    ending: Mapped[str] = mapped_column(server_default="")
    next_at: Mapped[datetime | None]
    archived_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(server_default="1")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class SubscriptionPeriod(ClientOwned, Base):
    """One period that was charged, [starts_at, ends_at); each number exists once.

    `amount` = `fee` × `charged_days` ÷ `days`, half-up at six places; `fee` is for the whole
    quantity. `refunded` is what was given back of it. `transaction_id` null: it cost nothing.
    """

    __tablename__ = "subscription_periods"
    __table_args__ = (
        ForeignKeyConstraint(
            ["reseller_id", "client_id", "subscription_id"],
            ["subscriptions.reseller_id", "subscriptions.client_id", "subscriptions.id"],
        ),
        ForeignKeyConstraint(
            ["reseller_id", "client_id", "transaction_id"],
            ["transactions.reseller_id", "transactions.client_id", "transactions.id"],
        ),
        UniqueConstraint(
            "reseller_id",
            "client_id",
            "subscription_id",
            "number",
            name="uq_subscription_periods_number",
        ),
        UniqueConstraint(
            "reseller_id",
            "client_id",
            "subscription_id",
            "starts_at",
            name="uq_subscription_periods_start",
        ),
        CheckConstraint("ends_at >= starts_at", "period"),
        CheckConstraint("charged_days between 1 and days", "days"),
        CheckConstraint("amount between 0 and fee and refunded between 0 and amount", "amount"),
        Index("ix_subscription_periods_client", "reseller_id", "client_id", "starts_at"),
    )
    subscription_id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    first_on: Mapped[date]
    last_on: Mapped[date]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    fee: Mapped[Amount]
    days: Mapped[int] = mapped_column(Integer)
    charged_days: Mapped[int] = mapped_column(Integer)
    amount: Mapped[Amount]
    refunded: Mapped[Amount] = mapped_column(server_default="0")
    transaction_id: Mapped[UUID | None]


class SubscriptionUnits(ClientOwned, Base):
    """Included units of one period and how many of them usage has taken."""

    __tablename__ = "subscription_units"
    __table_args__ = (
        ForeignKeyConstraint(
            ["reseller_id", "client_id", "subscription_id", "number"],
            [
                "subscription_periods.reseller_id",
                "subscription_periods.client_id",
                "subscription_periods.subscription_id",
                "subscription_periods.number",
            ],
            name="fk_subscription_units_period",
        ),
        CheckConstraint(_one_of("unit", USAGE_UNITS), "unit"),
        CheckConstraint("used >= 0 and used <= included", "used"),
        Index("ix_subscription_units_period", "reseller_id", "subscription_id", "number"),
    )
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    subscription_id: Mapped[UUID]
    number: Mapped[int] = mapped_column(Integer)
    destination: Mapped[str]
    unit: Mapped[str]
    priority: Mapped[int] = mapped_column(Integer)
    included: Mapped[Decimal] = mapped_column(Numeric(20, 6))
    used: Mapped[Decimal] = mapped_column(Numeric(20, 6), server_default="0")


class UsageBatch(TenantOwned, Base):
    """A source of usage that was posted; `digest` tells a repetition from other content."""

    __tablename__ = "usage_batches"
    __table_args__ = (
        UniqueConstraint("reseller_id", "id"),
        ForeignKeyConstraint(["reseller_id"], ["resellers.id"]),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    digest: Mapped[str]
    charges: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class UsageCharge(ClientOwned, Base):
    """What a batch says of one client, hour, destination, unit and taxability, summed up.

    `rated` is the price of the whole `quantity`, in the client's currency; `included` of it were
    covered by packages. `transaction_id` null: nothing was left to charge.
    """

    __tablename__ = "usage_charges"
    __table_args__ = (
        ForeignKeyConstraint(["reseller_id", "client_id"], ["clients.reseller_id", "clients.id"]),
        ForeignKeyConstraint(
            ["reseller_id", "batch_id"], ["usage_batches.reseller_id", "usage_batches.id"]
        ),
        ForeignKeyConstraint(
            ["reseller_id", "client_id", "transaction_id"],
            ["transactions.reseller_id", "transactions.client_id", "transactions.id"],
        ),
        CheckConstraint(_one_of("unit", USAGE_UNITS), "unit"),
        CheckConstraint(_one_of("tax_mode", TAX_MODES), "tax_mode"),
        CheckConstraint("quantity > 0 and included between 0 and quantity", "quantity"),
        CheckConstraint("rated >= 0 and charged between 0 and rated", "amounts"),
        UniqueConstraint(
            "reseller_id",
            "batch_id",
            "client_id",
            "hour_at",
            "destination",
            "unit",
            "tax_mode",
            name="uq_usage_charges_what",
        ),
        Index("ix_usage_charges_client", "reseller_id", "client_id", text("hour_at desc")),
        Index(
            "ix_usage_charges_transaction",
            "reseller_id",
            "transaction_id",
            postgresql_where=text("transaction_id is not null"),
        ),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    batch_id: Mapped[UUID]
    hour_at: Mapped[datetime]
    destination: Mapped[str]
    unit: Mapped[str]
    tax_mode: Mapped[str]
    quantity: Mapped[Decimal] = mapped_column(Numeric(20, 6))
    included: Mapped[Decimal] = mapped_column(Numeric(20, 6))
    rated: Mapped[Amount]
    charged: Mapped[Amount]
    transaction_id: Mapped[UUID | None]
