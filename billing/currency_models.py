"""Which currencies a reseller uses, how exactly, and what they cost each other on a day."""

from datetime import date, datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKeyConstraint,
    Identity,
    UniqueConstraint,
    func,
)
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base, Rate, TenantOwned


class ResellerCurrency(TenantOwned, Base):
    """One currency of a reseller and how many decimals its figures are given with.

    `rate_places` are of prices, `detail_places` of lines, `total_places` of what is to be paid.
    """

    __tablename__ = "reseller_currencies"
    __table_args__ = (
        ForeignKeyConstraint(["reseller_id"], ["resellers.id"]),
        CheckConstraint("code ~ '^[A-Z]{3}$'", "code"),
        CheckConstraint("rate_places between 0 and 10", "rate_places"),
        CheckConstraint("detail_places between 0 and 6", "detail_places"),
        CheckConstraint("total_places between 0 and 4", "total_places"),
    )
    reseller_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    code: Mapped[str] = mapped_column(primary_key=True)
    rate_places: Mapped[int]
    detail_places: Mapped[int]
    total_places: Mapped[int]


class ExchangeRate(TenantOwned, Base):
    """From `day` on, one unit of `from_currency` costs `rate` of `to_currency`, until a newer one.

    `source` says who gave it: a person by hand, or a file.
    """

    __tablename__ = "exchange_rates"
    __table_args__ = (
        UniqueConstraint("reseller_id", "id"),
        # also the way the rate of a day is found
        UniqueConstraint("reseller_id", "from_currency", "to_currency", "day"),
        ForeignKeyConstraint(["reseller_id"], ["resellers.id"]),
        CheckConstraint("rate > 0", "rate"),
        CheckConstraint("from_currency <> to_currency", "two_currencies"),
        CheckConstraint("source in ('manual', 'file')", "source"),
    )
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    from_currency: Mapped[str]
    to_currency: Mapped[str]
    day: Mapped[date]
    rate: Mapped[Rate]
    source: Mapped[str] = mapped_column(server_default="manual")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
