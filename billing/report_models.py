"""Saved reports, what was mailed of them, bank lines that were booked, and opening balances."""

from datetime import datetime
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


class SavedReport(TenantOwned, Base):
    """A report of one user, shared with the others of its reseller or not, mailed on a schedule.

    `params` is the spec, `words` the headings in the language of who saved it. `next_run_at` is
    the next instant at which it is due, by the clock of `timezone`; null: it is not mailed.
    `id` comes from the drawn form: a second click finds the first report.
    """

    __tablename__ = "saved_reports"
    __table_args__ = (
        UniqueConstraint("reseller_id", "id"),
        ForeignKeyConstraint(["reseller_id"], ["resellers.id"]),
        ForeignKeyConstraint(
            ["reseller_id", "user_id"], ["users.reseller_id", "users.id"], ondelete="CASCADE"
        ),
        CheckConstraint("name <> ''", "name"),
        CheckConstraint("format in ('csv', 'csv-bom', 'xlsx')", "format"),
        CheckConstraint("every in ('never', 'day', 'week', 'month')", "every"),
        CheckConstraint("weekday between 0 and 6", "weekday"),
        CheckConstraint("day_of_month between 1 and 28", "day_of_month"),
        CheckConstraint("hour between 0 and 23", "hour"),
        CheckConstraint("next_run_at is null or every <> 'never'", "due"),
        Index("uq_saved_reports_name", "reseller_id", "user_id", text("lower(name)"), unique=True),
        Index(
            "ix_saved_reports_due", "next_run_at", postgresql_where=text("next_run_at is not null")
        ),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(BigInteger)
    name: Mapped[str]
    is_shared: Mapped[bool] = mapped_column(server_default="false")
    params: Mapped[dict[str, Any]]
    words: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    locale: Mapped[str] = mapped_column(server_default="en")
    reseller_ids: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    format: Mapped[str]
    every: Mapped[str] = mapped_column(server_default="never")
    weekday: Mapped[int] = mapped_column(Integer, server_default="0")
    day_of_month: Mapped[int] = mapped_column(Integer, server_default="1")
    hour: Mapped[int] = mapped_column(Integer, server_default="6")
    timezone: Mapped[str]
    recipients: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    next_run_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(server_default="1")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class ReportRun(TenantOwned, Base):
    """One due time of a saved report and what became of it: at most one row for each."""

    __tablename__ = "report_runs"
    __table_args__ = (
        ForeignKeyConstraint(
            ["reseller_id", "report_id"],
            ["saved_reports.reseller_id", "saved_reports.id"],
            ondelete="CASCADE",
        ),
        CheckConstraint("state in ('mailed', 'skipped')", "state"),
    )
    report_id: Mapped[UUID] = mapped_column(primary_key=True)
    due_at: Mapped[datetime] = mapped_column(primary_key=True)
    state: Mapped[str]
    reason: Mapped[str] = mapped_column(server_default="")
    mails: Mapped[int] = mapped_column(Integer, server_default="0")
    at: Mapped[datetime]


class BookedBankLine(ClientOwned, Base):
    """A line of a bank statement that was booked: the same line is never booked again.

    `line_hash` is of the bank's reference, day, amount, payer and text, and of how many lines
    before it in its file say exactly the same.
    """

    __tablename__ = "booked_bank_lines"
    __table_args__ = (
        UniqueConstraint("reseller_id", "transaction_id"),
        ForeignKeyConstraint(
            ["reseller_id", "client_id", "transaction_id"],
            ["transactions.reseller_id", "transactions.client_id", "transactions.id"],
        ),
    )
    reseller_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    line_hash: Mapped[str] = mapped_column(primary_key=True)
    reference: Mapped[str] = mapped_column(server_default="")
    transaction_id: Mapped[UUID]
    task_id: Mapped[UUID | None]
    booked_at: Mapped[datetime]


class OpeningBalance(ClientOwned, Base):
    """What a client brought along from another system, signed: positive is credit of the client.

    It moves both books. A client has one at most that is not reversed.
    """

    __tablename__ = "opening_balances"
    __table_args__ = (
        UniqueConstraint("reseller_id", "id"),
        ForeignKeyConstraint(["reseller_id", "client_id"], ["clients.reseller_id", "clients.id"]),
        CheckConstraint("amount <> 0", "amount"),
        CheckConstraint("(reversed_at is null) = (reversal_entry_id is null)", "reversed"),
        Index(
            "uq_opening_balances_client",
            "reseller_id",
            "client_id",
            unique=True,
            postgresql_where=text("reversed_at is null"),
        ),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    amount: Mapped[Amount]
    currency: Mapped[str]
    dated_at: Mapped[datetime]
    description: Mapped[str] = mapped_column(server_default="")
    author: Mapped[str] = mapped_column(server_default="")
    ledger_entry_id: Mapped[int] = mapped_column(BigInteger)
    reversal_entry_id: Mapped[int | None] = mapped_column(BigInteger)
    reversed_at: Mapped[datetime | None]
    reason: Mapped[str] = mapped_column(server_default="")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
