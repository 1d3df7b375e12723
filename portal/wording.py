"""Translated words for templates, looked up once per language and process.

Flask-Babel finds the request's translations anew for each text, which on a list of fifty rows costs
more than the query; a text's translation does not change while the program runs.
"""

from flask import Flask, g
from flask_babel import get_locale, get_translations
from markupsafe import Markup

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


def init_app(app: Flask) -> None:
    """Let templates use these instead of Flask-Babel's own. Call after Babel is set up."""
    app.jinja_env.globals.update(_=gettext, gettext=gettext, ngettext=ngettext)


def _language() -> str:
    language: str | None = g.get("wording_language")
    if language is None:
        language = g.wording_language = str(get_locale() or "en")
    return language
