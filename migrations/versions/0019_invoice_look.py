"""Invoice templates as data, own Typst sources, and the charge that each invoice line prints."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.walls import wall_table

revision = "0019"
down_revision = "0018"

_TEXTS = ("heading", "intro", "payment_text", "footer", "colour")
_ALL_PARTS = "{logo,legal,period,due,taxes,words,balances,payment,pay_link}"


def upgrade() -> None:
    op.create_table(
        "invoice_sources",
        sa.Column("reseller_id", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.PrimaryKeyConstraint("reseller_id", "digest", name=op.f("pk_invoice_sources")),
        sa.ForeignKeyConstraint(
            ["reseller_id"], ["resellers.id"], name=op.f("fk_invoice_sources_reseller_id")
        ),
        sa.CheckConstraint("length(digest) = 64", name=op.f("ck_invoice_sources_digest")),
    )
    wall_table("invoice_sources", office="select, insert", platform="", panel_client=None)
    _widen_templates()
    op.add_column("invoice_lines", sa.Column("transaction_id", sa.Uuid()))
    op.create_foreign_key(
        "fk_invoice_lines_reseller_id_client_id_transaction_id",
        "invoice_lines",
        "transactions",
        ["reseller_id", "client_id", "transaction_id"],
        ["reseller_id", "client_id", "id"],
    )


def _widen_templates() -> None:
    for name in _TEXTS:
        column = sa.Column(name, sa.String(), server_default="", nullable=False)
        op.add_column("invoice_templates", column)
    for name, default in (("parts", _ALL_PARTS), ("columns", "{quantity,unit_price,net}")):
        several = postgresql.ARRAY(sa.String())
        op.add_column(
            "invoice_templates",
            sa.Column(name, several, server_default=default, nullable=False),
        )
    op.add_column(
        "invoice_templates",
        sa.Column("grouping", sa.String(), server_default="kind", nullable=False),
    )
    op.add_column("invoice_templates", sa.Column("source_digest", sa.String()))
    op.create_foreign_key(
        "fk_invoice_templates_reseller_id_source_digest",
        "invoice_templates",
        "invoice_sources",
        ["reseller_id", "source_digest"],
        ["reseller_id", "digest"],
    )
    op.create_check_constraint(
        op.f("ck_invoice_templates_grouping"),
        "invoice_templates",
        "grouping in ('kind', 'none', 'summary')",
    )
    op.create_check_constraint(
        op.f("ck_invoice_templates_colour"),
        "invoice_templates",
        "colour = '' or colour ~ '^#[0-9a-f]{6}$'",
    )
