"""Resellers, staff, clients, sign-in, audit and events."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.walls import append_only, platform_table, wall_table

revision = "0001"
down_revision = None


def upgrade() -> None:
    _create_tables()
    op.execute(
        """
        create function refuse_change() returns trigger language plpgsql as $$
        begin
            raise exception '% is append-only: % is refused', tg_table_name, lower(tg_op)
                using errcode = 'restrict_violation';
        end $$
        """
    )
    wall_table(
        "resellers",
        reseller="id",
        office="select, update",
        panel="select",
        panel_client=None,
    )
    wall_table("roles", panel_client=None)
    wall_table("users", panel_client=None)
    wall_table("clients", panel="select", panel_client="id")
    wall_table("client_companies", panel="select")
    wall_table("client_logins", panel="select")
    wall_table("tags", panel_client=None)
    wall_table("client_tags")
    wall_table("files", office="select, insert", platform="select, insert", panel="select")
    wall_table(
        "audit_log",
        office="select, insert",
        platform="select, insert",
        panel="insert, select (id)",
    )
    wall_table(
        "events",
        office="select, insert",
        platform="select, insert",
        panel="insert, select (id)",
    )
    for table in ("platform_users", "sessions", "sign_in_throttles", "password_resets"):
        platform_table(table)
    platform_table("scheduled_runs")
    # read by the start-up checks, which must not act as the owner
    op.execute("grant select on alembic_version to portal_platform")
    for table in ("audit_log", "events", "files"):
        append_only(table)


def _create_tables() -> None:
    op.create_table(
        "platform_users",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("password_hash", sa.String(), nullable=True),
        sa.Column("status", sa.String(), server_default="active", nullable=False),
        sa.Column("locale", sa.String(), server_default="en", nullable=False),
        sa.Column("timezone", sa.String(), server_default="UTC", nullable=False),
        sa.Column("password_changed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_sign_in_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint("role in ('admin', 'viewer')", name=op.f("ck_platform_users_role")),
        sa.CheckConstraint("status in ('active', 'stop')", name=op.f("ck_platform_users_status")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_platform_users")),
    )
    op.create_index(
        "uq_platform_users_email",
        "platform_users",
        [sa.literal_column("lower(email)")],
        unique=True,
    )
    op.create_table(
        "resellers",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("request_id", sa.Uuid(), nullable=True),
        sa.Column("parent_id", sa.BigInteger(), nullable=True),
        sa.Column("path", sa.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("status", sa.String(), server_default="active", nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("timezone", sa.String(), nullable=False),
        sa.Column("locale", sa.String(), server_default="en", nullable=False),
        sa.Column("company_name", sa.String(), server_default="", nullable=False),
        sa.Column("address", sa.String(), server_default="", nullable=False),
        sa.Column("zip_code", sa.String(), server_default="", nullable=False),
        sa.Column("tax_id", sa.String(), server_default="", nullable=False),
        sa.Column("reg_id", sa.String(), server_default="", nullable=False),
        sa.Column("account_details", sa.String(), server_default="", nullable=False),
        sa.Column("email", sa.String(), server_default="", nullable=False),
        sa.Column("mail_from", sa.String(), server_default="", nullable=False),
        sa.Column("portal_host", sa.String(), nullable=True),
        sa.Column("brand_color", sa.String(), server_default="", nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint("code ~ '^[a-z0-9][a-z0-9-]{0,39}$'", name=op.f("ck_resellers_code")),
        sa.CheckConstraint("status in ('active', 'suspended')", name=op.f("ck_resellers_status")),
        sa.ForeignKeyConstraint(
            ["parent_id"], ["resellers.id"], name=op.f("fk_resellers_parent_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_resellers")),
        sa.UniqueConstraint("request_id", name=op.f("uq_resellers_request_id")),
        sa.UniqueConstraint("code", name=op.f("uq_resellers_code")),
        sa.UniqueConstraint("portal_host", name=op.f("uq_resellers_portal_host")),
    )
    op.create_index(
        "ix_resellers_path", "resellers", ["path"], unique=False, postgresql_using="gin"
    )
    op.create_table(
        "sign_in_throttles",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last_failure_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("blocked_until", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_sign_in_throttles")),
    )
    op.create_table(
        "audit_log",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("client_id", sa.BigInteger(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_kind", sa.String(), nullable=False),
        sa.Column("actor_id", sa.BigInteger(), nullable=True),
        sa.Column("actor_label", sa.String(), nullable=False),
        sa.Column("on_behalf_of", sa.String(), nullable=True),
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
        sa.Column("reseller_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["reseller_id"], ["resellers.id"], name=op.f("fk_audit_log_reseller_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_log")),
    )
    op.create_index(
        "ix_audit_log_client",
        "audit_log",
        ["reseller_id", "client_id", sa.literal_column("id desc")],
        unique=False,
    )
    op.create_index(
        "ix_audit_log_object",
        "audit_log",
        ["reseller_id", "object_type", "object_id"],
        unique=False,
    )
    op.create_index(
        "ix_audit_log_recent",
        "audit_log",
        ["reseller_id", sa.literal_column("id desc")],
        unique=False,
    )
    op.create_table(
        "clients",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False, start=1001), nullable=False),
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("name_key", sa.Text(collation="C"), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("timezone", sa.String(), nullable=False),
        sa.Column("status", sa.String(), server_default="active", nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
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
        sa.Column("updated_by", sa.String(), server_default="", nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reseller_id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("name <> ''", name=op.f("ck_clients_name_given")),
        sa.CheckConstraint(
            "status in ('active', 'stop', 'deleted')", name=op.f("ck_clients_status")
        ),
        sa.ForeignKeyConstraint(
            ["reseller_id"], ["resellers.id"], name=op.f("fk_clients_reseller_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clients")),
        sa.UniqueConstraint("reseller_id", "id", name=op.f("uq_clients_reseller_id_id")),
        sa.UniqueConstraint(
            "reseller_id", "request_id", name=op.f("uq_clients_reseller_id_request_id")
        ),
    )
    op.create_index(
        "ix_clients_list", "clients", ["reseller_id", "status", "name_key", "id"], unique=False
    )
    op.create_index("ix_clients_name", "clients", ["reseller_id", "name_key", "id"], unique=False)
    op.create_table(
        "password_resets",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("area", sa.String(), nullable=False),
        sa.Column("subject_id", sa.BigInteger(), nullable=False),
        sa.Column("reseller_id", sa.BigInteger(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "area in ('office', 'platform', 'panel')", name=op.f("ck_password_resets_area")
        ),
        sa.ForeignKeyConstraint(
            ["reseller_id"], ["resellers.id"], name=op.f("fk_password_resets_reseller_id")
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_password_resets")),
    )
    op.create_table(
        "roles",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("permissions", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("reseller_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["reseller_id"], ["resellers.id"], name=op.f("fk_roles_reseller_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_roles")),
        sa.UniqueConstraint("reseller_id", "id", name=op.f("uq_roles_reseller_id_id")),
        sa.UniqueConstraint("reseller_id", "name", name=op.f("uq_roles_reseller_id_name")),
    )
    op.create_table(
        "sessions",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("area", sa.String(), nullable=False),
        sa.Column("subject_id", sa.BigInteger(), nullable=False),
        sa.Column("reseller_id", sa.BigInteger(), nullable=True),
        sa.Column("ip", sa.String(), nullable=False),
        sa.Column("user_agent", sa.String(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "last_seen_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_reason", sa.String(), nullable=True),
        sa.CheckConstraint(
            "(area = 'platform') = (reseller_id is null)", name=op.f("ck_sessions_reseller")
        ),
        sa.CheckConstraint(
            "area in ('office', 'platform', 'panel')", name=op.f("ck_sessions_area")
        ),
        sa.ForeignKeyConstraint(
            ["reseller_id"], ["resellers.id"], name=op.f("fk_sessions_reseller_id")
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_sessions")),
    )
    op.create_index("ix_sessions_subject", "sessions", ["area", "subject_id"], unique=False)
    op.create_table(
        "tags",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("reseller_id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("name <> ''", name=op.f("ck_tags_name_given")),
        sa.ForeignKeyConstraint(
            ["reseller_id"], ["resellers.id"], name=op.f("fk_tags_reseller_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tags")),
        sa.UniqueConstraint("reseller_id", "id", name=op.f("uq_tags_reseller_id_id")),
    )
    op.create_index(
        "uq_tags_name", "tags", ["reseller_id", sa.literal_column("lower(name)")], unique=True
    )
    op.create_table(
        "client_companies",
        sa.Column("client_id", sa.BigInteger(), nullable=False),
        sa.Column("company_name", sa.String(), server_default="", nullable=False),
        sa.Column("main_email", sa.String(), server_default="", nullable=False),
        sa.Column("noc_email", sa.String(), server_default="", nullable=False),
        sa.Column("notify_factors_watcher", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("billing_email", sa.String(), server_default="", nullable=False),
        sa.Column("rates_email", sa.String(), server_default="", nullable=False),
        sa.Column("address", sa.String(), server_default="", nullable=False),
        sa.Column("zip_code", sa.String(), server_default="", nullable=False),
        sa.Column("tax_id", sa.String(), server_default="", nullable=False),
        sa.Column("reg_id", sa.String(), server_default="", nullable=False),
        sa.Column("account_details", sa.String(), server_default="", nullable=False),
        sa.Column("locale", sa.String(), server_default="", nullable=False),
        sa.Column("reseller_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["reseller_id", "client_id"],
            ["clients.reseller_id", "clients.id"],
            name=op.f("fk_client_companies_reseller_id_client_id"),
        ),
        sa.PrimaryKeyConstraint("client_id", name=op.f("pk_client_companies")),
    )
    op.create_table(
        "client_logins",
        sa.Column("client_id", sa.BigInteger(), nullable=False),
        sa.Column("enabled", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("login", sa.String(), server_default="", nullable=False),
        sa.Column("password_hash", sa.String(), nullable=True),
        sa.Column("password_changed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_sign_in_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reseller_id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("not enabled or login <> ''", name=op.f("ck_client_logins_login_given")),
        sa.ForeignKeyConstraint(
            ["reseller_id", "client_id"],
            ["clients.reseller_id", "clients.id"],
            name=op.f("fk_client_logins_reseller_id_client_id"),
        ),
        sa.PrimaryKeyConstraint("client_id", name=op.f("pk_client_logins")),
    )
    op.create_index(
        "ix_client_logins_login",
        "client_logins",
        [sa.literal_column("lower(login)")],
        postgresql_where=sa.text("enabled"),
    )
    op.create_index(
        "uq_client_logins_login",
        "client_logins",
        ["reseller_id", sa.literal_column("lower(login)")],
        unique=True,
        postgresql_where=sa.text("enabled"),
    )
    op.create_table(
        "client_tags",
        sa.Column("client_id", sa.BigInteger(), nullable=False),
        sa.Column("tag_id", sa.BigInteger(), nullable=False),
        sa.Column("reseller_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["reseller_id", "client_id"],
            ["clients.reseller_id", "clients.id"],
            name=op.f("fk_client_tags_reseller_id_client_id"),
        ),
        sa.ForeignKeyConstraint(
            ["reseller_id", "tag_id"],
            ["tags.reseller_id", "tags.id"],
            name=op.f("fk_client_tags_reseller_id_tag_id"),
        ),
        sa.PrimaryKeyConstraint("client_id", "tag_id", name=op.f("pk_client_tags")),
    )
    op.create_index("ix_client_tags_tag", "client_tags", ["reseller_id", "tag_id"], unique=False)
    op.create_table(
        "events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("client_id", sa.BigInteger(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("level", sa.String(), nullable=False),
        sa.Column("service", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("object_type", sa.String(), server_default="", nullable=False),
        sa.Column("object_id", sa.String(), server_default="", nullable=False),
        sa.Column("dedupe_key", sa.String(), nullable=True),
        sa.Column("reseller_id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("level in ('info', 'warning', 'error')", name=op.f("ck_events_level")),
        sa.ForeignKeyConstraint(
            ["reseller_id", "client_id"],
            ["clients.reseller_id", "clients.id"],
            name=op.f("fk_events_reseller_id_client_id"),
        ),
        sa.ForeignKeyConstraint(
            ["reseller_id"], ["resellers.id"], name=op.f("fk_events_reseller_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
        sa.UniqueConstraint(
            "reseller_id", "dedupe_key", name=op.f("uq_events_reseller_id_dedupe_key")
        ),
    )
    op.create_index(
        "ix_events_recent", "events", ["reseller_id", sa.literal_column("id desc")], unique=False
    )
    op.create_table(
        "files",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.BigInteger(), nullable=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("media_type", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("reseller_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["reseller_id", "client_id"],
            ["clients.reseller_id", "clients.id"],
            name=op.f("fk_files_reseller_id_client_id"),
        ),
        sa.ForeignKeyConstraint(
            ["reseller_id"], ["resellers.id"], name=op.f("fk_files_reseller_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_files")),
        sa.UniqueConstraint("reseller_id", "id", name=op.f("uq_files_reseller_id_id")),
    )
    op.create_table(
        "users",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("role_id", sa.BigInteger(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("password_hash", sa.String(), nullable=True),
        sa.Column("status", sa.String(), server_default="active", nullable=False),
        sa.Column("locale", sa.String(), server_default="en", nullable=False),
        sa.Column("timezone", sa.String(), server_default="UTC", nullable=False),
        sa.Column("password_changed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_sign_in_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("reseller_id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("status in ('active', 'stop')", name=op.f("ck_users_status")),
        sa.ForeignKeyConstraint(
            ["reseller_id", "role_id"],
            ["roles.reseller_id", "roles.id"],
            name=op.f("fk_users_reseller_id_role_id"),
        ),
        sa.ForeignKeyConstraint(
            ["reseller_id"], ["resellers.id"], name=op.f("fk_users_reseller_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("reseller_id", "id", name=op.f("uq_users_reseller_id_id")),
    )
    op.create_index("ix_users_email", "users", [sa.literal_column("lower(email)")])
    op.create_index(
        "uq_users_email", "users", ["reseller_id", sa.literal_column("lower(email)")], unique=True
    )
    op.create_table(
        "scheduled_runs",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("enqueued_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("found", sa.Integer(), server_default="0", nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("last_error", sa.String(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_scheduled_runs")),
    )
