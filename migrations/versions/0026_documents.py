"""Nothing yet: the room of a piece that is being built."""

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    """Change nothing."""
