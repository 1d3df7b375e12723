"""The chain of the audit log, notifications of events, mail templates."""

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Filled by its piece."""
