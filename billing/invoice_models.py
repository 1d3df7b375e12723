"""Invoices, their lines and taxes, what was paid on them, and their running numbers."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    Numeric,
    String,
    UniqueConstraint,
    column,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ExcludeConstraint
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Amount, Base, ClientOwned, Rate, TenantOwned


class NumberSeries(TenantOwned, Base):
    """The running number of a reseller's invoices; the row is locked while one is taken.

    `suretax`: numbers keep to what SureTax takes, Latin letters and digits, at most 40.
    """

    __tablename__ = "number_series"
    __table_args__ = (
        ForeignKeyConstraint(["reseller_id"], ["resellers.id"]),
        CheckConstraint("next_number > 0", "next_number"),
    )
    reseller_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    direction: Mapped[str] = mapped_column(primary_key=True)
    template: Mapped[str]
    next_number: Mapped[int] = mapped_column(BigInteger, server_default="1")
    suretax: Mapped[bool] = mapped_column(server_default="false")


class InvoiceSource(TenantOwned, Base):
    """A reseller's own Typst source, kept by its digest so that invoices can name what drew them.

    Rows are never changed: the template names another digest when its source changes.
    """

    __tablename__ = "invoice_sources"
    __table_args__ = (
        ForeignKeyConstraint(["reseller_id"], ["resellers.id"]),
        CheckConstraint("length(digest) = 64", "digest"),
    )
    reseller_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    digest: Mapped[str] = mapped_column(primary_key=True)
    source: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


_ALL_PARTS = "{logo,legal,period,due,taxes,words,balances,payment,pay_link}"


class InvoiceTemplate(TenantOwned, Base):
    """How invoices look: `locale` empty takes the client's, `paper` auto what its country uses.

    `heading`, `footer`, `payment_text` and `colour` empty take what the program or the company
    says; `source_digest` null takes our own layout. Every reseller has one default; an invoice
    keeps what its template said when it was made.
    """

    __tablename__ = "invoice_templates"
    __table_args__ = (
        UniqueConstraint("reseller_id", "id"),
        Index("uq_invoice_templates_name", "reseller_id", text("lower(name)"), unique=True),
        Index(
            "uq_invoice_templates_default",
            "reseller_id",
            unique=True,
            postgresql_where=text("is_default"),
        ),
        ForeignKeyConstraint(["reseller_id"], ["resellers.id"]),
        CheckConstraint("name <> ''", "name_given"),
        CheckConstraint("paper in ('auto', 'a4', 'us-letter')", "paper"),
        CheckConstraint("grouping in ('kind', 'none', 'summary')", "grouping"),
        CheckConstraint("colour = '' or colour ~ '^#[0-9a-f]{6}$'", "colour"),
        ForeignKeyConstraint(
            ["reseller_id", "source_digest"],
            ["invoice_sources.reseller_id", "invoice_sources.digest"],
        ),
    )
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    name: Mapped[str]
    is_default: Mapped[bool] = mapped_column(server_default="false")
    locale: Mapped[str] = mapped_column(server_default="")
    paper: Mapped[str] = mapped_column(server_default="auto")
    heading: Mapped[str] = mapped_column(server_default="")
    intro: Mapped[str] = mapped_column(server_default="")
    note: Mapped[str] = mapped_column(server_default="")
    payment_text: Mapped[str] = mapped_column(server_default="")
    footer: Mapped[str] = mapped_column(server_default="")
    colour: Mapped[str] = mapped_column(server_default="")
    parts: Mapped[list[str]] = mapped_column(ARRAY(String), server_default=_ALL_PARTS)
    columns: Mapped[list[str]] = mapped_column(
        ARRAY(String), server_default="{quantity,unit_price,net}"
    )
    grouping: Mapped[str] = mapped_column(server_default="kind")
    source_digest: Mapped[str | None]
    version: Mapped[int] = mapped_column(server_default="1")


class Invoice(ClientOwned, Base):
    """Amounts at the currency's minor unit: net + tax + rounding = total.

    `net` and `tax` keep 6 places; `rounding` is what brings them to `total`.
    The period is [starts_at, ends_at); its days are named in `timezone`, kept as it was.
    `paid` is what is settled, by payments and by credit notes; `credited` is the part that credit
    notes took off. An issued invoice that is void has its whole total in both: nothing is open.
    An incoming invoice has its sender's `number` and none of ours; it is issued when accepted, and
    `paid` as somebody says so. `file_id` is what its sender sent.
    """

    __tablename__ = "invoices"
    __table_args__ = (
        UniqueConstraint("reseller_id", "id"),
        UniqueConstraint("reseller_id", "client_id", "id"),
        UniqueConstraint("reseller_id", "direction", "running_number"),
        ForeignKeyConstraint(["reseller_id", "client_id"], ["clients.reseller_id", "clients.id"]),
        ForeignKeyConstraint(["reseller_id", "file_id"], ["files.reseller_id", "files.id"]),
        CheckConstraint("direction in ('outgoing', 'incoming')", "direction"),
        CheckConstraint("state in ('to_verify', 'to_send', 'normal', 'void')", "state"),
        CheckConstraint(
            "(direction = 'outgoing') = (running_number is not null)", "running_number"
        ),
        CheckConstraint("ends_at > starts_at", "period"),
        CheckConstraint("total = net + tax + rounding", "total"),
        CheckConstraint("paid >= 0 and paid <= greatest(total, 0)", "paid"),
        CheckConstraint("credited >= 0 and credited <= paid", "credited"),
        CheckConstraint("state = 'void' or (state = 'to_verify') = (issued_at is null)", "issued"),
        CheckConstraint("(state = 'void') = (voided_at is not null)", "voided"),
        # no day is invoiced twice; as a range of one the client's id needs no further extension
        ExcludeConstraint(
            (func.int8range(column("client_id"), column("client_id"), "[]"), "&&"),
            (func.tstzrange(column("starts_at"), column("ends_at")), "&&"),
            name="ex_invoices_period",
            where=text("direction = 'outgoing' and state <> 'void'"),
        ),
        Index("ix_invoices_recent", "reseller_id", text("invoiced_at desc"), text("id desc")),
        Index(
            "ix_invoices_client",
            "reseller_id",
            "client_id",
            text("invoiced_at desc"),
            text("id desc"),
        ),
        Index(
            "ix_invoices_open",
            "reseller_id",
            "client_id",
            "due_on",
            postgresql_where="paid < total",
        ),
        Index("ix_invoices_waiting", "issued_at", postgresql_where=text("state = 'to_send'")),
        Index(
            "uq_invoices_number",
            "reseller_id",
            "number",
            unique=True,
            postgresql_where=text("direction = 'outgoing'"),
        ),
        Index(
            "uq_invoices_incoming_number",
            "reseller_id",
            "client_id",
            text("lower(number)"),
            unique=True,
            postgresql_where=text("direction = 'incoming' and state <> 'void'"),
        ),
        Index(
            "ix_invoices_void_undrawn",
            "voided_at",
            postgresql_where=text(
                "state = 'void' and direction = 'outgoing' and issued_at is not null"
                " and file_id is null"
            ),
        ),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    direction: Mapped[str]
    number: Mapped[str]
    running_number: Mapped[int | None] = mapped_column(BigInteger)
    state: Mapped[str]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    first_on: Mapped[date]
    last_on: Mapped[date]
    timezone: Mapped[str]
    invoiced_at: Mapped[datetime]
    invoice_on: Mapped[date]
    due_on: Mapped[date]
    currency: Mapped[str]
    net: Mapped[Amount]
    tax: Mapped[Amount]
    rounding: Mapped[Amount]
    total: Mapped[Amount]
    paid: Mapped[Amount] = mapped_column(server_default="0")
    credited: Mapped[Amount] = mapped_column(server_default="0")
    balance_before: Mapped[Amount]
    balance_after: Mapped[Amount]
    parties: Mapped[dict[str, Any]]
    file_id: Mapped[UUID | None]
    issued_at: Mapped[datetime | None]
    sent_at: Mapped[datetime | None]
    autoinvoice: Mapped[bool] = mapped_column(server_default="false")
    voided_at: Mapped[datetime | None]
    void_reason: Mapped[str] = mapped_column(server_default="")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class InvoiceLine(ClientOwned, Base):
    """`transaction_id` is the charge that the line prints; older lines do not say it."""

    __tablename__ = "invoice_lines"
    __table_args__ = (
        ForeignKeyConstraint(
            ["reseller_id", "client_id", "transaction_id"],
            ["transactions.reseller_id", "transactions.client_id", "transactions.id"],
        ),
        ForeignKeyConstraint(
            ["reseller_id", "client_id", "invoice_id"],
            ["invoices.reseller_id", "invoices.client_id", "invoices.id"],
        ),
        CheckConstraint("quantity > 0", "quantity"),
    )
    invoice_id: Mapped[UUID] = mapped_column(primary_key=True)
    line_no: Mapped[int] = mapped_column(Integer, primary_key=True)
    group: Mapped[str]
    description: Mapped[str]
    quantity: Mapped[Decimal] = mapped_column(Numeric(20, 6))
    unit: Mapped[str] = mapped_column(server_default="")
    unit_price: Mapped[Rate]
    net: Mapped[Amount]
    tax: Mapped[Amount]
    transaction_id: Mapped[UUID | None]


class InvoiceTax(ClientOwned, Base):
    __tablename__ = "invoice_taxes"
    __table_args__ = (
        ForeignKeyConstraint(
            ["reseller_id", "client_id", "invoice_id"],
            ["invoices.reseller_id", "invoices.client_id", "invoices.id"],
        ),
    )
    invoice_id: Mapped[UUID] = mapped_column(primary_key=True)
    line_no: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str]
    percent: Mapped[Decimal] = mapped_column(Numeric(9, 6))
    base: Mapped[Amount]
    amount: Mapped[Amount]


class PaymentAllocation(ClientOwned, Base):
    """What of a payment went to which invoice; undone by an opposite row, never changed.

    `author` is who did it by hand; empty where it was done automatically.
    """

    __tablename__ = "payment_allocations"
    __table_args__ = (
        ForeignKeyConstraint(
            ["reseller_id", "client_id", "invoice_id"],
            ["invoices.reseller_id", "invoices.client_id", "invoices.id"],
        ),
        ForeignKeyConstraint(
            ["reseller_id", "client_id", "transaction_id"],
            ["transactions.reseller_id", "transactions.client_id", "transactions.id"],
        ),
        CheckConstraint("amount <> 0", "amount"),
        Index("ix_payment_allocations_invoice", "reseller_id", "invoice_id"),
        Index("ix_payment_allocations_transaction", "reseller_id", "transaction_id"),
    )
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    invoice_id: Mapped[UUID]
    transaction_id: Mapped[UUID]
    amount: Mapped[Amount]
    author: Mapped[str] = mapped_column(server_default="")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
