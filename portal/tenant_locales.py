"""Languages of a company's mails and invoices: more than the portal speaks, for their figures."""

from typing import Any

from babel import Locale
from flask_babel import get_locale

from portal.fields import to_choices

# languages, and countries whose figures are written in another way
LOCALES = (
    "ar", "bg", "cs", "da", "de", "de_AT", "de_CH", "el", "en", "en_AU", "en_CA", "en_GB", "en_IN",
    "en_US", "es", "es_AR", "es_MX", "et", "fi", "fr", "fr_CA", "fr_CH", "he", "hi", "hr", "hu",
    "id", "it", "ja", "ko", "lt", "lv", "nb", "nl", "pl", "pt", "pt_BR", "ro", "ru", "sk", "sl",
    "sr", "sv", "th", "tr", "uk", "vi", "zh",
)  # fmt: skip


def locale_choices(present: str = "") -> list[Any]:
    """All of them by their names in the reader's language; `present` is among them in any case."""
    codes = {*LOCALES, *([present] if present else [])}
    named = sorted(((code, _name(code)) for code in codes), key=lambda one: one[1].casefold())
    return to_choices(named)


def _name(code: str) -> str:
    return str(Locale.parse(code).get_display_name(get_locale()) or code)
