"""SureTax: a reseller's account there, invoices that wait for its taxes, and what it was told."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    ForeignKeyConstraint,
    Index,
    Integer,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Amount, Base, ClientOwned, TenantOwned


class SureTaxAccount(TenantOwned, Base):
    """A reseller's account at SureTax, and how its charges are named there.

    `service`: which address is asked: live, test, or `own_url`. `sealed_key` is the validation key,
    encrypted; of it `key_tail` may be shown. The three `*_code` of charges are transaction types.
    """

    __tablename__ = "suretax_accounts"
    __table_args__ = (
        ForeignKeyConstraint(["reseller_id"], ["resellers.id"]),
        CheckConstraint("service in ('live', 'test', 'own')", "service"),
        CheckConstraint("(service = 'own') = (own_url <> '')", "own_url"),
    )
    reseller_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    enabled: Mapped[bool] = mapped_column(server_default="true")
    client_number: Mapped[str]
    business_unit: Mapped[str] = mapped_column(server_default="")
    sealed_key: Mapped[str]
    key_tail: Mapped[str] = mapped_column(server_default="")
    service: Mapped[str]
    own_url: Mapped[str] = mapped_column(server_default="")
    regulatory_code: Mapped[str]
    usage_code: Mapped[str]
    package_code: Mapped[str]
    extra_code: Mapped[str]
    version: Mapped[int] = mapped_column(server_default="1")


class SureTaxProfile(TenantOwned, Base):
    """What a tax profile of the mode `suretax` says of its clients; other modes have no row.

    `sales_type`: R residential, B business, I industrial, L lifeline. `exemptions`: codes of two
    digits, none as `{00}`.
    """

    __tablename__ = "suretax_profiles"
    __table_args__ = (
        ForeignKeyConstraint(
            ["reseller_id", "tax_profile_id"],
            ["tax_profiles.reseller_id", "tax_profiles.id"],
            ondelete="CASCADE",
        ),
        CheckConstraint("sales_type in ('R', 'B', 'I', 'L')", "sales_type"),
    )
    tax_profile_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    sales_type: Mapped[str]
    exemptions: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{00}")


class TaxWait(ClientOwned, Base):
    """An invoice that shall be made and waits for its taxes: it has no number and is sent nowhere.

    `id` becomes the invoice's; a client has one at a time. While somebody asks, `next_try_at` is
    the end of the lease of `lease_owner`. `reason` with `reason_values` says why the last try gave
    nothing; it is empty before the first.
    """

    __tablename__ = "tax_waits"
    __table_args__ = (
        ForeignKeyConstraint(["reseller_id", "client_id"], ["clients.reseller_id", "clients.id"]),
        UniqueConstraint("reseller_id", "client_id"),
        CheckConstraint("ends_at > starts_at", "period"),
        Index("ix_tax_waits_due", "next_try_at"),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    autoinvoice: Mapped[bool]
    issue: Mapped[bool]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    first_on: Mapped[date]
    last_on: Mapped[date]
    boundary_on: Mapped[date]
    invoice_on: Mapped[date | None]
    attempts: Mapped[int] = mapped_column(Integer, server_default="0")
    next_try_at: Mapped[datetime]
    lease_owner: Mapped[str] = mapped_column(server_default="")
    reason: Mapped[str] = mapped_column(server_default="")
    reason_values: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class TaxFiling(ClientOwned, Base):
    """What SureTax computed for an invoice, and whether the invoice stands in its reports.

    `computed` (not issued yet) → `to_file` → `filed`; voided: → `to_cancel` → `cancelled`, or at
    once where nothing was filed. `asked` and `answer` are frozen with the invoice; `quote_id` is
    the TransId of that answer, `filed_id` the one under which it was filed, empty when the answer
    to the filing was lost. `filed_tax` is what SureTax filed, in the invoice's currency.
    """

    __tablename__ = "tax_filings"
    __table_args__ = (
        ForeignKeyConstraint(
            ["reseller_id", "client_id", "invoice_id"],
            ["invoices.reseller_id", "invoices.client_id", "invoices.id"],
        ),
        ForeignKeyConstraint(
            ["reseller_id", "client_id", "transaction_id"],
            ["transactions.reseller_id", "transactions.client_id", "transactions.id"],
        ),
        CheckConstraint(
            "state in ('computed', 'to_file', 'filed', 'to_cancel', 'cancelled')", "state"
        ),
        Index(
            "ix_tax_filings_due",
            "next_try_at",
            postgresql_where=text("state in ('to_file', 'to_cancel')"),
        ),
    )
    invoice_id: Mapped[UUID] = mapped_column(primary_key=True)
    state: Mapped[str] = mapped_column(server_default="computed")
    transaction_id: Mapped[UUID | None]
    asked: Mapped[dict[str, Any]]
    answer: Mapped[dict[str, Any]]
    quote_id: Mapped[str]
    filed_id: Mapped[str] = mapped_column(server_default="")
    tax: Mapped[Amount]
    filed_tax: Mapped[Amount | None]
    attempts: Mapped[int] = mapped_column(Integer, server_default="0")
    next_try_at: Mapped[datetime] = mapped_column(server_default=func.now())
    lease_owner: Mapped[str] = mapped_column(server_default="")
    reason: Mapped[str] = mapped_column(server_default="")
    reason_values: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    filed_at: Mapped[datetime | None]
    computed_at: Mapped[datetime] = mapped_column(server_default=func.now())
