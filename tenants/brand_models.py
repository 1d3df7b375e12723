"""The logos of a reseller: the one in use, and those that older invoices were printed with."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKeyConstraint, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base, TenantOwned


class ResellerLogo(TenantOwned, Base):
    """One logo, a PNG of our own making in `files`; at most one of a reseller is in use."""

    __tablename__ = "reseller_logos"
    __table_args__ = (
        ForeignKeyConstraint(["reseller_id"], ["resellers.id"]),
        ForeignKeyConstraint(["reseller_id", "file_id"], ["files.reseller_id", "files.id"]),
        Index(
            "uq_reseller_logos_current",
            "reseller_id",
            unique=True,
            postgresql_where=text("is_current"),
        ),
    )
    reseller_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    file_id: Mapped[UUID] = mapped_column(primary_key=True)
    width: Mapped[int]
    height: Mapped[int]
    is_current: Mapped[bool] = mapped_column(server_default="false")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
