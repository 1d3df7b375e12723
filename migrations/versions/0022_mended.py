"""What using and attacking the back office found."""

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    """Filled when its tables exist."""
