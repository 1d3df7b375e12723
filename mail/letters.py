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

from babel import Locale, UnknownLocaleError
from babel.support import NullTranslations, Translations
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from core.errors import InvariantError
from mail.letter_filters import make_filters

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "templates" / "mail"
FALLBACK_LOCALE = "en"

Plain = str | int | bool | Decimal | date | datetime | UUID | None


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail's subject line and its two bodies."""

    subject: str
    text: str
    html: str


def render(name: str, locale: str, /, **variables: object) -> Letter:
    """The program's own letter `name` in `locale`, English where that is not spoken.

    Variables: strings, numbers (no float), dates, aware datetimes, None, and lists and dicts of
    these; else InvariantError. Filters: see `mail.letter_filters`. What is sent goes through
    `mail.templates.write`, which knows the reseller's own texts.
    """
    check_plain(variables)
    environment = get_environment(known_locale(locale))
    subject, text, html = (
        environment.get_template(f"{name}.{part}").render(variables)
        for part in ("subject", "txt", "html")
    )
    return make_letter(subject, text, html)


def make_letter(subject: str, text: str, html: str) -> Letter:
    """One line of subject, whatever was put into it; text ends with a line break."""
    line = " ".join("".join(c if c.isprintable() else " " for c in subject).split())
    return Letter(line, text.strip() + "\n", html)


def list_names() -> list[str]:
    """Every letter that there is."""
    return sorted(path.stem for path in FOLDER.glob("*.subject"))


def known_locale(locale: str) -> str:
    """The locale as Babel writes it; English for one that nobody knows."""
    try:
        return str(Locale.parse(locale.replace("-", "_")))
    except (ValueError, UnknownLocaleError):
        return FALLBACK_LOCALE


def get_translations(locale: str) -> Translations | NullTranslations:
    """The program's own translations into `locale`; none: everything stays English."""
    found = Translations.load(ROOT / "translations", [locale])
    return found if isinstance(found, Translations) else NullTranslations()


@cache
def get_environment(locale: str) -> Environment:
    """Where the program's own letters are rendered."""
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        undefined=StrictUndefined,
        autoescape=select_autoescape(["html"]),
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.install_gettext_translations(  # type: ignore[attr-defined]
        get_translations(locale), newstyle=True
    )
    environment.globals["locale"] = locale
    environment.filters.update(make_filters(locale))
    return environment


def check_plain(variables: Mapping[str, object]) -> None:
    """Raises InvariantError for anything but plain values."""
    for key, value in variables.items():
        _check_plain(value, key)


def _check_plain(value: object, name: str) -> None:
    if isinstance(value, Mapping):
        for key, item in value.items():
            _check_plain(item, f"{name}.{key}")
    elif isinstance(value, list | tuple):
        for item in value:
            _check_plain(item, name)
    elif not isinstance(value, Plain):
        raise InvariantError(f"the variable {name} of a letter is no plain value")
