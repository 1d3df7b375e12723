"""The sentence of an event in a language: its days, instants and amounts as people write them."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from babel import dates, numbers

from core.currencies import get_currency
from core.money import minor_amount

# English names the month: "03/11" is another day in London than in New York
_DAY = {"en": "d MMM y"}


def tell(
    message: str,
    params: Mapping[str, Any],
    *,
    locale: str,
    zone: str,
    translate: Callable[[str], str] = str,
) -> str:
    """`message` with its stored `params`; an instant stands on the clock of `zone`.

    `translate` is asked for the message and for parameters that are sentences of ours.
    """
    said = {name: _say(value, locale, zone, translate) for name, value in params.items()}
    try:
        return translate(message) % said
    except (KeyError, ValueError, TypeError):
        # a translation that lost a parameter must not hide the event
        return message % said


def _say(value: Any, locale: str, zone: str, translate: Callable[[str], str]) -> str:  # noqa: ANN401 (from JSON)
    if isinstance(value, Mapping):
        if "on" in value:
            return _day(date.fromisoformat(value["on"]), locale)
        if "at" in value:
            at = datetime.fromisoformat(value["at"]).astimezone(ZoneInfo(zone))
            return f"{_day(at.date(), locale)}, {dates.format_time(at, 'HH:mm', locale=locale)}"
        return _money(Decimal(value["amount"]), value["currency"], locale)
    text = str(value)
    return translate(text) if text and " " in text else text


def _day(value: date, locale: str) -> str:
    return dates.format_date(value, _DAY.get(locale.partition("_")[0], "medium"), locale=locale)


def _money(amount: Decimal, currency: str, locale: str) -> str:
    digits = get_currency(currency).minor_digits
    pattern = "#,##0" + ("." + "0" * digits if digits else "")
    figure = numbers.format_decimal(
        minor_amount(amount, currency), pattern, locale, decimal_quantization=False
    )
    return f"{figure} {currency}"
