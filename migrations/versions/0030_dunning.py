"""Nothing yet: the room of a piece that is being built."""

revision = "0030"
down_revision = "0029"


def upgrade() -> None:
    """Change nothing."""
