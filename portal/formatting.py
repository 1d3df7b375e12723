"""How figures, days and instants look, in the viewer's language."""

from collections.abc import Callable
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from zoneinfo import ZoneInfo

from babel import Locale, dates, numbers
from flask import Flask, g
from flask_babel import get_locale
from markupsafe import Markup, escape

from core.currencies import get_currency
from core.money import minor_amount, round_amount
from portal.viewer import current_viewer


def money(amount: Decimal, currency: str) -> str:
    """`amount` at the currency's own minor unit, rounded half-up, without the currency's name."""
    # Babel alone would round halves to even, and a statement must add up as people do it
    return number(minor_amount(amount, currency), get_currency(currency).minor_digits)


def money_exact(amount: Decimal, currency: str) -> str:
    """`amount` with every digit that the ledger keeps, and the currency."""
    places = max(get_currency(currency).minor_digits, _places(amount))
    return f"{number(amount, places)} {currency}"


def number(value: Decimal | int, places: int | None = None) -> str:
    """`value` with grouped digits; exactly `places` after the point, or as many as it has."""
    decimal = Decimal(value)
    digits = _places(decimal) if places is None else places
    rounded = round_amount(decimal, digits)
    locale = _locale()
    separators = _separators(str(locale))
    if separators is None:
        return _by_babel(rounded, digits, locale)
    # Babel reads its pattern anew for each figure, and a list shows hundreds of them
    return f"{rounded:,.{digits}f}".translate(separators)


def figure(value: Decimal, least: int, most: int) -> str:
    """`value` with the decimals that it has, at least and at most so many; rounded half-up."""
    rounded = round_amount(value, most)
    return number(rounded, max(least, _places(rounded)))


@cache
def _separators(name: str) -> dict[int, str] | None:
    """For str.translate; None for a language that groups or writes digits in another way."""
    locale = Locale.parse(name)
    group, point = numbers.get_group_symbol(locale), numbers.get_decimal_symbol(locale)
    separators = str.maketrans({",": group, ".": point})
    probe = Decimal("-1234567.5")
    if f"{probe:,.1f}".translate(separators) != _by_babel(probe, 1, locale):
        return None
    return separators


def _by_babel(rounded: Decimal, digits: int, locale: Locale) -> str:
    pattern = "#,##0" + ("." + "0" * digits if digits else "")
    return numbers.format_decimal(
        rounded, format=pattern, locale=locale, decimal_quantization=False
    )


def make_figures() -> Callable[[Decimal, str], tuple[str, bool]]:
    """A quick `money` for one long list: the figure, and whether it says every digit there is."""
    locale = _locale()
    separators = _separators(str(locale))
    kinds: dict[str, tuple[int, Decimal]] = {}

    def figure(amount: Decimal, currency: str) -> tuple[str, bool]:
        kind = kinds.get(currency)
        if kind is None:
            digits = get_currency(currency).minor_digits
            kind = kinds[currency] = (digits, Decimal(1).scaleb(-digits))
        digits, unit = kind
        rounded = amount.quantize(unit, ROUND_HALF_UP)
        if separators is None:
            return money(amount, currency), rounded == amount
        # a figure that rounds to nothing has no sign, as everywhere else
        shown = rounded or abs(rounded)
        return f"{shown:,.{digits}f}".translate(separators), rounded == amount

    return figure


def percent(value: Decimal, places: int | None = None) -> str:
    """`value` in per cent, so 19 is nineteen per cent."""
    digits = _places(value) if places is None else places
    fraction = round_amount(value, digits).scaleb(-2)
    pattern = "#,##0" + ("." + "0" * digits if digits else "") + "%"
    return numbers.format_percent(fraction, format=pattern, locale=_locale())


def day(value: date) -> str:
    """A calendar day, which has no zone."""
    locale = _locale()
    # "03/11" is another day in London than in New York: English names the month
    return dates.format_date(
        value, "d MMM y" if locale.language == "en" else "medium", locale=locale
    )


def instant(value: datetime, zone: str | None = None) -> str:
    """An instant on the clock of `zone` (an IANA name), else of the viewer."""
    local = _in_zone(value, zone)
    return f"{day(local.date())}, {dates.format_time(local, 'HH:mm', locale=_locale())}"


def instant_exact(value: datetime, zone: str | None = None) -> str:
    """An instant to the second with its offset, for titles and `<time>`."""
    return _in_zone(value, zone).isoformat(sep=" ", timespec="seconds")


def language() -> str:
    """The `lang` attribute of the page."""
    locale = _locale()
    return "-".join(part for part in (locale.language, locale.script, locale.territory) if part)


def text_direction() -> str:
    """The `dir` attribute of the page: `ltr` or `rtl`."""
    return _locale().text_direction


def named(pattern: Markup, name: str) -> Markup:
    """`pattern` with its `%s` replaced by the escaped name: quicker than `%` in a long list."""
    return Markup(str(pattern).replace("%s", escape(name)))  # noqa: S704 (the name is escaped)


FILTERS: dict[str, Callable[..., str | Decimal]] = {
    "money": money,
    "money_exact": money_exact,
    "number": number,
    "decimal": Decimal,
    "figure": figure,
    "percent": percent,
    "date": day,
    "datetime": instant,
    "datetime_exact": instant_exact,
    "named": named,
}


def init_app(app: Flask) -> None:
    """Make the filters and the page's language known to templates."""
    app.jinja_env.filters.update(FILTERS)
    app.jinja_env.globals.update(page_language=language, page_direction=text_direction)


def _locale() -> Locale:
    # asked for at each figure of a list, so it is found once a request
    locale: Locale | None = g.get("formatting_locale")
    if locale is None:
        locale = g.formatting_locale = get_locale() or Locale("en")
    return locale


def _places(value: Decimal) -> int:
    exponent = value.normalize().as_tuple().exponent
    return -exponent if isinstance(exponent, int) and exponent < 0 else 0


def _in_zone(value: datetime, zone: str | None) -> datetime:
    if value.tzinfo is None:
        raise ValueError("an instant without a zone cannot be shown")
    return value.astimezone(ZoneInfo(zone or current_viewer().timezone))
