"""Credit notes, allocation by hand, reminders and what else invoices need."""

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Filled when its tables exist."""
