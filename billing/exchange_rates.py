"""What one currency costs in another on a day: the newest rate at or before it.

A reseller's rates say what one unit of the first currency costs in the second. The way back is
taken from the same rate (1 ÷ rate, half-up at ten places) unless a rate of its own is as new.
There is never a rate of 1 out of nothing: without one the conversion is refused.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sqlalchemy import ColumnElement, select

from billing import currencies
from billing.currency_models import ExchangeRate
from core.currencies import get_currency
from core.db import Session
from core.errors import InvalidInputError, NotFoundError
from core.money import ROUNDING, ledger_amount, round_amount
from tenants import audit
from tenants.stamps import check_stamp

RATE_PLACES = 10
RATE_LIMIT = Decimal(10) ** 10
EARLIEST_YEAR, LATEST_YEAR = 1970, 2199


class NoExchangeRateError(InvalidInputError):
    """Nobody has said what the one currency costs in the other, on that day or before it."""

    code = "no_exchange_rate"


@dataclass(frozen=True, slots=True)
class HeldRate:
    """One unit of `from_currency` costs `rate` of `to_currency`, as given for `day`.

    `day` None: both are the same currency. `is_inverse`: taken from the rate of the way back.
    """

    from_currency: str
    to_currency: str
    rate: Decimal
    day: date | None
    is_inverse: bool = False


@dataclass(frozen=True, slots=True)
class Converted:
    """Both sides of a conversion: `amount` is `original` × the rate, rounded once, half-up."""

    original: Decimal
    amount: Decimal
    rate: HeldRate


def rate_on(
    session: Session, reseller_id: int, from_currency: str, to_currency: str, day: date
) -> HeldRate:
    """The rate that holds on `day`: the newest at or before it, of either direction.

    Of two of the same day the one that was given for this direction. Raises NoExchangeRateError;
    InvalidInputError for an unknown currency.
    """
    get_currency(from_currency)
    get_currency(to_currency)
    if from_currency == to_currency:
        return HeldRate(from_currency, to_currency, Decimal(1), None)
    direct = _newest(session, reseller_id, from_currency, to_currency, day)
    back = _newest(session, reseller_id, to_currency, from_currency, day)
    if direct is not None and (back is None or direct.day >= back.day):
        return HeldRate(from_currency, to_currency, direct.rate, direct.day)
    if back is not None:
        rate = round_amount(ROUNDING.divide(Decimal(1), back.rate), RATE_PLACES)
        if rate:
            return HeldRate(from_currency, to_currency, rate, back.day, is_inverse=True)
    raise NoExchangeRateError(
        "There is no exchange rate from %(source)s to %(target)s on %(day)s or before it.",
        source=from_currency,
        target=to_currency,
        day=day.isoformat(),
    )


def convert(
    session: Session,
    reseller_id: int,
    amount: Decimal,
    from_currency: str,
    to_currency: str,
    day: date,
    *,
    places: int | None = None,
) -> Converted:
    """`amount` in `to_currency` by the rate of `day`, rounded once, half-up away from zero.

    At `places` decimals, by default the minor digits of `to_currency`; sums are converted after
    adding up, so that they are rounded once. A negative amount mirrors the positive one. Raises
    NoExchangeRateError; InvalidInputError when the ledger cannot hold the amount.
    """
    held = rate_on(session, reseller_id, from_currency, to_currency, day)
    return Converted(amount, apply_rate(amount, held, places=places), held)


def apply_rate(amount: Decimal, held: HeldRate, *, places: int | None = None) -> Decimal:
    """`amount` by a rate that is known already; rounds as `convert` does."""
    if places is None:
        places = get_currency(held.to_currency).minor_digits
    converted = ROUNDING.multiply(amount, held.rate)
    ledger_amount(converted)
    return round_amount(converted, places)


def create_rate(
    session: Session,
    *,
    reseller_id: int,
    from_currency: str,
    to_currency: str,
    day: date,
    rate: Decimal,
    source: str = "manual",
) -> ExchangeRate:
    """Say what a currency costs from `day` on; the same said again is the rate made before.

    Raises InvalidInputError naming the field, also where the day has another rate already.
    """
    used = currencies.list_codes(session, reseller_id)
    rate = checked_rate(used, from_currency, to_currency, day, rate)
    known = find_of_day(session, reseller_id, from_currency, to_currency, day)
    if known is not None:
        if known.rate == rate:
            return known
        raise InvalidInputError("This day has a rate already: change that one.", "day")
    made = ExchangeRate(
        reseller_id=reseller_id,
        from_currency=from_currency,
        to_currency=to_currency,
        day=day,
        rate=rate,
        source=source,
    )
    session.add(made)
    session.flush()
    _record(session, made, "create", {"rate": (None, rate)})
    return made


def update_rate(
    session: Session, rate_id: int, *, rate: Decimal, stamp: str, source: str = "manual"
) -> ExchangeRate:
    """Correct a rate; what was converted before keeps the rate of its time.

    `stamp` is that of `facts` as they were shown. Raises NotFoundError, InvalidInputError,
    ConflictError when it was changed meanwhile.
    """
    known = get_rate(session, rate_id, for_update=True)
    check_stamp(stamp, facts(known))
    return replace_rate(session, known, rate=rate, source=source)


def replace_rate(
    session: Session, known: ExchangeRate, *, rate: Decimal, source: str
) -> ExchangeRate:
    """Give a day's rate another value; raises InvalidInputError."""
    used = {known.from_currency, known.to_currency}
    rate = checked_rate(used, known.from_currency, known.to_currency, known.day, rate)
    if rate != known.rate:
        before = known.rate
        known.rate, known.source = rate, source
        session.flush()
        _record(session, known, "update", {"rate": (before, rate)})
    return known


