"""Clients templates, low balance notifications, invoice templates and a role for every client."""

import sqlalchemy as sa
from alembic import op

from migrations.walls import wall_table

revision = "0008"
down_revision = "0007"


# who set up payment terms so far sets up templates too
_MAY_SET_UP_TEMPLATES = """
update roles set permissions = permissions
    || array(
        select new.right from (
            values ('terms:read', 'templates:read'), ('terms:write', 'templates:write')
        ) new (old, "right")
        where new.old = any(permissions) and not new.right = any(permissions)
    )
"""
_STANDARD_INVOICE_TEMPLATES = """
insert into invoice_templates (reseller_id, name, is_default)
select id, 'Standard', true from resellers
"""


def upgrade() -> None:
    _create_invoice_templates()
    _create_client_templates()
    _create_low_balances()
    op.add_column("clients", sa.Column("template_id", sa.BigInteger(), nullable=True))
    op.create_foreign_key(
        "fk_clients_reseller_id_template_id",
        "clients",
        "client_templates",
        ["reseller_id", "template_id"],
        ["reseller_id", "id"],
    )
    op.create_index(
        "ix_clients_template",
        "clients",
        ["reseller_id", "template_id"],
        postgresql_where=sa.text("template_id is not null"),
    )
    op.create_check_constraint(
        op.f("ck_clients_role_given"), "clients", "is_originator or is_terminator"
    )
    op.add_column("client_billing", sa.Column("invoice_template_id", sa.BigInteger()))
    op.create_foreign_key(
        "fk_client_billing_reseller_id_invoice_template_id",
        "client_billing",
        "invoice_templates",
        ["reseller_id", "invoice_template_id"],
        ["reseller_id", "id"],
    )
    _as_owner_of_all("roles", _MAY_SET_UP_TEMPLATES)


