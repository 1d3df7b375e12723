"""Tasks in the background: mass edits, exports, imports."""

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Filled by its piece."""
