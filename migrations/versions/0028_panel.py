"""Nothing yet: the room of a piece that is being built."""

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    """Change nothing."""
