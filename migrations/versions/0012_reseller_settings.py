"""Branding, mail server and numbering of a reseller; settings of the platform; rules that must hold."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.walls import append_only, platform_table, wall_table

revision = "0012"
down_revision = "0011"

# what staff of a reseller may change of it; code, tree and status are the platform's
_OFFICE_COLUMNS = (
    "name, currency, timezone, locale, company_name, address, zip_code, tax_id, reg_id,"
    " account_details, email, mail_from, mail_from_name, portal_host, brand_color, version"
)
# a role that has the one on the left may do the others too
_NEW_PERMISSIONS = {
    "clients:read": ("tags:read",),
    "clients:write": ("tags:write",),
    "gateways:read": ("resellers:read", "settings:read"),
}
_OWNER_PERMISSIONS = ("resellers:write", "settings:write")


def upgrade() -> None:
    _add_columns()
    _create_tables()
    wall_table("reseller_logos", panel_client=None)
    wall_table("mail_servers", panel_client=None)
    platform_table("platform_settings")
    platform_table("invariant_results")
    op.execute("grant select, insert on platform_audit to portal_platform")
    append_only("platform_audit")
    # the rules that must hold follow references; what notes say stays with their reseller
    op.execute("grant select (id, reseller_id, client_id) on client_notes to portal_platform")
    op.execute("grant select (file_id, reseller_id, client_id) on client_files to portal_platform")
    op.execute("revoke update on resellers from portal_office")
    op.execute(f"grant update ({_OFFICE_COLUMNS}) on resellers to portal_office")
    for known, added in _NEW_PERMISSIONS.items():
        _extend_roles(f"'{known}' = any (permissions)", added)
    _extend_roles(
        "permissions @> array['gateways:write', 'clients:full_delete', 'audit:read']",
        _OWNER_PERMISSIONS,
    )


def _extend_roles(condition: str, added: tuple[str, ...]) -> None:
    # the wall stands before the owner of the table too
    op.execute("alter table roles no force row level security")
    for permission in added:
        op.execute(
            f"update roles set permissions = array_append(permissions, '{permission}')"  # noqa: S608 (our own words)
            f" where {condition} and not '{permission}' = any (permissions)"
        )
    op.execute("alter table roles force row level security")


def _add_columns() -> None:
    op.add_column(
        "resellers", sa.Column("mail_from_name", sa.String(), server_default="", nullable=False)
    )
    op.add_column("tags", sa.Column("color", sa.String(), server_default="", nullable=False))
    op.create_check_constraint(
        op.f("ck_tags_color"),
        "tags",
        "color in ('', 'red', 'amber', 'green', 'teal', 'blue', 'violet', 'pink')",
    )
    op.add_column(
        "payment_terms",
        sa.Column("is_default", sa.Boolean(), server_default="false", nullable=False),
    )
    op.create_index(
        "uq_payment_terms_default",
        "payment_terms",
        ["reseller_id"],
        unique=True,
        postgresql_where=sa.text("is_default"),
    )
    op.add_column(
        "number_series",
        sa.Column("suretax", sa.Boolean(), server_default="false", nullable=False),
    )


def _create_tables() -> None:
    op.create_table(
        "reseller_logos",
        sa.Column("reseller_id", sa.BigInteger(), nullable=False),
        sa.Column("file_id", sa.Uuid(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("is_current", sa.Boolean(), server_default="false", nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["reseller_id"], ["resellers.id"], name=op.f("fk_reseller_logos_reseller_id")
        ),
        sa.ForeignKeyConstraint(
            ["reseller_id", "file_id"],
            ["files.reseller_id", "files.id"],
            name=op.f("fk_reseller_logos_reseller_id_file_id"),
        ),
        sa.PrimaryKeyConstraint("reseller_id", "file_id", name=op.f("pk_reseller_logos")),
    )
    op.create_index(
        "uq_reseller_logos_current",
        "reseller_logos",
        ["reseller_id"],
        unique=True,
        postgresql_where=sa.text("is_current"),
    )
    op.create_table(
        "mail_servers",
        sa.Column("reseller_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("enabled", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("host", sa.String(), nullable=False),
        sa.Column("port", sa.Integer(), nullable=False),
        sa.Column("security", sa.String(), nullable=False),
        sa.Column("user", sa.String(), server_default="", nullable=False),
        sa.Column("password", sa.String(), server_default="", nullable=False),
        sa.Column("tested_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("verified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_answer", sa.String(), server_default="", nullable=False),
        sa.CheckConstraint(
            "security in ('none', 'starttls', 'tls')", name=op.f("ck_mail_servers_security")
        ),
        sa.CheckConstraint("port between 1 and 65535", name=op.f("ck_mail_servers_port")),
        sa.ForeignKeyConstraint(
            ["reseller_id"], ["resellers.id"], name=op.f("fk_mail_servers_reseller_id")
        ),
        sa.PrimaryKeyConstraint("reseller_id", name=op.f("pk_mail_servers")),
    )
    op.create_table(
        "platform_settings",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        *(
            sa.Column(name, sa.String(), server_default=default, nullable=False)
            for name, default in (
                ("name", ""),
                ("support_email", ""),
                ("support_phone", ""),
                ("locale", "en"),
                ("timezone", "UTC"),
                ("banner", ""),
                ("banner_level", "info"),
            )
        ),
        sa.Column("staff_idle_min", sa.Integer(), server_default="30", nullable=False),
        sa.Column("staff_longest_min", sa.Integer(), server_default="720", nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("updated_by", sa.String(), server_default="", nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_platform_settings_one_row")),
        sa.CheckConstraint(
            "banner_level in ('info', 'warn', 'bad')",
            name=op.f("ck_platform_settings_banner_level"),
        ),
        sa.CheckConstraint(
            "staff_idle_min between 5 and 480", name=op.f("ck_platform_settings_staff_idle_min")
        ),
        sa.CheckConstraint(
            "staff_longest_min between 60 and 1440",
            name=op.f("ck_platform_settings_staff_longest_min"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_platform_settings")),
    )
    op.create_table(
        "platform_audit",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_id", sa.BigInteger(), nullable=True),
        sa.Column("actor_label", sa.String(), nullable=False),
        sa.Column("ip", sa.String(), nullable=True),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("object_type", sa.String(), nullable=False),
        sa.Column("object_id", sa.String(), nullable=False),
        sa.Column("object_label", sa.String(), server_default="", nullable=False),
        sa.Column(
            "changes",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_platform_audit")),
    )
    op.create_index(
        "ix_platform_audit_object",
        "platform_audit",
        ["object_type", "object_id", sa.literal_column("id desc")],
    )
    op.create_table(
        "invariant_results",
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("held_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ok", sa.Boolean(), nullable=False),
        sa.Column("found", sa.BigInteger(), nullable=False),
        sa.Column("findings", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("took_ms", sa.BigInteger(), nullable=False),
        sa.Column("error", sa.String(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("rule", name=op.f("pk_invariant_results")),
    )
