"""A client's balances are never removed: made anew they would begin at nothing, in any currency."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.execute("revoke delete on client_balances from portal_office")
