"""Tasks in the background: mass edits, exports, imports."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.walls import wall_table

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    _create_tables()
    # what is handled in a task concerns staff alone; the sweeps find and clear it for every tenant
    wall_table("tasks", panel_client=None, platform="select, update, delete")
    wall_table("task_items", panel_client=None, platform="select, delete")
    wall_table("task_chunks", panel_client=None, platform="select, delete")
    wall_table("import_mappings", panel_client=None, platform="select")


def _create_tables() -> None:
    op.create_table(
        "tasks",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("title", sa.String(), server_default="", nullable=False),
        sa.Column("params", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("reseller_ids", postgresql.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("state", sa.String(), server_default="waiting", nullable=False),
        sa.Column("step", sa.String(), server_default="", nullable=False),
        sa.Column("total", sa.Integer(), server_default="0", nullable=False),
        sa.Column("done", sa.Integer(), server_default="0", nullable=False),
        sa.Column("made", sa.Integer(), server_default="0", nullable=False),
        sa.Column("changed", sa.Integer(), server_default="0", nullable=False),
        sa.Column("unchanged", sa.Integer(), server_default="0", nullable=False),
        sa.Column("left_out", sa.Integer(), server_default="0", nullable=False),
        sa.Column("failed", sa.Integer(), server_default="0", nullable=False),
        sa.Column("problem", sa.String(), server_default="", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("lease_token", sa.Uuid(), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancel_asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("result_name", sa.String(), server_default="", nullable=False),
        sa.Column("result_type", sa.String(), server_default="", nullable=False),
        sa.Column("result_size", sa.BigInteger(), nullable=True),
        sa.Column("asker_kind", sa.String(), nullable=False),
        sa.Column("asker_id", sa.BigInteger(), nullable=True),
        sa.Column("asker_label", sa.String(), nullable=False),
        sa.Column("asker_ip", sa.String(), nullable=True),
        sa.Column("asker_on_behalf_of", sa.String(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reseller_id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "kind in ('export_clients', 'import_clients', 'mass_edit_clients')",
            name=op.f("ck_tasks_kind"),
        ),
        sa.CheckConstraint(
            "state in ('draft', 'waiting', 'running', 'checked', 'done', 'failed', 'cancelled')",
            name=op.f("ck_tasks_state"),
        ),
        sa.CheckConstraint("done <= total", name=op.f("ck_tasks_done")),
        sa.ForeignKeyConstraint(
            ["reseller_id"], ["resellers.id"], name=op.f("fk_tasks_reseller_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tasks")),
        sa.UniqueConstraint("reseller_id", "id", name=op.f("uq_tasks_reseller_id_id")),
    )
    op.create_index("ix_tasks_expiry", "tasks", ["expires_at"], unique=False)
    op.create_index(
        "ix_tasks_open",
        "tasks",
        ["created_at"],
        unique=False,
        postgresql_where=sa.text("state in ('waiting', 'running')"),
    )
    op.create_index(
        "ix_tasks_recent",
        "tasks",
        ["reseller_id", sa.text("created_at desc"), sa.text("id desc")],
        unique=False,
    )
    op.create_table(
        "task_items",
        sa.Column("task_id", sa.Uuid(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("subject_id", sa.BigInteger(), nullable=True),
        sa.Column("payload", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("state", sa.String(), server_default="waiting", nullable=False),
        sa.Column("reason", sa.String(), server_default="", nullable=False),
        sa.Column("details", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("reseller_id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "state in ('waiting', 'made', 'changed', 'unchanged', 'left_out', 'failed')",
            name=op.f("ck_task_items_state"),
        ),
        sa.ForeignKeyConstraint(
            ["reseller_id", "task_id"],
            ["tasks.reseller_id", "tasks.id"],
            name=op.f("fk_task_items_reseller_id_task_id"),
        ),
        sa.PrimaryKeyConstraint("task_id", "n", name=op.f("pk_task_items")),
    )
    op.create_index(
        "ix_task_items_waiting",
        "task_items",
        ["task_id", "n"],
        unique=False,
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_table(
        "task_chunks",
        sa.Column("task_id", sa.Uuid(), nullable=False),
        sa.Column("part", sa.String(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("reseller_id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "part in ('source', 'rows', 'result')", name=op.f("ck_task_chunks_part")
        ),
        sa.ForeignKeyConstraint(
            ["reseller_id", "task_id"],
            ["tasks.reseller_id", "tasks.id"],
            name=op.f("fk_task_chunks_reseller_id_task_id"),
        ),
        sa.PrimaryKeyConstraint("task_id", "part", "n", name=op.f("pk_task_chunks")),
    )
    op.create_table(
        "import_mappings",
        sa.Column("reseller_id", sa.BigInteger(), nullable=False),
        sa.Column("heading", sa.String(), nullable=False),
        sa.Column("field", sa.String(), nullable=False),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["reseller_id"], ["resellers.id"], name=op.f("fk_import_mappings_reseller_id")
        ),
        sa.PrimaryKeyConstraint("reseller_id", "heading", name=op.f("pk_import_mappings")),
    )