def _create_invoice_templates() -> None:
    op.create_table(
        "invoice_templates",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("reseller_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("is_default", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("locale", sa.String(), server_default="", nullable=False),
        sa.Column("paper", sa.String(), server_default="auto", nullable=False),
        sa.Column("note", sa.String(), server_default="", nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invoice_templates")),
        sa.UniqueConstraint("reseller_id", "id", name=op.f("uq_invoice_templates_reseller_id_id")),
        sa.ForeignKeyConstraint(
            ["reseller_id"], ["resellers.id"], name=op.f("fk_invoice_templates_reseller_id")
        ),
        sa.CheckConstraint("name <> ''", name=op.f("ck_invoice_templates_name_given")),
        sa.CheckConstraint(
            "paper in ('auto', 'a4', 'us-letter')", name=op.f("ck_invoice_templates_paper")
        ),
    )
    _create_named_default("invoice_templates")
    _as_owner_of_all("resellers", _STANDARD_INVOICE_TEMPLATES)
    wall_table("invoice_templates", platform="select, insert", panel_client=None)


def _create_client_templates() -> None:
    op.create_table(
        "client_templates",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("reseller_id", sa.BigInteger(), nullable=False),
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("is_default", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("currency", sa.String()),
        sa.Column("timezone", sa.String()),
        sa.Column("role", sa.String()),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column(
            "updated_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.Column("updated_by", sa.String(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_client_templates")),
        sa.UniqueConstraint("reseller_id", "id", name=op.f("uq_client_templates_reseller_id_id")),
        sa.UniqueConstraint(
            "reseller_id", "request_id", name=op.f("uq_client_templates_reseller_id_request_id")
        ),
        sa.ForeignKeyConstraint(
            ["reseller_id"], ["resellers.id"], name=op.f("fk_client_templates_reseller_id")
        ),
        sa.CheckConstraint("name <> ''", name=op.f("ck_client_templates_name_given")),
        sa.CheckConstraint(
            "role in ('originator', 'terminator', 'both')", name=op.f("ck_client_templates_role")
        ),
    )
    _create_named_default("client_templates")
    op.create_table(
        "client_template_tags",
        sa.Column("template_id", sa.BigInteger(), nullable=False),
        sa.Column("tag_id", sa.BigInteger(), nullable=False),
        sa.Column("reseller_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("template_id", "tag_id", name=op.f("pk_client_template_tags")),
        _of_template("client_template_tags"),
        sa.ForeignKeyConstraint(
            ["reseller_id", "tag_id"],
            ["tags.reseller_id", "tags.id"],
            name=op.f("fk_client_template_tags_reseller_id_tag_id"),
            ondelete="CASCADE",
        ),
    )
    op.create_index(
        "ix_client_template_tags_tag", "client_template_tags", ["reseller_id", "tag_id"]
    )
    op.create_table(
        "client_template_billing",
        sa.Column("template_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("reseller_id", sa.BigInteger(), nullable=False),
        sa.Column("postpaid", sa.Boolean()),
        sa.Column("credit", sa.Numeric(20, 6)),
        sa.Column("payment_terms_id", sa.BigInteger()),
        sa.Column("tax_profile_id", sa.BigInteger()),
        sa.Column("autoinvoicing", sa.Boolean()),
        sa.Column("invoice_template_id", sa.BigInteger()),
        *_low_balance_columns(),
        sa.PrimaryKeyConstraint("template_id", name=op.f("pk_client_template_billing")),
        _of_template("client_template_billing"),
        *(
            sa.ForeignKeyConstraint(
                ["reseller_id", column],
                [f"{table}.reseller_id", f"{table}.id"],
                name=op.f(f"fk_client_template_billing_reseller_id_{column}"),
            )
            for column, table in (
                ("payment_terms_id", "payment_terms"),
                ("tax_profile_id", "tax_profiles"),
                ("invoice_template_id", "invoice_templates"),
            )
        ),
        sa.CheckConstraint(
            "credit = round(credit, 6) and abs(credit) < 1000000000",
            name=op.f("ck_client_template_billing_credit"),
        ),
        sa.CheckConstraint("low_capacity >= 0", name=op.f("ck_client_template_billing_capacity")),
    )
    op.create_table(
        "client_template_auto_payments",
        sa.Column("template_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("reseller_id", sa.BigInteger(), nullable=False),
        sa.Column("enabled", sa.Boolean()),
        sa.Column("extra_amount", sa.Numeric(20, 6)),
        sa.Column("day_cap", sa.Numeric(20, 6)),
        sa.Column("month_cap", sa.Numeric(20, 6)),
        sa.PrimaryKeyConstraint("template_id", name=op.f("pk_client_template_auto_payments")),
        _of_template("client_template_auto_payments"),
        sa.CheckConstraint(
            "extra_amount >= 0 and extra_amount < 1000000000",
            name=op.f("ck_client_template_auto_payments_extra_amount"),
        ),
        sa.CheckConstraint(
            "day_cap > 0 and month_cap > 0", name=op.f("ck_client_template_auto_payments_caps")
        ),
    )
    for table in (
        "client_templates",
        "client_template_tags",
        "client_template_billing",
        "client_template_auto_payments",
    ):
        wall_table(table, platform="select", panel_client=None)


def _create_low_balances() -> None:
    op.create_table(
        "client_low_balances",
        sa.Column("client_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("reseller_id", sa.BigInteger(), nullable=False),
        *_low_balance_columns(),
        sa.Column("client_told", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("admin_told", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("crossings", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("client_id", name=op.f("pk_client_low_balances")),
        sa.ForeignKeyConstraint(
            ["reseller_id", "client_id"],
            ["clients.reseller_id", "clients.id"],
            name=op.f("fk_client_low_balances_reseller_id_client_id"),
        ),
        sa.CheckConstraint("low_capacity >= 0", name=op.f("ck_client_low_balances_capacity")),
    )
    op.create_index(
        "ix_client_low_balances_watched",
        "client_low_balances",
        ["reseller_id", "client_id"],
        postgresql_where=sa.text("notify_client is not null or notify_admin is not null"),
    )
    wall_table("client_low_balances", platform="select")


def _low_balance_columns() -> tuple[sa.Column[object], ...]:
    amounts = ("notify_client", "notify_admin", "threshold")
    return (
        *(sa.Column(name, sa.Numeric(20, 6)) for name in amounts),
        sa.Column("low_capacity", sa.Integer()),
    )


def _of_template(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["reseller_id", "template_id"],
        ["client_templates.reseller_id", "client_templates.id"],
        name=op.f(f"fk_{table}_reseller_id_template_id"),
        ondelete="CASCADE",
    )


def _create_named_default(table: str) -> None:
    op.create_index(f"uq_{table}_name", table, ["reseller_id", sa.text("lower(name)")], unique=True)
    op.create_index(
        f"uq_{table}_default",
        table,
        ["reseller_id"],
        unique=True,
        postgresql_where=sa.text("is_default"),
    )


def _as_owner_of_all(table: str, statement: str) -> None:
    """The wall of `table` holds its owner too: it opens for one statement of this transaction."""
    op.execute(f"alter table {table} no force row level security")
    op.execute(statement)
    op.execute(f"alter table {table} force row level security")
