"""Credit notes, allocation by hand, reminders and what else invoices need."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.walls import wall_table

revision = "0018"
down_revision = "0017"

_KINDS = (
    "'export_clients', 'import_clients', 'mass_edit_clients', 'edit_invoices', 'invoice_clients',"
    " 'zip_invoices'"
)
# until now only automatic invoices were dated at the very end of their period
_WHICH_WERE_AUTOMATIC = "update invoices set autoinvoice = true where invoiced_at = ends_at"


def upgrade() -> None:
    _widen_invoices()
    _create_credit_notes()
    _create_reminders()
    op.add_column(
        "payment_allocations",
        sa.Column("author", sa.String(), server_default="", nullable=False),
    )
    op.add_column(
        "transactions",
        sa.Column("allocated_by_hand", sa.Boolean(), server_default="false", nullable=False),
    )
    op.drop_constraint("ck_tasks_kind", "tasks")
    op.create_check_constraint(op.f("ck_tasks_kind"), "tasks", f"kind in ({_KINDS})")


def _widen_invoices() -> None:
    op.add_column(
        "invoices",
        sa.Column("credited", sa.Numeric(20, 6), server_default="0", nullable=False),
    )
    op.add_column(
        "invoices", sa.Column("autoinvoice", sa.Boolean(), server_default="false", nullable=False)
    )
    op.add_column(
        "invoices", sa.Column("their_number", sa.String(), server_default="", nullable=False)
    )
    op.add_column("invoices", sa.Column("voided_at", sa.DateTime(timezone=True)))
    op.add_column(
        "invoices", sa.Column("void_reason", sa.String(), server_default="", nullable=False)
    )
    for name in ("ck_invoices_state", "ck_invoices_issued", "ex_invoices_period"):
        op.drop_constraint(name, "invoices")
    # the period of a void invoice is free again; the exclusion below holds all others apart
    for end in ("starts_at", "ends_at"):
        op.drop_constraint(f"uq_invoices_reseller_id_client_id_direction_{end}", "invoices")
    for name, condition in (
        ("state", "state in ('to_verify', 'to_send', 'normal', 'void')"),
        ("credited", "credited >= 0 and credited <= paid"),
        ("issued", "state = 'void' or (state = 'to_verify') = (issued_at is null)"),
        ("voided", "(state = 'void') = (voided_at is not null)"),
    ):
        op.create_check_constraint(op.f(f"ck_invoices_{name}"), "invoices", condition)
    op.execute(
        "alter table invoices add constraint ex_invoices_period exclude using gist"
        " (int8range(client_id, client_id, '[]') with &&, tstzrange(starts_at, ends_at) with &&)"
        " where (direction = 'outgoing' and state <> 'void')"
    )
    # the wall of the table holds its owner too: it opens for one statement of this transaction
    op.execute("alter table invoices no force row level security")
    op.execute(_WHICH_WERE_AUTOMATIC)
    op.execute("alter table invoices force row level security")


def _create_credit_notes() -> None:
    op.create_table(
        "credit_notes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("invoice_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("running_number", sa.BigInteger(), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("issued_on", sa.Date(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        *(
            sa.Column(name, sa.Numeric(20, 6), nullable=False)
            for name in ("net", "tax", "rounding", "total")
        ),
        sa.Column("taxes", postgresql.JSONB(), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("author", sa.String(), server_default="", nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.Column("client_id", sa.BigInteger(), nullable=False),
        sa.Column("reseller_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credit_notes")),
        sa.UniqueConstraint("reseller_id", "id", name=op.f("uq_credit_notes_reseller_id_id")),
        sa.UniqueConstraint(
            "reseller_id", "number", name=op.f("uq_credit_notes_reseller_id_number")
        ),
        sa.UniqueConstraint(
            "reseller_id",
            "running_number",
            name=op.f("uq_credit_notes_reseller_id_running_number"),
        ),
        _of_invoice("credit_notes"),
        sa.CheckConstraint("total > 0", name=op.f("ck_credit_notes_total")),
        sa.CheckConstraint("total = net + tax + rounding", name=op.f("ck_credit_notes_sum")),
        sa.CheckConstraint("reason <> ''", name=op.f("ck_credit_notes_reason")),
    )
    op.create_index("ix_credit_notes_invoice", "credit_notes", ["reseller_id", "invoice_id"])
    op.create_index(
        "ix_credit_notes_client",
        "credit_notes",
        ["reseller_id", "client_id", sa.text("issued_at desc"), sa.text("id desc")],
    )
    wall_table("credit_notes", office="select, insert", platform="select")


def _create_reminders() -> None:
    op.create_table(
        "invoice_reminders",
        sa.Column("invoice_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("days", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("planned_on", sa.Date(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("open_amount", sa.Numeric(20, 6), nullable=False),
        sa.Column("terms_name", sa.String(), nullable=False),
        sa.Column("to_address", sa.String(), server_default="", nullable=False),
        sa.Column("mail_id", sa.Uuid()),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("client_id", sa.BigInteger(), nullable=False),
        sa.Column("reseller_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("invoice_id", "kind", "days", name=op.f("pk_invoice_reminders")),
        _of_invoice("invoice_reminders"),
        sa.CheckConstraint("kind in ('before', 'after')", name=op.f("ck_invoice_reminders_kind")),
        sa.CheckConstraint(
            "state in ('sent', 'passed', 'no_address')", name=op.f("ck_invoice_reminders_state")
        ),
        sa.CheckConstraint("days >= 0", name=op.f("ck_invoice_reminders_days")),
    )
    wall_table("invoice_reminders", office="select, insert, update", platform="select")


def _of_invoice(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["reseller_id", "client_id", "invoice_id"],
        ["invoices.reseller_id", "invoices.client_id", "invoices.id"],
        name=op.f(f"fk_{table}_reseller_id_client_id_invoice_id"),
    )
