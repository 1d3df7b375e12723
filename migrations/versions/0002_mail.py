"""The mail queue."""

import sqlalchemy as sa
from alembic import op

from migrations.walls import wall_table

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    _create_tables()
    wall_table("mail_messages", panel_client=None)
    wall_table("mail_attachments", panel_client=None)


def _create_tables() -> None:
    op.create_table(
        "mail_messages",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.BigInteger(), nullable=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("dedupe_key", sa.String(), nullable=False),
        sa.Column("message_id", sa.String(), nullable=False),
        sa.Column("from_address", sa.String(), nullable=False),
        sa.Column("to_address", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("body_text", sa.String(), nullable=False),
        sa.Column("body_html", sa.String(), server_default="", nullable=False),
        sa.Column("state", sa.String(), server_default="queued", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lease_owner", sa.String(), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("data_begun_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.String(), server_default="", nullable=False),
        sa.Column("possibly_sent_twice", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("reseller_id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "state in ('queued', 'sending', 'sent', 'failed', 'deleted')",
            name=op.f("ck_mail_messages_state"),
        ),
        sa.ForeignKeyConstraint(
            ["reseller_id", "client_id"],
            ["clients.reseller_id", "clients.id"],
            name=op.f("fk_mail_messages_reseller_id_client_id"),
        ),
        sa.ForeignKeyConstraint(
            ["reseller_id"], ["resellers.id"], name=op.f("fk_mail_messages_reseller_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mail_messages")),
        sa.UniqueConstraint(
            "reseller_id", "dedupe_key", name=op.f("uq_mail_messages_reseller_id_dedupe_key")
        ),
        sa.UniqueConstraint("reseller_id", "id", name=op.f("uq_mail_messages_reseller_id_id")),
    )
    op.create_index(
        "ix_mail_messages_due",
        "mail_messages",
        ["next_attempt_at"],
        unique=False,
        postgresql_where=sa.text("state in ('queued', 'sending')"),
    )
    op.create_index(
        "ix_mail_messages_client",
        "mail_messages",
        [
            "reseller_id",
            "client_id",
            sa.literal_column("created_at desc"),
            sa.literal_column("id desc"),
        ],
        unique=False,
    )
    op.create_index(
        "ix_mail_messages_recent",
        "mail_messages",
        ["reseller_id", sa.literal_column("created_at desc"), sa.literal_column("id desc")],
        unique=False,
    )
    op.create_table(
        "mail_attachments",
        sa.Column("mail_id", sa.Uuid(), nullable=False),
        sa.Column("file_id", sa.Uuid(), nullable=False),
        sa.Column("reseller_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["reseller_id", "file_id"],
            ["files.reseller_id", "files.id"],
            name=op.f("fk_mail_attachments_reseller_id_file_id"),
        ),
        sa.ForeignKeyConstraint(
            ["reseller_id", "mail_id"],
            ["mail_messages.reseller_id", "mail_messages.id"],
            name=op.f("fk_mail_attachments_reseller_id_mail_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("mail_id", "file_id", name=op.f("pk_mail_attachments")),
    )
