"""Nothing yet: the room of a piece that is being built."""

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    """Change nothing."""
