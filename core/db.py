"""Declarative base, naming convention, column types and the tenant mixin."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, MetaData, Numeric, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

__all__ = [
    "Amount", "Base", "BigKey", "ClientOwned", "Json", "Minor", "Rate", "Session", "Stamp",
    "TenantOwned",
]  # fmt: skip

BigKey = Annotated[int, mapped_column(BigInteger)]
Amount = Annotated[Decimal, mapped_column(Numeric(20, 6))]
Rate = Annotated[Decimal, mapped_column(Numeric(20, 10))]
Minor = Annotated[int, mapped_column(BigInteger)]
Stamp = Annotated[datetime, mapped_column(DateTime(timezone=True))]
Json = Annotated[dict[str, Any], mapped_column(JSONB)]


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {
        datetime: DateTime(timezone=True),
        UUID: Uuid,
        dict[str, Any]: JSONB,
    }


class TenantOwned:
    """Mixin: the row belongs to exactly one reseller; row-level security walls it off."""

    reseller_id: Mapped[int] = mapped_column(BigInteger)


class ClientOwned(TenantOwned):
    """Mixin: the row belongs to one client of one reseller; the panel sees only its own."""

    client_id: Mapped[int] = mapped_column(BigInteger)
