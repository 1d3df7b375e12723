"""Statement of account: what was invoiced and paid in a period, and what stood before and after.

It is read from the lines of the fixed book by the date of each entry, in the client's zone, so that
opening + what it lists = closing to the last digit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.orm import aliased

from billing import ledger
from billing.ledger import Account
from billing.models import LedgerEntry, LedgerLine
from billing.periods import local_midnight
from core.db import Session
from core.errors import InvalidInputError
from core.zones import get_zone
from tenants.clients import get_client
from tenants.models import Client

MOST_LINES = 5_000
INCOMING = "incoming_invoice"


@dataclass(frozen=True, slots=True)
class Movement:
    """One entry: `amount` is signed as the client sees it, positive to its credit.

    `source_id` names the payment, invoice or credit note; of a reversal, `reverses` is what it took
    back.
    """

    on: date
    at: datetime
    kind: str
    source_id: UUID
    reverses: str
    description: str
    amount: Decimal
    balance: Decimal


@dataclass(frozen=True, slots=True)
class Statement:
    """All in `currency`; `movements` oldest first.

    `invoiced` by us, `received` as invoices of the client, `paid`: what each moved, signed.
    """

    client: Client
    currency: str
    first_on: date
    last_on: date
    opening: Decimal
    movements: Sequence[Movement]
    invoiced: Decimal
    received: Decimal
    paid: Decimal
    closing: Decimal


def make_statement(session: Session, client_id: int, *, first_on: date, last_on: date) -> Statement:
    """The account of a client from `first_on` to `last_on`, both days included, in its own zone.

    Raises NotFoundError, InvalidInputError for days in the wrong order or a period with more than
    MOST_LINES entries.
    """
    if last_on < first_on:
        raise InvalidInputError("The last day is before the first day.", "to")
    client = get_client(session, client_id)
    zone = get_zone(client.timezone)
    starts_at = local_midnight(first_on, zone)
    ends_at = local_midnight(last_on + timedelta(days=1), zone)
    of_client = _of_client(client_id)
    opening = session.scalar(
        select(func.coalesce(func.sum(LedgerLine.amount), 0))
        .join(LedgerEntry, _same_entry())
        .where(of_client, LedgerEntry.effective_at < starts_at)
    )
    reversed_entry = aliased(LedgerEntry)
    rows = session.execute(
        select(
            LedgerEntry.effective_at,
            LedgerEntry.kind,
            LedgerEntry.source_id,
            reversed_entry.kind.label("reverses"),
            LedgerEntry.description,
            LedgerLine.amount,
        )
        .join(LedgerEntry, _same_entry())
        .outerjoin(
            reversed_entry,
            and_(
                reversed_entry.reseller_id == LedgerEntry.reseller_id,
                reversed_entry.id == LedgerEntry.reverses_id,
            ),
        )
        .where(of_client, LedgerEntry.effective_at >= starts_at, LedgerEntry.effective_at < ends_at)
        .order_by(LedgerEntry.effective_at, LedgerEntry.id)
        .limit(MOST_LINES + 1)
    ).all()
    if len(rows) > MOST_LINES:
        raise InvalidInputError(
            "This period has more than %(most)s entries. Choose a shorter one.",
            "to",
            most=MOST_LINES,
        )
    balance = Decimal(opening or 0)
    movements = []
    for row in rows:
        balance += row.amount
        movements.append(
            Movement(
                row.effective_at.astimezone(zone).date(),
                row.effective_at,
                _kind(row.kind, row.amount),
                row.source_id,
                _kind(row.reverses or "", -row.amount),
                row.description,
                row.amount,
                balance,
            )
        )
    return Statement(
        client,
        ledger.get_balance(session, client_id).currency,
        first_on,
        last_on,
        Decimal(opening or 0),
        movements,
        _sum(movements, "invoice", "credit_note"),
        _sum(movements, INCOMING),
        _sum(
            movements, "payment", "refill", "voucher", "refund", "chargeback", "chargeback_reversal"
        ),
        balance,
    )


def _kind(kind: str, amount: Decimal) -> str:
    """Invoices that came from the client are posted like ours, the other way round."""
    return INCOMING if kind == "invoice" and amount > 0 else kind


def _sum(movements: Sequence[Movement], *kinds: str) -> Decimal:
    """What these kinds come to, with what was taken back of them."""
    return sum(
        (one.amount for one in movements if one.kind in kinds or one.reverses in kinds), Decimal()
    )


def _of_client(client_id: int) -> ColumnElement[bool]:
    return and_(LedgerLine.client_id == client_id, LedgerLine.account == Account.CLIENT_FIXED.value)


def _same_entry() -> ColumnElement[bool]:
    return and_(
        LedgerEntry.reseller_id == LedgerLine.reseller_id, LedgerEntry.id == LedgerLine.entry_id
    )
