"""Clients templates, low balance notifications and the rest of the form."""

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Filled by its piece."""
