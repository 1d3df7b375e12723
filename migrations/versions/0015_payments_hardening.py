"""Rows that failed wait longer and longer; a second payment is looked for."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.add_column("charge_attempts", sa.Column("recheck_at", moment, nullable=True))
    op.add_column("charge_attempts", sa.Column("looked_at", moment, nullable=True))
    op.create_index(
        "ix_charge_attempts_recheck",
        "charge_attempts",
        ["recheck_at"],
        postgresql_where=sa.text("recheck_at is not null"),
    )
    op.add_column(
        "gateway_events", sa.Column("looks", sa.Integer(), server_default="0", nullable=False)
    )
    op.add_column(
        "gateway_events",
        sa.Column("next_look_at", moment, server_default=sa.func.now(), nullable=False),
    )
    op.drop_index("ix_gateway_events_waiting", "gateway_events")
    op.create_index(
        "ix_gateway_events_waiting",
        "gateway_events",
        ["next_look_at"],
        postgresql_where=sa.text("handled_at is null"),
    )
    op.create_index(
        "ix_gateway_events_received", "gateway_events", ["gateway_account_id", "received_at"]
    )
    op.add_column(
        "client_auto_payments",
        sa.Column("declines_forgotten_at", moment, server_default=sa.func.now(), nullable=False),
    )
    # another default card, chosen in the panel, ends a row of declines
    op.execute("grant update (declines_forgotten_at) on client_auto_payments to portal_panel")
    op.add_column("client_billing", sa.Column("retry_at", moment, nullable=True))
