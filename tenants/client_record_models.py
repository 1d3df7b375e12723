"""What staff keep about a client: notes, and files besides its invoices."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKeyConstraint, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base, ClientOwned


class ClientNote(ClientOwned, Base):
    """A note of staff; its id comes from the drawn form, so a second click finds the first."""

    __tablename__ = "client_notes"
    __table_args__ = (
        ForeignKeyConstraint(["reseller_id", "client_id"], ["clients.reseller_id", "clients.id"]),
        CheckConstraint("body <> ''", "body_given"),
        Index(
            "ix_client_notes_client",
            "reseller_id",
            "client_id",
            text("created_at desc"),
            text("id desc"),
        ),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    body: Mapped[str]
    is_pinned: Mapped[bool] = mapped_column(server_default="false")
    # null: a platform user, or a user of before
    author_id: Mapped[int | None] = mapped_column(BigInteger)
    author: Mapped[str]
    version: Mapped[int] = mapped_column(server_default="1")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    edited_at: Mapped[datetime | None]


class ClientFile(ClientOwned, Base):
    """A file that staff put beside a client; the bytes stand in `files` under the same id."""

    __tablename__ = "client_files"
    __table_args__ = (
        ForeignKeyConstraint(["reseller_id", "client_id"], ["clients.reseller_id", "clients.id"]),
        ForeignKeyConstraint(
            ["reseller_id", "file_id"], ["files.reseller_id", "files.id"], ondelete="CASCADE"
        ),
        Index(
            "ix_client_files_client",
            "reseller_id",
            "client_id",
            text("created_at desc"),
            text("file_id desc"),
        ),
    )
    file_id: Mapped[UUID] = mapped_column(primary_key=True)
    author: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
