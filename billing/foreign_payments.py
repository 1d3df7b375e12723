"""A payment that came in another currency than the client's balance: converted once, both kept.

The rate is the one in force on the transaction's day, in the client's zone, unless somebody gives
another, such as the bank's own. The amount is rounded half-up to the minor digits of the balance.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from billing import currencies, exchange_rates, ledger
from billing.exchange_rates import HeldRate, apply_rate, rate_on
from billing.models import Transaction
from billing.transaction_rows import Original
from billing.transactions import Status, create_payment, find_transaction
from core.clock import now
from core.currencies import get_currency
from core.db import Session
from core.errors import InvalidInputError
from core.money import round_amount
from core.zones import get_zone
from tenants.clients import get_client


@dataclass(frozen=True, slots=True)
class Conversion:
    """`original` × `rate` = `amount`, half-up at `places`; `day` of the rate, None: by hand."""

    original: Original
    amount: Decimal
    currency: str
    places: int
    day: date | None
    is_inverse: bool = False


def convert_payment(
    session: Session,
    *,
    client_id: int,
    amount: Decimal,
    currency: str,
    rate: Decimal | None = None,
    dated_at: datetime | None = None,
) -> Conversion:
    """What an amount in another currency comes to on the client's balance; books nothing.

    `rate` None takes the one that holds on the day of `dated_at`, None: of now. Raises
    InvalidInputError naming the field, NotFoundError.
    """
    client = get_client(session, client_id)
    target = ledger.get_balance(session, client_id).currency
    used = currencies.list_codes(session, client.reseller_id)
    if currency not in used:
        raise InvalidInputError(
            "%(currency)s is not one of the currencies.", "currency", currency=currency
        )
    if currency == target:
        raise InvalidInputError("This is the currency of the client's balance.", "currency")
    if not amount.is_finite() or amount <= 0:
        raise InvalidInputError("The amount must be more than zero.", "amount")
    if round_amount(amount, get_currency(currency).minor_digits) != amount:
        raise InvalidInputError("%(currency)s has no such small unit.", "amount", currency=currency)
    day = (dated_at or now()).astimezone(get_zone(client.timezone)).date()
    if rate is None:
        held = rate_on(session, client.reseller_id, currency, target, day)
    else:
        checked = exchange_rates.checked_rate(used, currency, target, day, rate)
        held = HeldRate(currency, target, checked, None)
    places = get_currency(target).minor_digits
    return Conversion(
        Original(amount, currency, held.rate),
        apply_rate(amount, held, places=places),
        target,
        places,
        held.day,
        held.is_inverse,
    )


def create_foreign_payment(
    session: Session,
    *,
    transaction_id: UUID,
    client_id: int,
    amount: Decimal,
    currency: str,
    payment_account_id: int,
    rate: Decimal | None = None,
    dated_at: datetime | None = None,
    description: str = "",
    status: Status = "approved",
    invoice_ids: Sequence[UUID] = (),
) -> Transaction:
    """Book it with what it was, its rate, and what it comes to; else as `create_payment`.

    A repeated request keeps the rate that was booked, whatever the day's rate is by now. Raises
    InvalidInputError naming the field, NotFoundError, ConflictError.
    """
    known = find_transaction(session, transaction_id)
    if known is not None and rate is None:
        rate = known.exchange_rate
    converted = convert_payment(
        session,
        client_id=client_id,
        amount=amount,
        currency=currency,
        rate=rate,
        dated_at=dated_at,
    )
    return create_payment(
        session,
        transaction_id=transaction_id,
        client_id=client_id,
        amount=converted.amount,
        payment_account_id=payment_account_id,
        dated_at=dated_at,
        description=description,
        status=status,
        invoice_ids=invoice_ids,
        original=converted.original,
    )
