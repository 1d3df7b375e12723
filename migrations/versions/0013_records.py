"""The chain of the audit log, notifications of events, mail templates."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.walls import append_only, wall_table

revision = "0013"
down_revision = "0012"

# who may already change things of a section may also do what is new in it
_NEW_PERMISSIONS = (
    ("audit:execute", "{audit:read,clients:full_delete}"),
    ("events:write", "{events:read,mail:execute}"),
    ("templates:read", "{mail:read,terms:read}"),
    ("templates:write", "{mail:execute,terms:write}"),
)


def upgrade() -> None:
    _chain_audit_log()
    _widen_events()
    _create_tables()
    wall_table(
        "audit_chains",
        office="select, insert, update",
        platform="select, insert, update",
        panel_client=None,
    )
    for table in ("audit_checks", "mail_template_versions"):
        wall_table(table, office="select, insert", platform="select, insert", panel_client=None)
        append_only(table)
    wall_table("event_subscriptions", platform="select", panel_client=None)
    wall_table(
        "event_notices", office="select, insert, update", platform="select", panel_client=None
    )
    wall_table(
        "event_acknowledgements",
        office="select, insert, delete",
        platform="select",
        panel_client=None,
    )
    for permission, having in _NEW_PERMISSIONS:
        condition = f"permissions @> '{having}' and not permissions @> '{{{permission}}}'"
        added = f"array_append(permissions, '{permission}')"
        _pass_wall("roles", f"update roles set permissions = {added} where {condition}")  # noqa: S608 (our own words)


def _pass_wall(table: str, statement: str) -> None:
    """Existing rows of all tenants: the wall stands before the owner too while it is forced."""
    op.execute(f"alter table {table} no force row level security")
    op.execute(statement)
    op.execute(f"alter table {table} force row level security")


def _chain_audit_log() -> None:
    op.add_column("audit_log", sa.Column("seal_no", sa.BigInteger(), nullable=True))
    op.add_column("audit_log", sa.Column("seal_hash", sa.String(), nullable=True))
    op.create_unique_constraint(
        op.f("uq_audit_log_reseller_id_seal_no"), "audit_log", ["reseller_id", "seal_no"]
    )
    op.create_index(
        "ix_audit_log_unsealed",
        "audit_log",
        ["reseller_id", "id"],
        unique=False,
        postgresql_where=sa.text("seal_no is null"),
    )
    # a row is written without its seal, gets it once, and never changes in anything else
    op.execute(
        """
        create function fill_once() returns trigger language plpgsql as $$
        declare
            columns text[] := tg_argv;
            named text;
        begin
            if tg_op = 'INSERT' then
                foreach named in array columns loop
                    if (to_jsonb(new) ->> named) is not null then
                        raise exception '%.% is not given with the row', tg_table_name, named
                            using errcode = 'restrict_violation';
                    end if;
                end loop;
                return new;
            end if;
            if tg_op = 'UPDATE' and (to_jsonb(new) - columns) = (to_jsonb(old) - columns) then
                foreach named in array columns loop
                    if (to_jsonb(old) ->> named) is not null
                        or (to_jsonb(new) ->> named) is null then
                        named := null;
                        exit;
                    end if;
                end loop;
                if named is not null then
                    return new;
                end if;
            end if;
            raise exception '% is append-only: % is refused', tg_table_name, lower(tg_op)
                using errcode = 'restrict_violation';
        end $$
        """
    )
    for table, columns in (("audit_log", "'seal_no', 'seal_hash'"), ("events", "'noticed_at'")):
        op.execute(f"drop trigger {table}_append_only on {table}")
        if table == "events":
            op.add_column("events", sa.Column("noticed_at", sa.DateTime(timezone=True)))
            # what happened before anybody could subscribe is mailed to nobody
            _pass_wall("events", "update events set noticed_at = now()")
        # events of a client that was removed for good may go: revision 0009 holds the others
        moves = "insert or update" if table == "events" else "insert or update or delete"
        op.execute(
            f"create trigger {table}_append_only before {moves} on {table}"
            f" for each row execute function fill_once({columns})"
        )
    op.execute("grant update (seal_no, seal_hash) on audit_log to portal_office, portal_platform")
    op.execute("grant update (noticed_at) on events to portal_office")


def _widen_events() -> None:
    op.add_column("events", sa.Column("message", sa.String(), server_default="", nullable=False))
    op.add_column(
        "events",
        sa.Column(
            "params",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
    )
    op.create_unique_constraint(op.f("uq_events_reseller_id_id"), "events", ["reseller_id", "id"])
    op.create_index(
        "ix_events_unnoticed",
        "events",
        ["reseller_id", "id"],
        unique=False,
        postgresql_where=sa.text("noticed_at is null"),
    )


def _create_tables() -> None:
    _create_audit_tables()
    _create_notice_tables()
    op.create_table(
        "mail_template_versions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("letter", sa.String(), nullable=False),
        sa.Column("locale", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("body_text", sa.String(), nullable=False),
        sa.Column("body_html", sa.String(), nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reseller_id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("version > 0", name=op.f("ck_mail_template_versions_version")),
        sa.ForeignKeyConstraint(
            ["reseller_id"],
            ["resellers.id"],
            name=op.f("fk_mail_template_versions_reseller_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mail_template_versions")),
        sa.UniqueConstraint(
            "reseller_id",
            "letter",
            "locale",
            "version",
            name=op.f("uq_mail_template_versions_reseller_id_letter_locale_version"),
        ),
    )


def _create_audit_tables() -> None:
    op.create_table(
        "audit_chains",
        sa.Column("reseller_id", sa.BigInteger(), nullable=False),
        sa.Column("seal_no", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("seal_hash", sa.String(), nullable=False),
        sa.Column("sealed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["reseller_id"], ["resellers.id"], name=op.f("fk_audit_chains_reseller_id")
        ),
        sa.PrimaryKeyConstraint("reseller_id", name=op.f("pk_audit_chains")),
    )
    op.execute(
        """
        create function chain_only_grows() returns trigger language plpgsql as $$
        begin
            if tg_op = 'UPDATE' and new.reseller_id = old.reseller_id
                and new.seal_no > old.seal_no then
                return new;
            end if;
            raise exception '% only grows: % is refused', tg_table_name, lower(tg_op)
                using errcode = 'restrict_violation';
        end $$
        """
    )
    op.execute(
        "create trigger audit_chains_only_grows before update or delete on audit_chains"
        " for each row execute function chain_only_grows()"
    )
    op.create_table(
        "audit_checks",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ok", sa.Boolean(), nullable=False),
        sa.Column("seal_no", sa.BigInteger(), nullable=False),
        sa.Column("seal_hash", sa.String(), nullable=False),
        sa.Column("waiting", sa.BigInteger(), nullable=False),
        sa.Column(
            "finding",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column("reseller_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["reseller_id"], ["resellers.id"], name=op.f("fk_audit_checks_reseller_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_checks")),
    )
    op.create_index(
        "ix_audit_checks_recent",
        "audit_checks",
        ["reseller_id", sa.literal_column("id desc")],
        unique=False,
    )


def _create_notice_tables() -> None:
    op.create_table(
        "event_subscriptions",
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("service", sa.String(), nullable=False),
        sa.Column("level", sa.String(), nullable=False),
        sa.Column("delivery", sa.String(), nullable=False),
        sa.Column("reseller_id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "level in ('none', 'info', 'warning', 'error')",
            name=op.f("ck_event_subscriptions_level"),
        ),
        sa.CheckConstraint(
            "delivery in ('at_once', 'daily')", name=op.f("ck_event_subscriptions_delivery")
        ),
        sa.ForeignKeyConstraint(
            ["reseller_id", "user_id"],
            ["users.reseller_id", "users.id"],
            name=op.f("fk_event_subscriptions_reseller_id_user_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("user_id", "service", name=op.f("pk_event_subscriptions")),
    )
    op.create_table(
        "event_notices",
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("delivery", sa.String(), nullable=False),
        sa.Column("mail_id", sa.Uuid(), nullable=True),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reseller_id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "delivery in ('at_once', 'daily')", name=op.f("ck_event_notices_delivery")
        ),
        sa.ForeignKeyConstraint(
            ["reseller_id", "event_id"],
            ["events.reseller_id", "events.id"],
            name=op.f("fk_event_notices_reseller_id_event_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["reseller_id", "user_id"],
            ["users.reseller_id", "users.id"],
            name=op.f("fk_event_notices_reseller_id_user_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["reseller_id", "mail_id"],
            ["mail_messages.reseller_id", "mail_messages.id"],
            name=op.f("fk_event_notices_reseller_id_mail_id"),
        ),
        sa.PrimaryKeyConstraint("event_id", "user_id", name=op.f("pk_event_notices")),
    )
    op.create_index(
        "ix_event_notices_waiting",
        "event_notices",
        ["reseller_id", "user_id", "event_id"],
        unique=False,
        postgresql_where=sa.text("told_at is null"),
    )
    op.create_table(
        "event_acknowledgements",
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("reseller_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["reseller_id", "event_id"],
            ["events.reseller_id", "events.id"],
            name=op.f("fk_event_acknowledgements_reseller_id_event_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_event_acknowledgements")),
    )
