"""SureTax: accounts, what profiles say to it, invoices that wait for it, what was filed."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.walls import wall_table

revision = "0025"
down_revision = "0024"

_JSONB = postgresql.JSONB(astext_type=sa.Text())
_AT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.drop_constraint(op.f("ck_tax_profiles_mode"), "tax_profiles")
    op.create_check_constraint(
        op.f("ck_tax_profiles_mode"),
        "tax_profiles",
        "mode in ('excluding', 'including', 'exempt', 'suretax')",
    )
    _create_settings()
    _create_waits()
    _create_filings()
    wall_table("suretax_accounts", platform="select, update", panel_client=None)
    wall_table("suretax_profiles", platform="select", panel_client=None)
    wall_table("tax_waits", platform="select")
    wall_table("tax_filings", platform="select")


def _create_settings() -> None:
    op.create_table(
        "suretax_accounts",
        sa.Column("reseller_id", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("enabled", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("client_number", sa.String(), nullable=False),
        sa.Column("business_unit", sa.String(), server_default="", nullable=False),
        sa.Column("sealed_key", sa.String(), nullable=False),
        sa.Column("key_tail", sa.String(), server_default="", nullable=False),
        sa.Column("service", sa.String(), nullable=False),
        sa.Column("own_url", sa.String(), server_default="", nullable=False),
        sa.Column("regulatory_code", sa.String(), nullable=False),
        sa.Column("usage_code", sa.String(), nullable=False),
        sa.Column("package_code", sa.String(), nullable=False),
        sa.Column("extra_code", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.CheckConstraint(
            "service in ('live', 'test', 'own')", name=op.f("ck_suretax_accounts_service")
        ),
        sa.CheckConstraint(
            "(service = 'own') = (own_url <> '')", name=op.f("ck_suretax_accounts_own_url")
        ),
        sa.ForeignKeyConstraint(
            ["reseller_id"], ["resellers.id"], name=op.f("fk_suretax_accounts_reseller_id")
        ),
        sa.PrimaryKeyConstraint("reseller_id", name=op.f("pk_suretax_accounts")),
    )
    op.create_table(
        "suretax_profiles",
        sa.Column("tax_profile_id", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("sales_type", sa.String(), nullable=False),
        sa.Column("exemptions", postgresql.ARRAY(sa.Text()), server_default="{00}", nullable=False),
        sa.Column("reseller_id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "sales_type in ('R', 'B', 'I', 'L')", name=op.f("ck_suretax_profiles_sales_type")
        ),
        sa.ForeignKeyConstraint(
            ["reseller_id", "tax_profile_id"],
            ["tax_profiles.reseller_id", "tax_profiles.id"],
            name=op.f("fk_suretax_profiles_reseller_id_tax_profile_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tax_profile_id", name=op.f("pk_suretax_profiles")),
    )


def _create_waits() -> None:
    op.create_table(
        "tax_waits",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("autoinvoice", sa.Boolean(), nullable=False),
        sa.Column("issue", sa.Boolean(), nullable=False),
        sa.Column("starts_at", _AT, nullable=False),
        sa.Column("ends_at", _AT, nullable=False),
        sa.Column("first_on", sa.Date(), nullable=False),
        sa.Column("last_on", sa.Date(), nullable=False),
        sa.Column("boundary_on", sa.Date(), nullable=False),
        sa.Column("invoice_on", sa.Date(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_try_at", _AT, nullable=False),
        sa.Column("lease_owner", sa.String(), server_default="", nullable=False),
        sa.Column("reason", sa.String(), server_default="", nullable=False),
        sa.Column("reason_values", _JSONB, server_default=sa.text("'{}'"), nullable=False),
        sa.Column("created_at", _AT, server_default=sa.func.now(), nullable=False),
        sa.Column("client_id", sa.BigInteger(), nullable=False),
        sa.Column("reseller_id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("ends_at > starts_at", name=op.f("ck_tax_waits_period")),
        sa.ForeignKeyConstraint(
            ["reseller_id", "client_id"],
            ["clients.reseller_id", "clients.id"],
            name=op.f("fk_tax_waits_reseller_id_client_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tax_waits")),
        sa.UniqueConstraint(
            "reseller_id", "client_id", name=op.f("uq_tax_waits_reseller_id_client_id")
        ),
    )
    op.create_index("ix_tax_waits_due", "tax_waits", ["next_try_at"])


def _create_filings() -> None:
    op.create_table(
        "tax_filings",
        sa.Column("invoice_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(), server_default="computed", nullable=False),
        sa.Column("transaction_id", sa.Uuid(), nullable=True),
        sa.Column("asked", _JSONB, nullable=False),
        sa.Column("answer", _JSONB, nullable=False),
        sa.Column("quote_id", sa.String(), nullable=False),
        sa.Column("filed_id", sa.String(), server_default="", nullable=False),
        sa.Column("tax", sa.Numeric(20, 6), nullable=False),
        sa.Column("filed_tax", sa.Numeric(20, 6), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_try_at", _AT, server_default=sa.func.now(), nullable=False),
        sa.Column("lease_owner", sa.String(), server_default="", nullable=False),
        sa.Column("reason", sa.String(), server_default="", nullable=False),
        sa.Column("reason_values", _JSONB, server_default=sa.text("'{}'"), nullable=False),
        sa.Column("filed_at", _AT, nullable=True),
        sa.Column("computed_at", _AT, server_default=sa.func.now(), nullable=False),
        sa.Column("client_id", sa.BigInteger(), nullable=False),
        sa.Column("reseller_id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "state in ('computed', 'to_file', 'filed', 'to_cancel', 'cancelled')",
            name=op.f("ck_tax_filings_state"),
        ),
        sa.ForeignKeyConstraint(
            ["reseller_id", "client_id", "invoice_id"],
            ["invoices.reseller_id", "invoices.client_id", "invoices.id"],
            name=op.f("fk_tax_filings_reseller_id_client_id_invoice_id"),
        ),
        sa.ForeignKeyConstraint(
            ["reseller_id", "client_id", "transaction_id"],
            ["transactions.reseller_id", "transactions.client_id", "transactions.id"],
            name=op.f("fk_tax_filings_reseller_id_client_id_transaction_id"),
        ),
        sa.PrimaryKeyConstraint("invoice_id", name=op.f("pk_tax_filings")),
    )
    op.create_index(
        "ix_tax_filings_due",
        "tax_filings",
        ["next_try_at"],
        postgresql_where=sa.text("state in ('to_file', 'to_cancel')"),
    )
