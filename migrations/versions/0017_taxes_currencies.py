"""Currencies, exchange rates and whole tax profiles."""

import sqlalchemy as sa
from alembic import op

from migrations.walls import wall_table

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    _currencies()
    _exchange_rates()
    _tax_profiles()
    _payment_accounts()


def _currencies() -> None:
    op.create_table(
        "reseller_currencies",
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("rate_places", sa.Integer(), nullable=False),
        sa.Column("detail_places", sa.Integer(), nullable=False),
        sa.Column("total_places", sa.Integer(), nullable=False),
        sa.Column("reseller_id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("code ~ '^[A-Z]{3}$'", name=op.f("ck_reseller_currencies_code")),
        sa.CheckConstraint(
            "rate_places between 0 and 10", name=op.f("ck_reseller_currencies_rate_places")
        ),
        sa.CheckConstraint(
            "detail_places between 0 and 6", name=op.f("ck_reseller_currencies_detail_places")
        ),
        sa.CheckConstraint(
            "total_places between 0 and 4", name=op.f("ck_reseller_currencies_total_places")
        ),
        sa.ForeignKeyConstraint(
            ["reseller_id"], ["resellers.id"], name=op.f("fk_reseller_currencies_reseller_id")
        ),
        sa.PrimaryKeyConstraint("reseller_id", "code", name=op.f("pk_reseller_currencies")),
    )
    wall_table("reseller_currencies", panel_client=None, platform="select")


def _exchange_rates() -> None:
    op.create_table(
        "exchange_rates",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("from_currency", sa.String(), nullable=False),
        sa.Column("to_currency", sa.String(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("rate", sa.Numeric(20, 10), nullable=False),
        sa.Column("source", sa.String(), server_default="manual", nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("reseller_id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("rate > 0", name=op.f("ck_exchange_rates_rate")),
        sa.CheckConstraint(
            "from_currency <> to_currency", name=op.f("ck_exchange_rates_two_currencies")
        ),
        sa.CheckConstraint("source in ('manual', 'file')", name=op.f("ck_exchange_rates_source")),
        sa.ForeignKeyConstraint(
            ["reseller_id"], ["resellers.id"], name=op.f("fk_exchange_rates_reseller_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_exchange_rates")),
        sa.UniqueConstraint("reseller_id", "id", name=op.f("uq_exchange_rates_reseller_id_id")),
        sa.UniqueConstraint(
            "reseller_id",
            "from_currency",
            "to_currency",
            "day",
            name=op.f("uq_exchange_rates_reseller_id_from_currency_to_currency_day"),
        ),
    )
    wall_table("exchange_rates", panel_client=None, platform="select")


def _tax_profiles() -> None:
    op.add_column(
        "tax_profiles",
        sa.Column("mode", sa.String(), server_default="excluding", nullable=False),
    )
    op.create_check_constraint(
        op.f("ck_tax_profiles_mode"), "tax_profiles", "mode in ('excluding', 'including', 'exempt')"
    )
    op.add_column("taxes", sa.Column("valid_from", sa.Date(), nullable=True))
    op.add_column("taxes", sa.Column("valid_until", sa.Date(), nullable=True))
    op.create_check_constraint(op.f("ck_taxes_validity"), "taxes", "valid_from <= valid_until")
    # a tax changes its percent on a day: then it stands in the profile once for each time
    op.drop_constraint(op.f("uq_taxes_reseller_id_tax_profile_id_name"), "taxes")
    op.create_unique_constraint(
        op.f("uq_taxes_reseller_id_tax_profile_id_name_valid_from"),
        "taxes",
        ["reseller_id", "tax_profile_id", "name", "valid_from"],
        postgresql_nulls_not_distinct=True,
    )


def _payment_accounts() -> None:
    op.add_column("payment_accounts", sa.Column("currency", sa.String(), nullable=True))
    op.add_column(
        "payment_accounts", sa.Column("details", sa.String(), server_default="", nullable=False)
    )
    op.add_column(
        "payment_accounts",
        sa.Column("is_active", sa.Boolean(), server_default="true", nullable=False),
    )
    op.add_column(
        "payment_accounts",
        sa.Column("for_gateways", sa.Boolean(), server_default="false", nullable=False),
    )
    op.create_check_constraint(
        op.f("ck_payment_accounts_general"),
        "payment_accounts",
        "is_active or not (is_general or for_gateways)",
    )
    op.create_index(
        "uq_payment_accounts_for_gateways",
        "payment_accounts",
        ["reseller_id"],
        unique=True,
        postgresql_where=sa.text("for_gateways"),
    )
    # whether money has moved on an account, and in which currencies
    op.create_index(
        "ix_ledger_lines_payment_account",
        "ledger_lines",
        ["reseller_id", "payment_account_id", "currency"],
        postgresql_where=sa.text("payment_account_id is not null"),
    )
