"""Amounts as Stripe counts them: whole numbers of a currency's smallest unit.

Source: docs.stripe.com/currencies. It is ISO 4217 but for these, which have their own digits there.
"""

from decimal import Decimal

from core.currencies import get_currency

_OWN_DIGITS = {"ISK": 2, "UGX": 2, "MGA": 0}


def to_smallest(amount: Decimal, currency: str) -> int:
    """`amount` in smallest units; ValueError for one that is finer than the currency."""
    scaled = amount.scaleb(_digits(currency))
    if scaled != scaled.to_integral_value():
        raise ValueError("the amount is finer than the currency's smallest unit")
    return int(scaled)


def from_smallest(units: int, currency: str) -> Decimal:
    """The amount of so many smallest units."""
    return Decimal(units).scaleb(-_digits(currency))


def _digits(currency: str) -> int:
    code = currency.upper()
    return _OWN_DIGITS.get(code, get_currency(code).minor_digits)
