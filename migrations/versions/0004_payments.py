"""Gateways, saved cards, refills, attempts and auto payment."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.walls import wall_table

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    _create_tables()
    # the panel asks for hosted pages itself; credentials are encrypted by keys outside the database
    wall_table("gateway_accounts", panel="select", panel_client=None)
    wall_table("gateway_customers", panel="select, insert, update")
    wall_table("saved_cards", panel="select, insert, update")
    wall_table("refills", panel="select, insert, update")
    wall_table("charge_attempts", panel="select, insert, update")
    # the caps are the provider's; another default card ends a suspension
    wall_table(
        "client_auto_payments",
        panel=(
            "select, update (enabled, extra_amount, declines_in_row, next_try_at, suspended_at,"
            " suspended_reason)"
        ),
    )
    wall_table("gateway_events", panel_client=None)


def _create_tables() -> None:
    op.create_table(
        "client_auto_payments",
        sa.Column("client_id", sa.BigInteger(), nullable=False),
        sa.Column("enabled", sa.Boolean(), server_default="false", nullable=False),
        sa.Column(
            "extra_amount", sa.Numeric(precision=20, scale=6), server_default="0", nullable=False
        ),
        sa.Column("day_cap", sa.Numeric(precision=20, scale=6), nullable=True),
        sa.Column("month_cap", sa.Numeric(precision=20, scale=6), nullable=True),
        sa.Column("declines_in_row", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("suspended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("suspended_reason", sa.String(), server_default="", nullable=False),
        sa.Column("reseller_id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "day_cap > 0 and month_cap > 0", name=op.f("ck_client_auto_payments_caps")
        ),
        sa.CheckConstraint(
            "extra_amount >= 0 and extra_amount < 1000000000",
            name=op.f("ck_client_auto_payments_extra_amount"),
        ),
        sa.ForeignKeyConstraint(
            ["reseller_id", "client_id"],
            ["clients.reseller_id", "clients.id"],
            name=op.f("fk_client_auto_payments_reseller_id_client_id"),
        ),
        sa.PrimaryKeyConstraint("client_id", name=op.f("pk_client_auto_payments")),
    )
    op.create_index(
        "ix_client_auto_payments_enabled",
        "client_auto_payments",
        ["reseller_id", "client_id"],
        unique=False,
        postgresql_where=sa.text("enabled"),
    )
    op.create_table(
        "gateway_accounts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("gateway", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("description", sa.String(), server_default="", nullable=False),
        sa.Column("payment_account_id", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("live", sa.Boolean(), nullable=False),
        sa.Column("enabled", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("position", sa.Integer(), server_default="1", nullable=False),
        sa.Column("credentials", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("webhook_token", sa.String(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("reseller_id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "gateway in ('authorizenet', 'stripe')", name=op.f("ck_gateway_accounts_gateway")
        ),
        sa.ForeignKeyConstraint(
            ["reseller_id", "payment_account_id"],
            ["payment_accounts.reseller_id", "payment_accounts.id"],
            name=op.f("fk_gateway_accounts_reseller_id_payment_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["reseller_id"], ["resellers.id"], name=op.f("fk_gateway_accounts_reseller_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gateway_accounts")),
        sa.UniqueConstraint("reseller_id", "id", name=op.f("uq_gateway_accounts_reseller_id_id")),
        sa.UniqueConstraint("webhook_token", name=op.f("uq_gateway_accounts_webhook_token")),
    )
    op.create_index(
        "uq_gateway_accounts_currency",
        "gateway_accounts",
        ["reseller_id", "gateway", "currency"],
        unique=True,
        postgresql_where=sa.text("enabled"),
    )
    op.create_table(
        "gateway_customers",
        sa.Column("client_id", sa.BigInteger(), nullable=False),
        sa.Column("gateway_account_id", sa.BigInteger(), nullable=False),
        sa.Column("customer_ref", sa.String(), nullable=False),
        sa.Column("reseller_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["reseller_id", "client_id"],
            ["clients.reseller_id", "clients.id"],
            name=op.f("fk_gateway_customers_reseller_id_client_id"),
        ),
        sa.ForeignKeyConstraint(
            ["reseller_id", "gateway_account_id"],
            ["gateway_accounts.reseller_id", "gateway_accounts.id"],
            name=op.f("fk_gateway_customers_reseller_id_gateway_account_id"),
        ),
        sa.PrimaryKeyConstraint(
            "client_id", "gateway_account_id", name=op.f("pk_gateway_customers")
        ),
    )
    op.create_table(
        "gateway_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("gateway_account_id", sa.BigInteger(), nullable=False),
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("gateway_ref", sa.String(), nullable=False),
        sa.Column("attempt_key", sa.String(), nullable=False),
        sa.Column("customer_ref", sa.String(), server_default="", nullable=False),
        sa.Column(
            "received_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("handled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("result", sa.String(), server_default="", nullable=False),
        sa.Column("reseller_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["reseller_id", "gateway_account_id"],
            ["gateway_accounts.reseller_id", "gateway_accounts.id"],
            name=op.f("fk_gateway_events_reseller_id_gateway_account_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gateway_events")),
        sa.UniqueConstraint(
            "gateway_account_id",
            "event_id",
            name=op.f("uq_gateway_events_gateway_account_id_event_id"),
        ),
    )
    op.create_index(
        "ix_gateway_events_waiting",
        "gateway_events",
        ["received_at"],
        unique=False,
        postgresql_where=sa.text("handled_at is null"),
    )
    op.create_table(
        "saved_cards",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("gateway_account_id", sa.BigInteger(), nullable=False),
        sa.Column("customer_ref", sa.String(), nullable=False),
        sa.Column("method_ref", sa.String(), nullable=False),
        sa.Column("brand", sa.String(), nullable=False),
        sa.Column("last_four", sa.String(), nullable=False),
        sa.Column("expiry_month", sa.Integer(), nullable=True),
        sa.Column("expiry_year", sa.Integer(), nullable=True),
        sa.Column("network_transaction_ref", sa.String(), nullable=True),
        sa.Column("is_default", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("state", sa.String(), server_default="active", nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("client_id", sa.BigInteger(), nullable=False),
        sa.Column("reseller_id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("state in ('active', 'removed')", name=op.f("ck_saved_cards_state")),
        sa.ForeignKeyConstraint(
            ["reseller_id", "client_id"],
            ["clients.reseller_id", "clients.id"],
            name=op.f("fk_saved_cards_reseller_id_client_id"),
        ),
        sa.ForeignKeyConstraint(
            ["reseller_id", "gateway_account_id"],
            ["gateway_accounts.reseller_id", "gateway_accounts.id"],
            name=op.f("fk_saved_cards_reseller_id_gateway_account_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saved_cards")),
        sa.UniqueConstraint(
            "reseller_id", "client_id", "id", name=op.f("uq_saved_cards_reseller_id_client_id_id")
        ),
        sa.UniqueConstraint(
            "reseller_id",
            "gateway_account_id",
            "customer_ref",
            "method_ref",
            name=op.f("uq_saved_cards_reseller_id_gateway_account_id_customer_ref_method_ref"),
        ),
    )
    op.create_index(
        "uq_saved_cards_default",
        "saved_cards",
        ["reseller_id", "client_id"],
        unique=True,
        postgresql_where=sa.text("is_default and state = 'active'"),
    )
    op.create_table(
        "refills",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("method", sa.String(), nullable=False),
        sa.Column("gateway_account_id", sa.BigInteger(), nullable=False),
        sa.Column("saved_card_id", sa.Uuid(), nullable=True),
        sa.Column("amount", sa.Numeric(precision=20, scale=6), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("state", sa.String(), server_default="requested", nullable=False),
        sa.Column(
            "credited", sa.Numeric(precision=20, scale=6), server_default="0", nullable=False
        ),
        sa.Column("reason", sa.String(), server_default="", nullable=False),
        sa.Column(
            "figures",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column("author", sa.String(), server_default="", nullable=False),
        sa.Column("next_look_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("client_id", sa.BigInteger(), nullable=False),
        sa.Column("reseller_id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "(method = 'saved_card') = (saved_card_id is not null)",
            name=op.f("ck_refills_card_given"),
        ),
        sa.CheckConstraint(
            "method in ('saved_card', 'hosted_page')", name=op.f("ck_refills_method")
        ),
        sa.CheckConstraint("source in ('panel', 'staff', 'auto')", name=op.f("ck_refills_source")),
        sa.CheckConstraint(
            "state in ('requested', 'processing', 'held', 'unknown', 'succeeded', 'declined', 'failed', 'abandoned')",
            name=op.f("ck_refills_state"),
        ),
        sa.CheckConstraint("amount > 0", name=op.f("ck_refills_amount")),
        sa.CheckConstraint(
            "credited >= 0 and credited <= amount", name=op.f("ck_refills_credited")
        ),
        sa.ForeignKeyConstraint(
            ["reseller_id", "client_id", "saved_card_id"],
            ["saved_cards.reseller_id", "saved_cards.client_id", "saved_cards.id"],
            name=op.f("fk_refills_reseller_id_client_id_saved_card_id"),
        ),
        sa.ForeignKeyConstraint(
            ["reseller_id", "client_id"],
            ["clients.reseller_id", "clients.id"],
            name=op.f("fk_refills_reseller_id_client_id"),
        ),
        sa.ForeignKeyConstraint(
            ["reseller_id", "gateway_account_id"],
            ["gateway_accounts.reseller_id", "gateway_accounts.id"],
            name=op.f("fk_refills_reseller_id_gateway_account_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refills")),
        sa.UniqueConstraint(
            "reseller_id", "client_id", "id", name=op.f("uq_refills_reseller_id_client_id_id")
        ),
        sa.UniqueConstraint("reseller_id", "id", name=op.f("uq_refills_reseller_id_id")),
    )
    op.create_index(
        "ix_refills_client",
        "refills",
        ["reseller_id", "client_id", sa.literal_column("created_at desc")],
        unique=False,
    )
    op.create_index(
        "ix_refills_open",
        "refills",
        ["next_look_at"],
        unique=False,
        postgresql_where=sa.text("state in ('requested', 'processing', 'held', 'unknown')"),
    )
    op.create_index(
        "ix_refills_recent",
        "refills",
        ["reseller_id", sa.literal_column("created_at desc"), sa.literal_column("id desc")],
        unique=False,
    )
    op.create_index(
        "uq_refills_one_open_auto",
        "refills",
        ["reseller_id", "client_id"],
        unique=True,
        postgresql_where=sa.text(
            "source = 'auto' and state in ('requested', 'processing', 'held', 'unknown')"
        ),
    )
    op.create_table(
        "charge_attempts",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("refill_id", sa.Uuid(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("gateway_account_id", sa.BigInteger(), nullable=False),
        sa.Column("request", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("first_sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_owner", sa.String(), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("gateway_ref", sa.String(), nullable=True),
        sa.Column("approved", sa.Numeric(precision=20, scale=6), nullable=True),
        sa.Column("looks", sa.Integer(), server_default="0", nullable=False),
        sa.Column(
            "answer",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("client_id", sa.BigInteger(), nullable=False),
        sa.Column("reseller_id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("key ~ '^[0-9A-Z]{1,20}$'", name=op.f("ck_charge_attempts_key")),
        sa.CheckConstraint(
            "state in ('sending', 'unknown', 'held', 'succeeded', 'declined', 'not_charged')",
            name=op.f("ck_charge_attempts_state"),
        ),
        sa.ForeignKeyConstraint(
            ["reseller_id", "client_id", "refill_id"],
            ["refills.reseller_id", "refills.client_id", "refills.id"],
            name=op.f("fk_charge_attempts_reseller_id_client_id_refill_id"),
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_charge_attempts")),
        sa.UniqueConstraint(
            "reseller_id", "refill_id", "n", name=op.f("uq_charge_attempts_reseller_id_refill_id_n")
        ),
    )
    op.create_index(
        "ix_charge_attempts_gateway_ref",
        "charge_attempts",
        ["reseller_id", "gateway_ref"],
        unique=False,
    )
    op.create_index(
        "uq_charge_attempts_one_open",
        "charge_attempts",
        ["reseller_id", "refill_id"],
        unique=True,
        postgresql_where=sa.text("state in ('sending', 'unknown', 'held', 'succeeded')"),
    )
