"""Packages, subscriptions and usage charges."""

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """Filled when its tables exist."""
