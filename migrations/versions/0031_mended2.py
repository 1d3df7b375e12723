"""Nothing yet: the room of a piece that is being built."""

revision = "0031"
down_revision = "0030"


def upgrade() -> None:
    """Change nothing."""
