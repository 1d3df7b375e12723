"""Notes and files of a client; deleting, restoring and removing one for good."""

import sqlalchemy as sa
from alembic import op

from migrations.walls import wall_table

revision = "0009"
down_revision = "0008"

# Who was removed for good stays so: no form and no mass edit brings the name back.
_ERASED_STAYS = """
create function refuse_return_of_erased() returns trigger language plpgsql as $$
begin
    if new.erased_at is distinct from old.erased_at or new.status <> 'deleted'
            or new.name is distinct from old.name then
        raise exception 'client % was removed for good', old.id
            using errcode = 'restrict_violation';
    end if;
    return new;
end $$;
create trigger clients_erased before update on clients
    for each row when (old.erased_at is not null) execute function refuse_return_of_erased();
"""

# Events and files stay append-only but for what Full Delete must remove: the events of a client
# that is marked as removed, its files, and a file that staff put beside a client themselves. What
# an invoice or a mail names is held by their foreign keys.
_ERASABLE = """
create function refuse_delete_unless_erased() returns trigger language plpgsql as $$
begin
    if exists (select from clients where reseller_id = old.reseller_id and id = old.client_id
               and erased_at is not null) then
        return old;
    end if;
    if tg_table_name = 'files' then
        -- within: the events of this function have ids of another type
        if exists (select from client_files
                   where reseller_id = old.reseller_id and file_id = old.id) then
            return old;
        end if;
    end if;
    raise exception '% is append-only: delete is refused', tg_table_name
        using errcode = 'restrict_violation';
end $$;
"""


def upgrade() -> None:
    _change_clients()
    _create_tables()
    rights = "select, insert, update (body, is_pinned, version, edited_at), delete"
    wall_table("client_notes", office=rights, platform="")
    wall_table("client_files", office="select, insert, delete", platform="")
    op.execute(_ERASED_STAYS)
    op.execute(_ERASABLE)
    for table in ("events", "files"):
        op.execute(f"drop trigger {table}_append_only on {table}")
        op.execute(
            f"create trigger {table}_append_only before update on {table}"
            " for each row execute function refuse_change()"
        )
        op.execute(
            f"create trigger {table}_erasable before delete on {table}"
            " for each row execute function refuse_delete_unless_erased()"
        )
        op.execute(f"grant delete on {table} to portal_office")
    # what staff keep about a client is not the client's to read: of files only its invoices are
    op.execute(
        "create policy panel_invoices on files as restrictive for select to portal_panel"
        " using (exists (select from invoices i"
        " where i.reseller_id = files.reseller_id and i.file_id = files.id))"
    )
    op.create_index(
        "ix_files_client",
        "files",
        ["reseller_id", "client_id"],
        postgresql_where=sa.text("client_id is not null"),
    )
    # the client's timeline and its tabs walk these
    op.create_index(
        "ix_events_client",
        "events",
        ["reseller_id", "client_id", sa.text("at desc"), sa.text("id desc")],
    )
    op.create_index(
        "ix_audit_log_client_at",
        "audit_log",
        ["reseller_id", "client_id", sa.text("at desc"), sa.text("id desc")],
    )


def _change_clients() -> None:
    op.add_column("clients", sa.Column("restores_status", sa.String(), nullable=True))
    op.add_column("clients", sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "client_logins",
        sa.Column("restores", sa.Boolean(), server_default="false", nullable=False),
    )
    op.create_check_constraint(
        op.f("ck_clients_erased"), "clients", "erased_at is null or status = 'deleted'"
    )
    op.create_check_constraint(
        op.f("ck_clients_restores_status"), "clients", "restores_status in ('active', 'stop')"
    )
    op.create_index(
        "ix_clients_erased", "clients", ["id"], postgresql_where=sa.text("erased_at is not null")
    )


def _create_tables() -> None:
    op.create_table(
        "client_notes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("is_pinned", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("author_id", sa.BigInteger(), nullable=True),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("edited_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("client_id", sa.BigInteger(), nullable=False),
        sa.Column("reseller_id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("body <> ''", name=op.f("ck_client_notes_body_given")),
        sa.ForeignKeyConstraint(
            ["reseller_id", "client_id"],
            ["clients.reseller_id", "clients.id"],
            name=op.f("fk_client_notes_reseller_id_client_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_client_notes")),
    )
    op.create_index(
        "ix_client_notes_client",
        "client_notes",
        ["reseller_id", "client_id", sa.text("created_at desc"), sa.text("id desc")],
    )
    op.create_table(
        "client_files",
        sa.Column("file_id", sa.Uuid(), nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("client_id", sa.BigInteger(), nullable=False),
        sa.Column("reseller_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["reseller_id", "client_id"],
            ["clients.reseller_id", "clients.id"],
            name=op.f("fk_client_files_reseller_id_client_id"),
        ),
        sa.ForeignKeyConstraint(
            ["reseller_id", "file_id"],
            ["files.reseller_id", "files.id"],
            name=op.f("fk_client_files_reseller_id_file_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("file_id", name=op.f("pk_client_files")),
    )
    op.create_index(
        "ix_client_files_client",
        "client_files",
        ["reseller_id", "client_id", sa.text("created_at desc"), sa.text("file_id desc")],
    )
