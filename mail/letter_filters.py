"""How letters write amounts, days, instants and several lines."""

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from babel import dates, numbers
from markupsafe import Markup, escape

from core.currencies import get_currency
from core.money import minor_amount
from core.zones import get_zone

_INSTANT = ((dates.format_date, "long"), (dates.format_time, "short"))


def make_filters(locale: str) -> dict[str, Callable[..., Any]]:
    """`amount|money("EUR")`, `date|day`, `datetime|instant(zone)`, `text|line_breaks`."""

    def money(amount: Decimal, currency: str) -> str:
        digits = get_currency(currency).minor_digits
        pattern = "#,##0" + ("." + "0" * digits if digits else "")
        figure = numbers.format_decimal(
            minor_amount(amount, currency), pattern, locale, decimal_quantization=False
        )
        return f"{figure} {currency}"

    def day(value: date) -> str:
        return dates.format_date(value, "long", locale=locale)

    def instant(value: datetime, zone: str) -> str:
        local = value.astimezone(get_zone(zone))
        on, at = (make(local, style, locale=locale) for make, style in _INSTANT)
        return f"{on}, {at} ({zone})"

    def line_breaks(text: str) -> Markup:
        return Markup("<br>").join(escape(line) for line in str(text).splitlines())

    return {"money": money, "day": day, "instant": instant, "line_breaks": line_breaks}
