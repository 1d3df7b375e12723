"""How people like their lists: columns, density, and searches kept under a name."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKeyConstraint,
    Index,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base, TenantOwned

DENSITIES = ("normal", "compact", "roomy")


class ListView(TenantOwned, Base):
    """A view of one list (`list_key`): its columns, density, filters and order.

    One without a name is how its user sees the list when no view is chosen; only its columns and
    density count. `query` is the text behind the question mark of the list's address.
    `id` comes from the drawn form: a second click finds the first view.
    """

    __tablename__ = "list_views"
    __table_args__ = (
        UniqueConstraint("reseller_id", "id"),
        ForeignKeyConstraint(["reseller_id"], ["resellers.id"]),
        ForeignKeyConstraint(
            ["reseller_id", "user_id"], ["users.reseller_id", "users.id"], ondelete="CASCADE"
        ),
        CheckConstraint(
            "density in ({})".format(", ".join(f"'{one}'" for one in DENSITIES)), "density"
        ),
        CheckConstraint("name <> '' or not is_shared", "shared_named"),
        Index(
            "uq_list_views_name",
            "reseller_id",
            "list_key",
            "user_id",
            text("lower(name)"),
            unique=True,
        ),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(BigInteger)
    list_key: Mapped[str]
    name: Mapped[str] = mapped_column(server_default="")
    is_shared: Mapped[bool] = mapped_column(server_default="false")
    query: Mapped[str] = mapped_column(server_default="")
    columns: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    density: Mapped[str] = mapped_column(server_default="normal")
    version: Mapped[int] = mapped_column(server_default="1")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
