"""Exact money: decimals with a currency, one rounding mode, and no float anywhere.

Half-up here means away from zero, so that a credit note mirrors its invoice to the last digit.
"""

import math
import re
import unicodedata
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import (
    ROUND_HALF_UP,
    Context,
    Decimal,
    DivisionByZero,
    Inexact,
    InvalidOperation,
    Overflow,
)
from fractions import Fraction
from typing import Self

from babel import Locale
from babel.numbers import (
    NumberFormatError,
    get_decimal_symbol,
    get_group_symbol,
    parse_decimal,
)

from core.currencies import get_currency
from core.errors import InvalidInputError

LEDGER_PLACES = 6
# numeric(20,6) holds 14 digits before the point.
LEDGER_LIMIT = Decimal(10) ** 14

_ERRORS = [InvalidOperation, DivisionByZero, Overflow]
# Sums and products of money must be exact: losing a digit raises instead of passing silently.
EXACT = Context(prec=50, rounding=ROUND_HALF_UP, traps=[*_ERRORS, Inexact])
# Quotients, and rounding itself, where a digit is lost on purpose.
ROUNDING = Context(prec=50, rounding=ROUND_HALF_UP, traps=_ERRORS)


def round_amount(amount: Decimal, places: int) -> Decimal:
    """`amount` at exactly `places` decimals, half-up away from zero; a zero has no sign."""
    rounded = amount.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP, ROUNDING)
    return rounded if rounded else abs(rounded)


def ledger_amount(amount: Decimal) -> Decimal:
    """`amount` at the ledger's six places; InvalidInputError when the ledger cannot hold it."""
    if not amount.is_finite() or abs(amount) >= LEDGER_LIMIT:
        raise InvalidInputError("The amount is too large.", field="amount")
    return round_amount(amount, LEDGER_PLACES)


def minor_amount(amount: Decimal, currency: str) -> Decimal:
    """`amount` rounded to the minor digits of `currency`, as invoices and cards need it."""
    return round_amount(amount, get_currency(currency).minor_digits)


def allocate(total: Decimal, weights: Sequence[Decimal], places: int) -> list[Decimal]:
    """Split `total` over `weights` in parts of `places` decimals that sum to it exactly.

    Largest remainder (the method of Hamilton): every part is rounded towards zero, then the units
    left over go to the largest fractions, the earlier one first. Each part is less than one unit
    away from its exact share, and a negative total mirrors the positive one.
    ValueError: a total that is finer than `places`, a negative weight, or no weight at all.
    """
    if total != round_amount(total, places):
        raise ValueError(f"{total} has more than {places} decimals")
    if min(weights, default=Decimal(-1)) < 0 or not any(weights):
        raise ValueError("weights must not be negative and not all be zero")
    units = int(abs(total).scaleb(places, ROUNDING))
    weight_sum = sum(map(Fraction, weights))
    shares = [units * Fraction(weight) / weight_sum for weight in weights]
    parts = [math.floor(share) for share in shares]
    by_remainder = sorted(range(len(parts)), key=lambda i: (parts[i] - shares[i], i))
    for index in by_remainder[: units - sum(parts)]:
        parts[index] += 1
    sign = -1 if total < 0 else 1
    return [Decimal(sign * part).scaleb(-places, ROUNDING) for part in parts]


@dataclass(frozen=True, slots=True)
class Money:
    """An exact amount in one currency; arithmetic across currencies raises ValueError.

    Nothing rounds unless `quantize` is asked to; unknown currencies raise InvalidInputError.
    """

    amount: Decimal
    currency: str

    def __post_init__(self) -> None:
        # Typed callers cannot pass a float, but forms, JSON and drivers are not typed callers.
        if type(self.amount) is not Decimal:
            raise TypeError(f"money is made of Decimal, not {type(self.amount).__name__}")
        if not self.amount.is_finite():
            raise ValueError("money is a finite number")
        get_currency(self.currency)

    @classmethod
    def zero(cls, currency: str) -> Self:
        """Nothing, in `currency`."""
        return cls(Decimal(0), currency)

    @classmethod
    def from_minor(cls, amount_minor: int, currency: str) -> Self:
        """Money from a whole number of minor units (cents, yen, fils) by ISO 4217."""
        if type(amount_minor) is not int:
            raise TypeError("minor units are whole numbers")
        return cls(Decimal(amount_minor).scaleb(-get_currency(currency).minor_digits), currency)

    def to_minor(self) -> int:
        """Whole minor units by ISO 4217; ValueError when the amount was not quantized before.

        A gateway whose own table differs from ISO 4217 converts in its adapter.
        """
        if self.amount != self.quantize().amount:
            raise ValueError(f"{self} has a fraction of a minor unit")
        return int(self.amount.scaleb(get_currency(self.currency).minor_digits))

    def quantize(self, places: int | None = None) -> Self:
        """Rounded half-up to `places`, by default the currency's minor digits."""
        if places is None:
            places = get_currency(self.currency).minor_digits
        return type(self)(round_amount(self.amount, places), self.currency)

    def allocate(self, weights: Sequence[Decimal]) -> list[Self]:
        """Split over `weights` in whole minor units by largest remainder; see `allocate`."""
        digits = get_currency(self.currency).minor_digits
        parts = allocate(self.amount, weights, digits)
        return [type(self)(part, self.currency) for part in parts]

    def _of_same_currency(self, other: "Money") -> Decimal:
        if self.currency != other.currency:
            raise ValueError(f"cannot combine {self.currency} and {other.currency}")
        return other.amount

    def __add__(self, other: Self) -> Self:
        return type(self)(EXACT.add(self.amount, self._of_same_currency(other)), self.currency)

    def __sub__(self, other: Self) -> Self:
        return type(self)(EXACT.subtract(self.amount, self._of_same_currency(other)), self.currency)

    def __mul__(self, factor: Decimal | int) -> Self:
        if type(factor) not in (Decimal, int):
            raise TypeError(f"money is multiplied by Decimal or int, not {type(factor).__name__}")
        return type(self)(EXACT.multiply(self.amount, Decimal(factor)), self.currency)

    __rmul__ = __mul__

    def __neg__(self) -> Self:
        return type(self)(self.amount.copy_negate() if self.amount else self.amount, self.currency)

    def __abs__(self) -> Self:
        return type(self)(self.amount.copy_abs(), self.currency)

    def __lt__(self, other: Self) -> bool:
        return self.amount < self._of_same_currency(other)

    def __le__(self, other: Self) -> bool:
        return self.amount <= self._of_same_currency(other)

    def __gt__(self, other: Self) -> bool:
        return self.amount > self._of_same_currency(other)

    def __ge__(self, other: Self) -> bool:
        return self.amount >= self._of_same_currency(other)

    def __str__(self) -> str:
        """`12.50 EUR`, for logs and errors; screens use Babel."""
        return f"{self.amount:f} {self.currency}"


