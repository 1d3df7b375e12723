"""Invoices that come from suppliers, and the files of credit notes and of void invoices.

An invoice that came has its sender's number and none of ours: unique per sender while it is not
void. A void invoice is drawn anew, with its mark: those of before lose their old file here, which
stays stored, and the sweep makes the new one.
"""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    _take_incoming()
    _file_credit_notes()


def _take_incoming() -> None:
    op.drop_constraint(op.f("uq_invoices_reseller_id_direction_number"), "invoices", type_="unique")
    op.alter_column("invoices", "running_number", nullable=True)
    op.drop_column("invoices", "their_number")
    op.create_check_constraint(
        op.f("ck_invoices_running_number"),
        "invoices",
        "(direction = 'outgoing') = (running_number is not null)",
    )
    op.create_index(
        "uq_invoices_number",
        "invoices",
        ["reseller_id", "number"],
        unique=True,
        postgresql_where=sa.text("direction = 'outgoing'"),
    )
    op.create_index(
        "uq_invoices_incoming_number",
        "invoices",
        ["reseller_id", "client_id", sa.text("lower(number)")],
        unique=True,
        postgresql_where=sa.text("direction = 'incoming' and state <> 'void'"),
    )
    op.create_index(
        "ix_invoices_void_undrawn",
        "invoices",
        ["voided_at"],
        postgresql_where=sa.text(
            "state = 'void' and direction = 'outgoing' and issued_at is not null"
            " and file_id is null"
        ),
    )
    # forced row-level security would hide every row from the owner too
    op.execute("alter table invoices no force row level security")
    op.execute(
        "update invoices set file_id = null"
        " where state = 'void' and issued_at is not null and file_id is not null"
    )
    op.execute("alter table invoices force row level security")


def _file_credit_notes() -> None:
    op.add_column("credit_notes", sa.Column("file_id", sa.Uuid()))
    op.create_foreign_key(
        op.f("fk_credit_notes_reseller_id_file_id"),
        "credit_notes",
        "files",
        ["reseller_id", "file_id"],
        ["reseller_id", "id"],
    )
    op.create_index(
        "ix_credit_notes_undrawn",
        "credit_notes",
        ["issued_at"],
        postgresql_where=sa.text("file_id is null"),
    )
    op.execute("grant update (file_id) on credit_notes to portal_office")
    op.execute("grant select on credit_notes to portal_panel")
    op.execute("drop policy panel_invoices on files")
    # of files the panel's are the client's documents and the logos on them: what staff keep about
    # it is not, nor what it sent
    op.execute(
        "create policy panel_invoices on files as restrictive for select to portal_panel"
        " using (exists (select from invoices i"
        " where i.reseller_id = files.reseller_id and i.file_id = files.id"
        " and i.direction = 'outgoing')"
        " or exists (select from credit_notes n"
        " where n.reseller_id = files.reseller_id and n.file_id = files.id)"
        " or files.client_id is null and exists (select from invoices i"
        " where i.reseller_id = files.reseller_id"
        " and i.parties ->> 'logo_file_id' = files.id::text))"
    )
