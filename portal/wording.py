"""Translated words for templates, looked up once per language and process.

Flask-Babel finds the request's translations anew for each text, which on a list of fifty rows costs
more than the query; a text's translation does not change while the program runs.
"""

from datetime import date
from decimal import Decimal

import flask_babel
from flask import Flask, g
from flask_babel import get_locale, get_translations
from markupsafe import Markup

from core.errors import AppError
from portal import formatting

_single: dict[tuple[str, str], str] = {}


def gettext(message: str, /, **variables: object) -> Markup:
    """The translation of `message`; `%(name)s` takes a variable, which is escaped."""
    key = (_language(), message)
    text = _single.get(key)
    if text is None:
        text = _single[key] = str(get_translations().ugettext(message))
    return Markup(text) % variables if "%" in text else Markup(text)  # noqa: S704 (our own words)


def ngettext(singular: str, plural: str, num: int, /, **variables: object) -> Markup:
    """The form of the text for `num`, which is also its variable `num`."""
    text = str(get_translations().ungettext(singular, plural, num))
    return Markup(text) % {"num": num, **variables}  # noqa: S704 (our own words)


def refusal(error: AppError) -> str:
    """What the error says, in the viewer's language; figures and days as the viewer writes them."""
    values = {name: _shown(value) for name, value in error.values.items()}
    return str(flask_babel.gettext(error.text, **values))


def init_app(app: Flask) -> None:
    """Let templates use these instead of Flask-Babel's own. Call after Babel is set up."""
    app.jinja_env.globals.update(_=gettext, gettext=gettext, ngettext=ngettext)


def _shown(value: object) -> object:
    if isinstance(value, date):
        return formatting.day(value)
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return formatting.number(value)
    return value


def _language() -> str:
    language: str | None = g.get("wording_language")
    if language is None:
        language = g.wording_language = str(get_locale() or "en")
    return language
