"""What follows an issued invoice: its credit notes and the reminders sent for it."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKeyConstraint,
    Index,
    Integer,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Amount, Base, ClientOwned


class CreditNote(ClientOwned, Base):
    """Takes a part of an issued invoice back, or all of it; only its file comes later.

    Positive amounts as on the invoice: net + tax + rounding = total. `taxes` is the part of the
    invoice's tax table that is taken back, a list of name, percent, base and amount.
    """

    __tablename__ = "credit_notes"
    __table_args__ = (
        UniqueConstraint("reseller_id", "id"),
        UniqueConstraint("reseller_id", "number"),
        UniqueConstraint("reseller_id", "running_number"),
        ForeignKeyConstraint(
            ["reseller_id", "client_id", "invoice_id"],
            ["invoices.reseller_id", "invoices.client_id", "invoices.id"],
        ),
        ForeignKeyConstraint(["reseller_id", "file_id"], ["files.reseller_id", "files.id"]),
        CheckConstraint("total > 0", "total"),
        CheckConstraint("total = net + tax + rounding", "sum"),
        CheckConstraint("reason <> ''", "reason"),
        Index("ix_credit_notes_undrawn", "issued_at", postgresql_where=text("file_id is null")),
        Index("ix_credit_notes_invoice", "reseller_id", "invoice_id"),
        Index(
            "ix_credit_notes_client",
            "reseller_id",
            "client_id",
            text("issued_at desc"),
            text("id desc"),
        ),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    invoice_id: Mapped[UUID]
    number: Mapped[str]
    running_number: Mapped[int] = mapped_column(BigInteger)
    issued_at: Mapped[datetime]
    issued_on: Mapped[date]
    currency: Mapped[str]
    net: Mapped[Amount]
    tax: Mapped[Amount]
    rounding: Mapped[Amount]
    total: Mapped[Amount]
    taxes: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default=text("'[]'"))
    reason: Mapped[str]
    author: Mapped[str] = mapped_column(server_default="")
    file_id: Mapped[UUID | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class InvoiceReminder(ClientOwned, Base):
    """One reminder of an invoice: `days` before or after it fell due, at most once.

    `state`: sent, passed (a later one went in its place) or no_address. What it was computed
    from is kept: the due day, what was open, and the name of the payment terms that asked for it.
    """

    __tablename__ = "invoice_reminders"
    __table_args__ = (
        ForeignKeyConstraint(
            ["reseller_id", "client_id", "invoice_id"],
            ["invoices.reseller_id", "invoices.client_id", "invoices.id"],
        ),
        CheckConstraint("kind in ('before', 'after')", "kind"),
        CheckConstraint("state in ('sent', 'passed', 'no_address')", "state"),
        CheckConstraint("days >= 0", "days"),
    )
    invoice_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    days: Mapped[int] = mapped_column(Integer, primary_key=True)
    state: Mapped[str]
    planned_on: Mapped[date]
    due_on: Mapped[date]
    open_amount: Mapped[Amount]
    terms_name: Mapped[str]
    to_address: Mapped[str] = mapped_column(server_default="")
    mail_id: Mapped[UUID | None]
    at: Mapped[datetime]