def sum_money(amounts: Iterable[Money], currency: str) -> Money:
    """The exact sum in `currency`, zero for none; ValueError on a foreign currency among them."""
    total = Money.zero(currency)
    for amount in amounts:
        total = total + amount
    return total


# Apostrophes of de_CH, as typed on a keyboard and as typeset; every Unicode space joins them.
_GROUPERS = "'\u2019\u02bc"
_MINUS_SIGNS = "-\u2212\u2012\u2013\ufe63\uff0d"
# Arabic separators, Persian typists' slash excluded: it is a division to everybody else.
_SEPARATORS = {"\u066b": ".", "\u066c": " "}
_BODY = re.compile(r"[0-9][0-9 .,]*")
# One separator that no reading could take for grouping: 10,5 or 1234.567 or 0,125.
_ONE_SEPARATOR = re.compile(r"(?:[0-9]+[.,](?:[0-9]{1,2}|[0-9]{4,})|(?:0|[0-9]{4,})[.,][0-9]{3})")
_MAX_LENGTH = 40


def parse_amount(text: str, locale: Locale | str) -> Decimal:
    """The number that a person of `locale` typed: comma or point, grouped or not.

    The locale's own way to write it is read first, strictly. A single comma or point of the other
    habit is taken where it cannot be a thousands separator. InvalidInputError for all else, for
    instance 1.234 where the locale has no say: a thousand and a fraction look the same.
    """
    is_negative, body = _normalise(text)
    amount = _parse_grouped(body, locale) if " " in body else _parse_plain(body, locale)
    return amount.copy_negate() if is_negative and amount else amount


def _parse_plain(body: str, locale: Locale | str) -> Decimal:
    symbols = {get_group_symbol(locale), get_decimal_symbol(locale)}
    # Babel takes a point for the decimal sign where the locale gives it no meaning at all.
    if all(char.isdecimal() or char in symbols for char in body):
        with suppress(NumberFormatError):
            return parse_decimal(body, locale=locale, strict=True)
    if not _ONE_SEPARATOR.fullmatch(body):
        raise _not_an_amount()
    return Decimal(body.replace(",", "."))


def _parse_grouped(body: str, locale: Locale | str) -> Decimal:
    """Spaces group in every locale, so what else stands there can only be the decimal sign."""
    whole, separator, fraction = body.replace(",", ".").partition(".")
    if "." in fraction or " " in fraction:
        raise _not_an_amount()
    written = whole.replace(" ", get_group_symbol(locale))
    if separator:
        written += get_decimal_symbol(locale) + fraction
    try:
        return parse_decimal(written, locale=locale, strict=True)
    except NumberFormatError:
        raise _not_an_amount() from None


def _not_an_amount() -> InvalidInputError:
    return InvalidInputError("Write the amount in digits, for example 1234.56.", field="amount")


def _normalise(text: str) -> tuple[bool, str]:
    """Whether a minus leads, and the digits; every grouping mark but comma and point is a space."""
    chars = []
    for char in unicodedata.normalize("NFC", text.strip()):
        digit = unicodedata.decimal(char, None)
        if digit is not None:
            chars.append(str(digit))
        elif char.isspace() or char in _GROUPERS:
            chars.append(" ")
        elif char in _MINUS_SIGNS:
            chars.append("-")
        elif unicodedata.category(char) != "Cf":  # direction marks that come with a paste
            chars.append(_SEPARATORS.get(char, char))
    body = "".join(chars)
    is_negative = body.startswith("-")
    body = body.removeprefix("-").strip()
    if body.startswith((".", ",")):
        body = "0" + body
    if not _BODY.fullmatch(body) or len(body) > _MAX_LENGTH:
        raise _not_an_amount()
    return is_negative, body
