"""Transactions as a client reads them: a sign, an icon, words."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from flask_babel import LazyString
from flask_babel import lazy_gettext as _l
from sqlalchemy import ColumnElement, and_, exists
from sqlalchemy.orm import aliased

from billing.models import LedgerLine, Transaction

KIND_WORDS: dict[str, LazyString] = {
    "payment": _l("Payment"),
    "refund": _l("Refund"),
    "chargeback": _l("Chargeback"),
    "chargeback_reversal": _l("Chargeback won"),
    "extra_charge": _l("Extra charge"),
    "services_charge": _l("Usage"),
    "package_fee": _l("Package fee"),
}
KIND_ICONS = {
    "payment": "cash",
    "refund": "arrow-back-up",
    "chargeback": "arrow-back-up",
    "chargeback_reversal": "cash",
    "extra_charge": "receipt",
    "services_charge": "phone-outgoing",
    "package_fee": "package",
}


@dataclass(frozen=True, slots=True)
class Movement:
    """One transaction; `total` is positive, negative on a reversal; in `currency`."""

    id: UUID
    type: str
    kind: str
    status: str
    total: Decimal
    currency: str
    dated_at: datetime
    description: str
    reverses_id: UUID | None
    is_reversed: bool
    balance_after: Decimal | None

    @property
    def effect(self) -> Decimal:
        """On Live: a payment adds, a charge takes."""
        return self.total if self.type == "payment" else -self.total

    @property
    def title(self) -> str:
        return self.description or str(KIND_WORDS[self.kind])

    @property
    def kind_word(self) -> str:
        return str(KIND_WORDS[self.kind])

    @property
    def icon(self) -> str:
        return "arrow-back-up" if self.reverses_id else KIND_ICONS[self.kind]


def movement_columns() -> list[Any]:
    """Columns of a Movement, in its order; join `balance_line()` for the last one."""
    return [
        Transaction.id,
        Transaction.type,
        Transaction.kind,
        Transaction.status,
        Transaction.total,
        Transaction.currency,
        Transaction.dated_at,
        Transaction.description,
        Transaction.reverses_id,
        is_reversed().label("is_reversed"),
        LedgerLine.balance_after,
    ]


def is_reversed() -> ColumnElement[bool]:
    """Whether a correction has taken the transaction back."""
    reversal = aliased(Transaction)
    return exists().where(
        reversal.reseller_id == Transaction.reseller_id, reversal.reverses_id == Transaction.id
    )


def balance_line() -> ColumnElement[bool]:
    """Joins the line that moved Live to its transaction."""
    return and_(
        LedgerLine.reseller_id == Transaction.reseller_id,
        LedgerLine.entry_id == Transaction.ledger_entry_id,
        LedgerLine.account == "client_live",
    )


def to_movement(row: Any) -> Movement:  # noqa: ANN401 (a row of any query)
    """A Movement from a row that has its columns."""
    return Movement(*(getattr(row, name) for name in Movement.__dataclass_fields__))
