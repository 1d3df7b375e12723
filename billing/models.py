"""What is owed and why: balances, ledger, transactions, payment terms, taxes."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Computed,
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

from core.db import Amount, Base, ClientOwned, Rate, TenantOwned

LEDGER_ACCOUNTS = (
    "client_live",  # what the client has, by payments and charges so far
    "client_fixed",  # what the client has, by payments and issued invoices
    "cash",  # money received on a payment account
    "clearing",  # money a gateway took and has not paid out yet
    "revenue",  # what we sold
    "tax",  # what we collect for the state
    "invoiced",  # the other side of every issued invoice in the fixed book
    "received",  # the other side of every payment in the fixed book
    "opening",  # the other side, in the live book, of what clients brought along
)


class ClientBalance(ClientOwned, Base):
    """Credit and payment mode block, and the stored balances; one row lock serialises a client.

    `live` and `fixed` are written only by the database function `ledger_post`.
    `available_micros` is Available (live + credit) in millionths of the currency: an integer,
    because numeric comparisons cannot use an index under row-level security.
    """

    __tablename__ = "client_balances"
    __table_args__ = (
        ForeignKeyConstraint(["reseller_id", "client_id"], ["clients.reseller_id", "clients.id"]),
        UniqueConstraint("reseller_id", "client_id"),
        UniqueConstraint("reseller_id", "client_id", "currency"),
        CheckConstraint("credit = round(credit, 6) and abs(credit) < 1000000000", "credit"),
        # sorted as people see it: an unlimited balance is above every other
        Index(
            "ix_client_balances_available",
            "reseller_id",
            "postpaid",
            "available_micros",
            "client_id",
        ),
    )
    client_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    currency: Mapped[str]
    postpaid: Mapped[bool] = mapped_column(server_default="false")
    credit: Mapped[Amount] = mapped_column(server_default="0")
    live: Mapped[Amount] = mapped_column(server_default="0")
    fixed: Mapped[Amount] = mapped_column(server_default="0")
    available_micros: Mapped[int] = mapped_column(
        BigInteger, Computed("((live + credit) * 1000000)::bigint", persisted=True)
    )


class LedgerEntry(ClientOwned, Base):
    """One posting. Never changed; a correction is an opposite entry that names it."""

    __tablename__ = "ledger_entries"
    __table_args__ = (
        UniqueConstraint("reseller_id", "kind", "source_id"),
        UniqueConstraint("reseller_id", "id", "currency"),
        ForeignKeyConstraint(["reseller_id", "client_id"], ["clients.reseller_id", "clients.id"]),
        ForeignKeyConstraint(
            ["reseller_id", "reverses_id", "currency"],
            ["ledger_entries.reseller_id", "ledger_entries.id", "ledger_entries.currency"],
        ),
        Index("ix_ledger_entries_client", "reseller_id", "client_id", text("id desc")),
    )
    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    kind: Mapped[str]
    source_id: Mapped[UUID]
    currency: Mapped[str]
    effective_at: Mapped[datetime]
    posted_at: Mapped[datetime] = mapped_column(server_default=func.now())
    description: Mapped[str]
    reverses_id: Mapped[int | None] = mapped_column(BigInteger)


class LedgerLine(ClientOwned, Base):
    """Signed: positive credits the account, negative debits it; an entry's lines sum to zero.

    `balance_after` stands on client_live and client_fixed lines.
    """

    __tablename__ = "ledger_lines"
    __table_args__ = (
        ForeignKeyConstraint(
            ["reseller_id", "entry_id", "currency"],
            ["ledger_entries.reseller_id", "ledger_entries.id", "ledger_entries.currency"],
        ),
        ForeignKeyConstraint(
            ["reseller_id", "payment_account_id"],
            ["payment_accounts.reseller_id", "payment_accounts.id"],
        ),
        CheckConstraint(
            "account in ({})".format(", ".join(f"'{name}'" for name in LEDGER_ACCOUNTS)), "account"
        ),
        CheckConstraint("amount <> 0", "amount"),
        CheckConstraint(
            "(account in ('cash', 'clearing')) = (payment_account_id is not null)",
            "payment_account",
        ),
        Index(
            "ix_ledger_lines_client", "reseller_id", "client_id", "account", text("entry_id desc")
        ),
        Index(
            "ix_ledger_lines_payment_account",
            "reseller_id",
            "payment_account_id",
            "currency",
            postgresql_where=text("payment_account_id is not null"),
        ),
    )
    entry_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    line_no: Mapped[int] = mapped_column(Integer, primary_key=True)
    account: Mapped[str]
    payment_account_id: Mapped[int | None] = mapped_column(BigInteger)
    currency: Mapped[str]
    amount: Mapped[Amount]
    balance_after: Mapped[Decimal | None] = mapped_column(Numeric(20, 6))


class LedgerCheck(TenantOwned, Base):
    """The last results of proving the stored balances against the lines."""

    __tablename__ = "ledger_checks"
    __table_args__ = (
        ForeignKeyConstraint(["reseller_id"], ["resellers.id"]),
        Index("ix_ledger_checks_recent", "reseller_id", text("id desc")),
    )
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    at: Mapped[datetime]
    ok: Mapped[bool]
    entries: Mapped[int] = mapped_column(BigInteger)
    findings: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))


class PaymentAccount(TenantOwned, Base):
    """Where money arrives; `currency` None takes any, `details` are printed on invoices."""

    __tablename__ = "payment_accounts"
    __table_args__ = (
        UniqueConstraint("reseller_id", "id"),
        UniqueConstraint("reseller_id", "name"),
        ForeignKeyConstraint(["reseller_id"], ["resellers.id"]),
        Index(
            "uq_payment_accounts_general",
            "reseller_id",
            unique=True,
            postgresql_where=text("is_general"),
        ),
        CheckConstraint("is_active or not (is_general or for_gateways)", "general"),
        Index(
            "uq_payment_accounts_for_gateways",
            "reseller_id",
            unique=True,
            postgresql_where=text("for_gateways"),
        ),
    )
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    name: Mapped[str]
    is_general: Mapped[bool] = mapped_column(server_default="false")
    currency: Mapped[str | None]
    details: Mapped[str] = mapped_column(server_default="")
    is_active: Mapped[bool] = mapped_column(server_default="true")
    for_gateways: Mapped[bool] = mapped_column(server_default="false")


class PaymentTerms(TenantOwned, Base):
    """When a client is invoiced and when an invoice is due (`billing.periods`).

    `is_default`: those that the form of a new client begins with.
    """

    __tablename__ = "payment_terms"
    __table_args__ = (
        UniqueConstraint("reseller_id", "id"),
        UniqueConstraint("reseller_id", "name"),
        ForeignKeyConstraint(["reseller_id"], ["resellers.id"]),
        CheckConstraint("(day_of_month is null) <> (every_days is null)", "one_rule"),
        CheckConstraint("day_of_month between 1 and 28", "day_of_month"),
        CheckConstraint("every_days between 1 and 366", "every_days"),
        CheckConstraint("grace_days between 0 and 366", "grace_days"),
        Index(
            "uq_payment_terms_default",
            "reseller_id",
            unique=True,
            postgresql_where=text("is_default"),
        ),
    )
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    name: Mapped[str]
    day_of_month: Mapped[int | None]
    every_days: Mapped[int | None]
    grace_days: Mapped[int] = mapped_column(server_default="0")
    remind_before: Mapped[list[int]] = mapped_column(ARRAY(Integer), server_default="{}")
    remind_after: Mapped[list[int]] = mapped_column(ARRAY(Integer), server_default="{}")
    is_default: Mapped[bool] = mapped_column(server_default="false")


class TaxProfile(TenantOwned, Base):
    """A named set of taxes; `mode` says how prices are meant that do not say it themselves."""

    __tablename__ = "tax_profiles"
    __table_args__ = (
        UniqueConstraint("reseller_id", "id"),
        UniqueConstraint("reseller_id", "name"),
        ForeignKeyConstraint(["reseller_id"], ["resellers.id"]),
        Index(
            "uq_tax_profiles_default",
            "reseller_id",
            unique=True,
            postgresql_where=text("is_default"),
        ),
        CheckConstraint("mode in ('excluding', 'including', 'exempt', 'suretax')", "mode"),
    )
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    name: Mapped[str]
    is_default: Mapped[bool] = mapped_column(server_default="false")
    mode: Mapped[str] = mapped_column(server_default="excluding")


class Tax(TenantOwned, Base):
    """Equal priorities add up; a higher one is taken on the total with the lower ones.

    It holds from `valid_from` to `valid_until`, both days included; null: without an end.
    """

    __tablename__ = "taxes"
    __table_args__ = (
        ForeignKeyConstraint(
            ["reseller_id", "tax_profile_id"], ["tax_profiles.reseller_id", "tax_profiles.id"]
        ),
        UniqueConstraint(
            "reseller_id",
            "tax_profile_id",
            "name",
            "valid_from",
            postgresql_nulls_not_distinct=True,
        ),
        CheckConstraint("percent >= 0 and percent <= 100", "percent"),
        CheckConstraint("valid_from <= valid_until", "validity"),
    )
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    tax_profile_id: Mapped[int] = mapped_column(BigInteger)
    name: Mapped[str]
    percent: Mapped[Decimal] = mapped_column(Numeric(9, 6))
    priority: Mapped[int] = mapped_column(server_default="1")
    valid_from: Mapped[date | None]
    valid_until: Mapped[date | None]


class ClientBilling(ClientOwned, Base):
    """Payment Terms, Tax Profile and Autoinvoicing of a client.

    `next_invoice_at` is the instant of the next boundary, kept for the sweep; null: none is due.
    `billed_until` is the end instant of the last period billed: the next one begins there.
    """

    __tablename__ = "client_billing"
    __table_args__ = (
        ForeignKeyConstraint(["reseller_id", "client_id"], ["clients.reseller_id", "clients.id"]),
        ForeignKeyConstraint(
            ["reseller_id", "payment_terms_id"], ["payment_terms.reseller_id", "payment_terms.id"]
        ),
        ForeignKeyConstraint(
            ["reseller_id", "tax_profile_id"], ["tax_profiles.reseller_id", "tax_profiles.id"]
        ),
        ForeignKeyConstraint(
            ["reseller_id", "invoice_template_id"],
            ["invoice_templates.reseller_id", "invoice_templates.id"],
        ),
        CheckConstraint("not autoinvoicing or payment_terms_id is not null", "terms_given"),
        CheckConstraint("not autoinvoicing or last_invoiced_on is not null", "last_invoiced_given"),
        Index("ix_client_billing_due", "next_invoice_at", postgresql_where=text("autoinvoicing")),
    )
    client_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    payment_terms_id: Mapped[int | None] = mapped_column(BigInteger)
    tax_profile_id: Mapped[int | None] = mapped_column(BigInteger)
    # null: the reseller's default template
    invoice_template_id: Mapped[int | None] = mapped_column(BigInteger)
    autoinvoicing: Mapped[bool] = mapped_column(server_default="false")
    last_invoiced_on: Mapped[date | None]
    billed_until: Mapped[datetime | None]
    next_invoice_at: Mapped[datetime | None]
    # not before, because it failed; null: at its time
    retry_at: Mapped[datetime | None]


class Transaction(ClientOwned, Base):
    """A payment or a charge on a client, as people see it; approved ones have a ledger entry.

    `amount` is what was entered; `net`, `tax`, `total` are in the client's currency. All four are
    positive, the sign on the balance follows from `type`; a reversal mirrors its original with
    negative ones, so that sums need no case. A refund or chargeback is a payment with negative
    amounts that names its `payment_id`. `invoice_id` null: a charge not yet invoiced.
    `allocated_by_hand`: the automatic allocation leaves this payment alone.
    """

    __tablename__ = "transactions"
    __table_args__ = (
        UniqueConstraint("reseller_id", "id"),
        UniqueConstraint("reseller_id", "client_id", "id"),
        UniqueConstraint("reseller_id", "reverses_id"),
        ForeignKeyConstraint(["reseller_id", "client_id"], ["clients.reseller_id", "clients.id"]),
        # holds the client's currency as it is, and so in refills
        ForeignKeyConstraint(
            ["reseller_id", "client_id", "currency"],
            [
                "client_balances.reseller_id",
                "client_balances.client_id",
                "client_balances.currency",
            ],
        ),
        ForeignKeyConstraint(
            ["reseller_id", "payment_account_id"],
            ["payment_accounts.reseller_id", "payment_accounts.id"],
        ),
        ForeignKeyConstraint(
            ["reseller_id", "client_id", "reverses_id"],
            ["transactions.reseller_id", "transactions.client_id", "transactions.id"],
        ),
        ForeignKeyConstraint(
            ["reseller_id", "client_id", "payment_id"],
            ["transactions.reseller_id", "transactions.client_id", "transactions.id"],
        ),
        ForeignKeyConstraint(
            ["reseller_id", "client_id", "invoice_id"],
            ["invoices.reseller_id", "invoices.client_id", "invoices.id"],
        ),
        CheckConstraint("type in ('payment', 'charge')", "type"),
        CheckConstraint(
            "kind in ('payment', 'refund', 'chargeback', 'chargeback_reversal', 'extra_charge',"
            " 'services_charge', 'package_fee')",
            "kind",
        ),
        CheckConstraint(
            "(type = 'payment') = (kind in ('payment', 'refund', 'chargeback',"
            " 'chargeback_reversal'))",
            "kind_of_type",
        ),
        CheckConstraint(
            "(payment_id is not null) = (kind in ('refund', 'chargeback', 'chargeback_reversal'))",
            "of_payment",
        ),
        CheckConstraint("status in ('pending', 'approved')", "status"),
        CheckConstraint("tax_mode in ('none', 'excluding', 'including')", "tax_mode"),
        CheckConstraint("total = net + tax", "total"),
        CheckConstraint("quantity > 0", "quantity"),
        Index("ix_transactions_recent", "reseller_id", text("dated_at desc"), text("id desc")),
        Index(
            "ix_transactions_client",
            "reseller_id",
            "client_id",
            text("dated_at desc"),
            text("id desc"),
        ),
        Index(
            "ix_transactions_unbilled",
            "reseller_id",
            "client_id",
            "dated_at",
            postgresql_where=text("type = 'charge' and status = 'approved' and invoice_id is null"),
        ),
        Index(
            "ix_transactions_of_payment",
            "reseller_id",
            "payment_id",
            postgresql_where=text("payment_id is not null"),
        ),
        Index(
            "ix_transactions_invoice",
            "reseller_id",
            "invoice_id",
            postgresql_where=text("invoice_id is not null"),
        ),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    type: Mapped[str]
    kind: Mapped[str]
    status: Mapped[str]
    payment_account_id: Mapped[int | None] = mapped_column(BigInteger)
    amount: Mapped[Amount]
    quantity: Mapped[Decimal | None] = mapped_column(Numeric(20, 6))
    tax_mode: Mapped[str] = mapped_column(server_default="none")
    net: Mapped[Amount]
    tax: Mapped[Amount] = mapped_column(server_default="0")
    total: Mapped[Amount]
    currency: Mapped[str]
    tax_details: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    original_amount: Mapped[Amount | None]
    original_currency: Mapped[str | None]
    exchange_rate: Mapped[Rate | None]
    dated_at: Mapped[datetime]
    description: Mapped[str] = mapped_column(server_default="")
    author: Mapped[str] = mapped_column(server_default="")
    ledger_entry_id: Mapped[int | None] = mapped_column(BigInteger)
    reverses_id: Mapped[UUID | None]
    payment_id: Mapped[UUID | None]
    reason: Mapped[str] = mapped_column(server_default="")
    invoice_id: Mapped[UUID | None]
    allocated_by_hand: Mapped[bool] = mapped_column(server_default="false")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
