"""The one door for usage: rated charges of clients come in here, whoever measured them.

A batch is posted once. What it says of one client, hour, destination, unit and taxability is
summed up exactly; included units of packages are taken before anything is charged; the rest is one
charge in the ledger, dated at its hour, and waits for the next invoice like every other. Usage of
an hour that was invoiced already goes on the next invoice, with its own date.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Literal
from uuid import UUID, uuid5

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from billing import included_units, ledger, subscriptions, transactions
from billing.package_models import TAX_MODES, USAGE_UNITS, UsageBatch, UsageCharge
from core.clock import now
from core.db import Session
from core.errors import AppError, ConflictError, InvalidInputError
from core.logs import contains_card_number
from core.money import EXACT, LEDGER_LIMIT, LEDGER_PLACES, ROUNDING, round_amount
from tenants import audit
from tenants.clients import get_client

DESTINATION_LENGTH = 100
MOST_CHARGES = 20_000
"""What one batch may hold: it is one transaction."""
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class RatedUsage:
    """Usage of one client in the hour from `hour_at` on, at its price in the client's currency.

    `quantity` is in seconds or in units of its own. `tax_mode` says what `amount` is: free of tax,
    without its taxes, or with them.
    """

    client_id: int
    hour_at: datetime
    destination: str
    quantity: Decimal
    amount: Decimal
    unit: Literal["second", "unit"] = "second"
    tax_mode: Literal["none", "excluding", "including"] = "excluding"

    @property
    def key(self) -> tuple[int, datetime, str, str, str]:
        return (self.client_id, self.hour_at, self.destination, self.unit, self.tax_mode)


@dataclass(frozen=True, slots=True)
class PostedUsage:
    """What became of a batch: `is_new` False when it was posted before."""

    batch_id: UUID
    charges: int
    is_new: bool


class UsageError(AppError):
    """A row that cannot be posted; `index` is its place in what was given."""

    http_status = 422
    code = "invalid_usage"

    def __init__(self, index: int, error: AppError) -> None:
        super().__init__(error.text, **error.values)
        self.index = index
        self.field = getattr(error, "field", None)


def post_usage(
    session: Session, *, reseller_id: int, batch_id: UUID, rows: Sequence[RatedUsage]
) -> PostedUsage:
    """Post a batch of rated usage of clients of one reseller, all of it or nothing, once.

    The same batch again changes nothing. Raises ConflictError for a batch with other content,
    UsageError for a row that cannot be taken (unknown client, no whole hour, an hour to come).
    """
    summed = _sum_up(rows)
    digest = _digest(summed)
    made = session.scalar(
        insert(UsageBatch)
        .values(id=batch_id, reseller_id=reseller_id, digest=digest, charges=len(summed))
        .on_conflict_do_nothing()
        .returning(UsageBatch.id)
    )
    if made is None:
        return _repeated(session, batch_id, digest)
    for client_id, charges in groupby(summed, key=lambda one: one.client_id):
        _post_client(session, reseller_id, batch_id, client_id, charges)
    audit.record(
        session,
        reseller_id=reseller_id,
        action="post_usage",
        object_type="usage_batch",
        object_id=batch_id,
        changes={"charges": (None, len(summed))},
    )
    return PostedUsage(batch_id, len(summed), is_new=True)


def check_usage(row: RatedUsage) -> RatedUsage:
    """The row as it is posted; raises InvalidInputError naming the field."""
    hour_at = row.hour_at
    if hour_at.tzinfo is None or hour_at.minute or hour_at.second or hour_at.microsecond:
        raise InvalidInputError("Give the beginning of a whole hour.", "hour")
    if not EARLIEST <= hour_at <= now():
        raise InvalidInputError("This hour has not come yet, or is too long ago.", "hour")
    destination = " ".join(row.destination.split())
    if not destination or len(destination) > DESTINATION_LENGTH:
        raise InvalidInputError(
            "Enter a destination of at most %(count)s characters.",
            "destination",
            count=DESTINATION_LENGTH,
        )
    if contains_card_number(destination):
        raise InvalidInputError(
            "This looks like a card number. Card numbers must not be kept here.", "destination"
        )
    if row.unit not in USAGE_UNITS:
        raise InvalidInputError("Choose seconds or units.", "unit")
    if row.tax_mode not in TAX_MODES:
        raise InvalidInputError("Choose how the tax is taken.", "tax_mode")
    quantity = _checked_number(row.quantity, "quantity")
    if not quantity:
        raise InvalidInputError("The quantity must be more than zero.", "quantity")
    return RatedUsage(
        client_id=row.client_id,
        hour_at=hour_at.astimezone(UTC),
        destination=destination,
        quantity=quantity,
        amount=_checked_number(row.amount, "amount"),
        unit=row.unit,
        tax_mode=row.tax_mode,
    )


def charge_for(rated: Decimal, quantity: Decimal, included: Decimal) -> Decimal:
    """rated × (quantity − included) ÷ quantity, half-up at six places."""
    left = EXACT.subtract(quantity, included)
    return round_amount(ROUNDING.divide(EXACT.multiply(rated, left), quantity), LEDGER_PLACES)


def _checked_number(value: Decimal, field: str) -> Decimal:
    if not value.is_finite() or not 0 <= value < LEDGER_LIMIT:
        raise InvalidInputError("Enter a number that is zero or more.", field)
    kept = round_amount(value, LEDGER_PLACES)
    if kept != value:
        raise InvalidInputError("The amount has at most 6 decimals.", field)
    return kept


def _sum_up(rows: Sequence[RatedUsage]) -> list[RatedUsage]:
    """One row for each key, in the order that every batch locks clients in."""
    if not 0 < len(rows) <= MOST_CHARGES:
        raise InvalidInputError(
            "A batch holds from 1 to %(most)s rows.", "rows", most=f"{MOST_CHARGES:,}"
        )
    sums: dict[tuple[object, ...], RatedUsage] = {}
    for index, row in enumerate(rows):
        try:
            one = check_usage(row)
        except InvalidInputError as error:
            raise UsageError(index, error) from error
        known = sums.get(one.key)
        if known is not None:
            one = RatedUsage(
                **{
                    **asdict(one),
                    "quantity": EXACT.add(one.quantity, known.quantity),
                    "amount": EXACT.add(one.amount, known.amount),
                }
            )
        sums[one.key] = one
    return sorted(sums.values(), key=lambda one: one.key)


def _digest(rows: Iterable[RatedUsage]) -> str:
    plain = [[str(part) for part in (*one.key, one.quantity, one.amount)] for one in rows]
    return hashlib.sha256(json.dumps(plain).encode()).hexdigest()


def _repeated(session: Session, batch_id: UUID, digest: str) -> PostedUsage:
    batch = session.scalar(select(UsageBatch).where(UsageBatch.id == batch_id))
    if batch is None or batch.digest != digest:
        raise ConflictError("This usage was posted before with other content.")
    return PostedUsage(batch.id, batch.charges, is_new=False)


def _post_client(
    session: Session,
    reseller_id: int,
    batch_id: UUID,
    client_id: int,
    charges: Iterator[RatedUsage],
) -> None:
    client = get_client(session, client_id)
    if client.reseller_id != reseller_id:
        raise InvalidInputError("This client is of another reseller.", "client")
    ledger.lock_balance(session, client_id)
    # the periods whose units this usage may take must be there
    subscriptions.charge_due(session, client_id)
    rows = []
    for one in charges:
        included = included_units.take_units(
            session, client_id, one.hour_at, one.destination, one.unit, one.quantity
        )
        charge_id = uuid5(batch_id, "|".join(map(str, one.key)))
        charged = charge_for(one.amount, one.quantity, included)
        if charged:
            transactions.create_charge(
                session,
                transaction_id=charge_id,
                client_id=client_id,
                amount=charged,
                kind="services_charge",
                tax_mode=one.tax_mode,
                dated_at=one.hour_at,
                description=one.destination,
                quantity=EXACT.subtract(one.quantity, included),
            )
        rows.append(
            {
                "id": charge_id,
                "reseller_id": reseller_id,
                "client_id": client_id,
                "batch_id": batch_id,
                "hour_at": one.hour_at,
                "destination": one.destination,
                "unit": one.unit,
                "tax_mode": one.tax_mode,
                "quantity": one.quantity,
                "included": included,
                "rated": one.amount,
                "charged": charged,
                "transaction_id": charge_id if charged else None,
            }
        )
    session.execute(insert(UsageCharge), rows)
