"""Amounts for people: the API counts the smallest units of a currency."""

from decimal import Decimal

_ZERO_DECIMAL = frozenset({"jpy", "krw", "vnd", "clp"})


def decimal(amount: int, currency: str) -> str:
    """`25.00` for 2500 cents."""
    return str(Decimal(amount).scaleb(0 if currency in _ZERO_DECIMAL else -2))


def money(amount: int, currency: str) -> str:
    """`25.00 EUR`."""
    return f"{decimal(amount, currency)} {currency.upper()}"
