"""Saved reports, bank lines that were booked, and opening balances."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.walls import wall_table

revision = "0021"
down_revision = "0020"

_NEW_KINDS = ("export_report", "import_payments", "import_opening_balances")
_ACCOUNTS = (
    "'client_live', 'client_fixed', 'cash', 'clearing', 'revenue', 'tax', 'invoiced', 'received',"
    " 'opening'"
)


def upgrade() -> None:
    _create_saved_reports()
    _create_bank_lines()
    _create_opening_balances()
    # staff alone save reports and bring files; the sweep finds what is due for every tenant
    wall_table("saved_reports", panel_client=None, platform="select")
    wall_table("report_runs", panel_client=None, office="select, insert, delete", platform="select")
    wall_table("booked_bank_lines", office="select, insert", platform="select")
    wall_table("opening_balances", office="select, insert, update", platform="select")
    op.drop_constraint("ck_ledger_lines_account", "ledger_lines")
    op.create_check_constraint(
        op.f("ck_ledger_lines_account"), "ledger_lines", f"account in ({_ACCOUNTS})"
    )
    _widen_tasks()


def _widen_tasks() -> None:
    """The kinds there were, and ours."""
    connection = op.get_bind()
    known = connection.scalar(
        sa.text(
            "select pg_get_constraintdef(oid) from pg_constraint where conname = 'ck_tasks_kind'"
        )
    )
    kinds = [*str(known).split("'")[1::2], *_NEW_KINDS]
    listed = ", ".join(f"'{kind}'" for kind in dict.fromkeys(kinds))
    op.drop_constraint("ck_tasks_kind", "tasks")
    op.create_check_constraint(op.f("ck_tasks_kind"), "tasks", f"kind in ({listed})")


def _create_saved_reports() -> None:
    op.create_table(
        "saved_reports",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("is_shared", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("params", postgresql.JSONB(), nullable=False),
        sa.Column("words", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("locale", sa.String(), server_default="en", nullable=False),
        sa.Column("reseller_ids", postgresql.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("format", sa.String(), nullable=False),
        sa.Column("every", sa.String(), server_default="never", nullable=False),
        sa.Column("weekday", sa.Integer(), server_default="0", nullable=False),
        sa.Column("day_of_month", sa.Integer(), server_default="1", nullable=False),
        sa.Column("hour", sa.Integer(), server_default="6", nullable=False),
        sa.Column("timezone", sa.String(), nullable=False),
        sa.Column("recipients", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("next_run_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("reseller_id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("name <> ''", name=op.f("ck_saved_reports_name")),
        sa.CheckConstraint(
            "format in ('csv', 'csv-bom', 'xlsx')", name=op.f("ck_saved_reports_format")
        ),
        sa.CheckConstraint(
            "every in ('never', 'day', 'week', 'month')", name=op.f("ck_saved_reports_every")
        ),
        sa.CheckConstraint("weekday between 0 and 6", name=op.f("ck_saved_reports_weekday")),
        sa.CheckConstraint(
            "day_of_month between 1 and 28", name=op.f("ck_saved_reports_day_of_month")
        ),
        sa.CheckConstraint("hour between 0 and 23", name=op.f("ck_saved_reports_hour")),
        sa.CheckConstraint(
            "next_run_at is null or every <> 'never'", name=op.f("ck_saved_reports_due")
        ),
        sa.ForeignKeyConstraint(
            ["reseller_id"], ["resellers.id"], name=op.f("fk_saved_reports_reseller_id")
        ),
        sa.ForeignKeyConstraint(
            ["reseller_id", "user_id"],
            ["users.reseller_id", "users.id"],
            name=op.f("fk_saved_reports_reseller_id_user_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saved_reports")),
        sa.UniqueConstraint("reseller_id", "id", name=op.f("uq_saved_reports_reseller_id_id")),
    )
    op.create_index(
        "uq_saved_reports_name",
        "saved_reports",
        ["reseller_id", "user_id", sa.literal_column("lower(name)")],
        unique=True,
    )
    op.create_index(
        "ix_saved_reports_due",
        "saved_reports",
        ["next_run_at"],
        postgresql_where=sa.text("next_run_at is not null"),
    )
    op.create_table(
        "report_runs",
        sa.Column("report_id", sa.Uuid(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), server_default="", nullable=False),
        sa.Column("mails", sa.Integer(), server_default="0", nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reseller_id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("state in ('mailed', 'skipped')", name=op.f("ck_report_runs_state")),
        sa.ForeignKeyConstraint(
            ["reseller_id", "report_id"],
            ["saved_reports.reseller_id", "saved_reports.id"],
            name=op.f("fk_report_runs_reseller_id_report_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("report_id", "due_at", name=op.f("pk_report_runs")),
    )


def _create_bank_lines() -> None:
    op.create_table(
        "booked_bank_lines",
        sa.Column("line_hash", sa.String(), nullable=False),
        sa.Column("reference", sa.String(), server_default="", nullable=False),
        sa.Column("transaction_id", sa.Uuid(), nullable=False),
        sa.Column("task_id", sa.Uuid(), nullable=True),
        sa.Column("booked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("client_id", sa.BigInteger(), nullable=False),
        sa.Column("reseller_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["reseller_id", "client_id", "transaction_id"],
            ["transactions.reseller_id", "transactions.client_id", "transactions.id"],
            name=op.f("fk_booked_bank_lines_reseller_id_client_id_transaction_id"),
        ),
        sa.PrimaryKeyConstraint("reseller_id", "line_hash", name=op.f("pk_booked_bank_lines")),
        sa.UniqueConstraint(
            "reseller_id",
            "transaction_id",
            name=op.f("uq_booked_bank_lines_reseller_id_transaction_id"),
        ),
    )


def _create_opening_balances() -> None:
    op.create_table(
        "opening_balances",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("amount", sa.Numeric(20, 6), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("dated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("description", sa.String(), server_default="", nullable=False),
        sa.Column("author", sa.String(), server_default="", nullable=False),
        sa.Column("ledger_entry_id", sa.BigInteger(), nullable=False),
        sa.Column("reversal_entry_id", sa.BigInteger(), nullable=True),
        sa.Column("reversed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.String(), server_default="", nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("client_id", sa.BigInteger(), nullable=False),
        sa.Column("reseller_id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount <> 0", name=op.f("ck_opening_balances_amount")),
        sa.CheckConstraint(
            "(reversed_at is null) = (reversal_entry_id is null)",
            name=op.f("ck_opening_balances_reversed"),
        ),
        sa.ForeignKeyConstraint(
            ["reseller_id", "client_id"],
            ["clients.reseller_id", "clients.id"],
            name=op.f("fk_opening_balances_reseller_id_client_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_opening_balances")),
        sa.UniqueConstraint("reseller_id", "id", name=op.f("uq_opening_balances_reseller_id_id")),
    )
    op.create_index(
        "uq_opening_balances_client",
        "opening_balances",
        ["reseller_id", "client_id"],
        unique=True,
        postgresql_where=sa.text("reversed_at is null"),
    )
