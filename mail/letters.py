"""Texts of mails, from `templates/mail/<name>.subject`, `.txt` and `.html`.

Templates get plain values only, never rows: nothing in them can reach the database.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from uuid import UUID

from babel import Locale, UnknownLocaleError, dates, numbers
from babel.support import NullTranslations, Translations
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from core.currencies import get_currency
from core.errors import InvariantError
from core.money import minor_amount
from core.zones import get_zone

_ROOT = Path(__file__).resolve().parent.parent
FALLBACK_LOCALE = "en"

_INSTANT = ((dates.format_date, "long"), (dates.format_time, "short"))

Plain = str | int | bool | Decimal | date | datetime | UUID | None


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail's subject line and its two bodies."""

    subject: str
    text: str
    html: str


def render(name: str, locale: str, /, **variables: object) -> Letter:
    """The letter `name` in `locale`, English where that is not spoken.

    Variables: strings, numbers (no float), dates, aware datetimes, None, and lists and dicts of
    these; else InvariantError. Filters: `amount|money("EUR")`, `date|day`,
    `datetime|instant(zone)`.
    """
    for key, value in variables.items():
        _check_plain(value, key)
    environment = _environment(_known_locale(locale))
    subject, text, html = (
        environment.get_template(f"{name}.{part}").render(variables)
        for part in ("subject", "txt", "html")
    )
    return Letter(" ".join(subject.split()), text.strip() + "\n", html)


@cache
def _environment(locale: str) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_ROOT / "templates" / "mail"),
        undefined=StrictUndefined,
        autoescape=select_autoescape(["html"]),
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    found = Translations.load(_ROOT / "translations", [locale])
    translations = found if isinstance(found, Translations) else NullTranslations()
    environment.install_gettext_translations(translations, newstyle=True)  # type: ignore[attr-defined]
    environment.globals["locale"] = locale

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

    environment.filters.update(money=money, day=day, instant=instant)
    return environment


def _known_locale(locale: str) -> str:
    try:
        return str(Locale.parse(locale.replace("-", "_")))
    except (ValueError, UnknownLocaleError):
        return FALLBACK_LOCALE


def _check_plain(value: object, name: str) -> None:
    if isinstance(value, Mapping):
        for key, item in value.items():
            _check_plain(item, f"{name}.{key}")
    elif isinstance(value, list | tuple):
        for item in value:
            _check_plain(item, name)
    elif not isinstance(value, Plain):
        raise InvariantError(f"the variable {name} of a letter is no plain value")
