"""How a reseller wants declines handled, and what auto payment decided, step by step."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    Numeric,
    String,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base, ClientOwned, TenantOwned


class DunningRules(TenantOwned, Base):
    """A reseller's own calendar of retries; without a row the standard one holds.

    `retry_hours`: the wait after each try in vain; whole days are days of the client's calendar.
    `words`: what the client is told to do, by kind of decline.
    """

    __tablename__ = "dunning_rules"
    __table_args__ = (
        ForeignKeyConstraint(["reseller_id"], ["resellers.id"]),
        CheckConstraint("cardinality(retry_hours) between 1 and 10", "retries"),
        CheckConstraint("at_hour between 0 and 23", "at_hour"),
        CheckConstraint("declines_to_suspend between 1 and 10", "declines_to_suspend"),
        CheckConstraint("expiry_days between 1 and 60", "expiry_days"),
    )
    reseller_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    retry_hours: Mapped[list[int]] = mapped_column(ARRAY(Integer))
    at_hour: Mapped[int | None]
    declines_to_suspend: Mapped[int]
    stop_kinds: Mapped[list[str]] = mapped_column(ARRAY(String))
    stop_codes: Mapped[list[str]] = mapped_column(ARRAY(String))
    expiry_days: Mapped[int]
    words: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


class AutoPaymentStep(ClientOwned, Base):
    """One thing that auto payment did or decided, with the figures that it had before it.

    `amount` in `currency`, where the step is about one; `next_try_at` where it planned one.
    """

    __tablename__ = "auto_payment_steps"
    __table_args__ = (
        ForeignKeyConstraint(["reseller_id", "client_id"], ["clients.reseller_id", "clients.id"]),
        ForeignKeyConstraint(
            ["reseller_id", "client_id", "refill_id"],
            ["refills.reseller_id", "refills.client_id", "refills.id"],
        ),
        CheckConstraint(
            "kind in ('on', 'off', 'asked', 'received', 'declined', 'failed', 'held_back',"
            " 'suspended', 'resumed', 'card')",
            "kind",
        ),
        Index(
            "ix_auto_payment_steps_client",
            "reseller_id",
            "client_id",
            text("id desc"),
        ),
    )
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    kind: Mapped[str]
    at: Mapped[datetime] = mapped_column(server_default=func.now())
    why: Mapped[str] = mapped_column(server_default="")
    amount: Mapped[Decimal | None] = mapped_column(Numeric(20, 6))
    currency: Mapped[str]
    refill_id: Mapped[UUID | None]
    next_try_at: Mapped[datetime | None]
    reason: Mapped[str] = mapped_column(server_default="")
    author: Mapped[str] = mapped_column(server_default="")
    figures: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
