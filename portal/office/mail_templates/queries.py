"""What the Mail templates screen reads."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from babel import Locale
from flask_babel import get_locale
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on

from core.db import Session
from mail.letters import known_locale
from mail.template_models import MailTemplateVersion
from portal import formatting

# the languages that are offered; another that has a text of its own is listed too
LANGUAGES = (
    "en", "de", "ar", "cs", "da", "el", "es", "fi", "fr", "he", "hi", "hu", "it", "ja", "ko", "nb",
    "nl", "pl", "pt", "ro", "ru", "sv", "tr", "uk", "zh",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class OwnText:
    """A text of the reseller's own that is in force."""

    locale: str
    language: str
    created_at: datetime
    author: str


def list_own(session: Session, reseller_id: int) -> Mapping[str, Sequence[OwnText]]:
    """The reseller's own texts in force, by letter."""
    newest = (
        select(MailTemplateVersion)
        .where(MailTemplateVersion.reseller_id == reseller_id)
        .ext(distinct_on(MailTemplateVersion.letter, MailTemplateVersion.locale))
        .order_by(
            MailTemplateVersion.letter,
            MailTemplateVersion.locale,
            MailTemplateVersion.version.desc(),
        )
    )
    found: dict[str, list[OwnText]] = defaultdict(list)
    for one in session.scalars(newest):
        if not one.is_default:
            found[one.letter].append(
                OwnText(one.locale, name_language(one.locale), one.created_at, one.author)
            )
    return found


def list_languages(chosen: str) -> list[tuple[str, str]]:
    """Pairs of locale and its name in the viewer's language, by name; `chosen` is among them."""
    offered = dict.fromkeys((*LANGUAGES, chosen))
    return sorted(((one, name_language(one)) for one in offered), key=lambda pair: pair[1])


def name_language(locale: str) -> str:
    """How the viewer calls the language."""
    name = Locale.parse(known_locale(locale)).get_display_name(get_locale() or "en") or locale
    return name[:1].upper() + name[1:]


def say_example(value: object) -> str:
    """An example as people write it."""
    if isinstance(value, bool):
        return str(_("yes") if value else _("no"))
    if isinstance(value, datetime):
        return formatting.instant(value)
    if isinstance(value, date):
        return formatting.day(value)
    if isinstance(value, Decimal):
        return formatting.number(value, 2)
    return str(_("a list")) if isinstance(value, list) else str(value)
