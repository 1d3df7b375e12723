"""Each role may do less."""

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Filled by its piece."""
