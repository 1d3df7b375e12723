"""An amount in words, as cheques write it: Two hundred thirty-eight 00/100 EUR."""

from decimal import Decimal

from num2words import CONVERTER_CLASSES, num2words

from core.currencies import get_currency
from core.money import round_amount


def amount_in_words(amount: Decimal, currency: str, locale: str) -> str:
    """The whole units in words, the minor units as a fraction, then the currency's code.

    This form is right in every language and for every number of minor digits; names of minor
    units ("cents") are not. Empty for a language that nobody has taught to count, and for an
    amount that is too large to be said. The sign is left away: the title says what it is.
    """
    language = _known_language(locale)
    if language is None:
        return ""
    digits = get_currency(currency).minor_digits
    whole, minor = divmod(int(round_amount(abs(amount), digits).scaleb(digits)), 10**digits)
    try:
        words = str(num2words(whole, lang=language)).strip()
    except (NotImplementedError, OverflowError, IndexError, KeyError):
        return ""
    fraction = f" {minor:0{digits}}/{10**digits}" if digits else ""
    return f"{words[:1].upper()}{words[1:]}{fraction} {currency}"


def _known_language(locale: str) -> str | None:
    """The most exact name of the locale that num2words counts in."""
    name = locale.replace("-", "_")
    return next((one for one in (name, name.split("_")[0]) if one in CONVERTER_CLASSES), None)
