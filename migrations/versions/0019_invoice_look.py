"""Invoice templates as data."""

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """Filled when its tables exist."""
