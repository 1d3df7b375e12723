"""What a client does with us: it sends calls, takes calls, or both."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column(
        "clients", sa.Column("is_originator", sa.Boolean(), server_default="true", nullable=False)
    )
    op.add_column(
        "clients", sa.Column("is_terminator", sa.Boolean(), server_default="false", nullable=False)
    )
