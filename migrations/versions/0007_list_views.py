"""Saved views of lists, and whether a person wants single keys to act."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.walls import wall_table

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "list_views",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("list_key", sa.String(), nullable=False),
        sa.Column("name", sa.String(), server_default="", nullable=False),
        sa.Column("is_shared", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("query", sa.String(), server_default="", nullable=False),
        sa.Column("columns", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("density", sa.String(), server_default="normal", nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("reseller_id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "density in ('normal', 'compact', 'roomy')", name=op.f("ck_list_views_density")
        ),
        sa.CheckConstraint("name <> '' or not is_shared", name=op.f("ck_list_views_shared_named")),
        sa.ForeignKeyConstraint(
            ["reseller_id"], ["resellers.id"], name=op.f("fk_list_views_reseller_id")
        ),
        sa.ForeignKeyConstraint(
            ["reseller_id", "user_id"],
            ["users.reseller_id", "users.id"],
            name=op.f("fk_list_views_reseller_id_user_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_list_views")),
        sa.UniqueConstraint("reseller_id", "id", name=op.f("uq_list_views_reseller_id_id")),
    )
    op.create_index(
        "uq_list_views_name",
        "list_views",
        ["reseller_id", "list_key", "user_id", sa.literal_column("lower(name)")],
        unique=True,
    )
    wall_table("list_views", panel_client=None, platform="select")
    for table in ("users", "platform_users"):
        op.add_column(
            table,
            sa.Column("keyboard_shortcuts", sa.Boolean(), server_default="true", nullable=False),
        )