def delete_rate(session: Session, rate_id: int) -> None:
    """The one before it holds again. Raises NotFoundError."""
    known = get_rate(session, rate_id, for_update=True)
    _record(session, known, "delete", {"rate": (known.rate, None)})
    session.delete(known)
    session.flush()


def get_rate(session: Session, rate_id: int, *, for_update: bool = False) -> ExchangeRate:
    """Raises NotFoundError, also for a rate of another tenant."""
    query = select(ExchangeRate).where(ExchangeRate.id == rate_id)
    known = session.scalar(query.with_for_update() if for_update else query)
    if known is None:
        raise NotFoundError("Exchange rate not found.")
    return known


def find_of_day(
    session: Session, reseller_id: int, from_currency: str, to_currency: str, day: date
) -> ExchangeRate | None:
    """The rate that was given for exactly this day and direction."""
    return session.scalar(
        select(ExchangeRate).where(
            *_of_pair(reseller_id, from_currency, to_currency), ExchangeRate.day == day
        )
    )


def facts(rate: ExchangeRate) -> dict[str, object]:
    """What a form shows of a rate, for its stamp."""
    return {"id": rate.id, "rate": f"{rate.rate.normalize():f}"}


def checked_rate(
    used: Collection[str], from_currency: str, to_currency: str, day: date, rate: Decimal
) -> Decimal:
    """`rate` as it is stored; `used` are the reseller's currencies.

    Raises InvalidInputError naming the field.
    """
    for field, code in (("from_currency", from_currency), ("to_currency", to_currency)):
        if code not in used:
            raise InvalidInputError(
                "%(currency)s is not one of the currencies.", field, currency=code
            )
    if from_currency == to_currency:
        raise InvalidInputError("Choose two different currencies.", "to_currency")
    if not EARLIEST_YEAR <= day.year <= LATEST_YEAR:
        raise InvalidInputError(
            "Choose a date from %(first)s to %(last)s.",
            "day",
            first=str(EARLIEST_YEAR),
            last=str(LATEST_YEAR),
        )
    if not rate.is_finite() or rate <= 0:
        raise InvalidInputError("A rate is more than zero.", "rate")
    if rate >= RATE_LIMIT:
        raise InvalidInputError("The rate is too large.", "rate")
    if round_amount(rate, RATE_PLACES) != rate:
        raise InvalidInputError("A rate has at most 10 decimals.", "rate")
    return round_amount(rate, RATE_PLACES)


def _of_pair(
    reseller_id: int, from_currency: str, to_currency: str
) -> tuple[ColumnElement[bool], ...]:
    return (
        ExchangeRate.reseller_id == reseller_id,
        ExchangeRate.from_currency == from_currency,
        ExchangeRate.to_currency == to_currency,
    )


def _newest(
    session: Session, reseller_id: int, from_currency: str, to_currency: str, day: date
) -> ExchangeRate | None:
    return session.scalar(
        select(ExchangeRate)
        .where(*_of_pair(reseller_id, from_currency, to_currency), ExchangeRate.day <= day)
        .order_by(ExchangeRate.day.desc())
        .limit(1)
    )


def _record(
    session: Session,
    rate: ExchangeRate,
    action: str,
    changes: dict[str, tuple[object, object]],
) -> None:
    audit.record(
        session,
        reseller_id=rate.reseller_id,
        action=action,
        object_type="exchange_rate",
        object_id=rate.id,
        object_label=f"{rate.from_currency} → {rate.to_currency} {rate.day.isoformat()}",
        changes=changes,
    )
