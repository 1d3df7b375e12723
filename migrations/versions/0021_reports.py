"""Saved reports and imported payments."""

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """Filled when its tables exist."""
