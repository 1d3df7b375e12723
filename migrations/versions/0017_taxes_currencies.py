"""Currencies, exchange rates and whole tax profiles."""

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Filled when its tables exist."""
