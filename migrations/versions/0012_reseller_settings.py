"""Branding, mail server and numbering of a reseller; settings of the platform; rules that must hold."""

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Filled by its piece."""
