"""Nothing yet: the room of a piece that is being built."""

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    """Change nothing."""
