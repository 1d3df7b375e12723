"""A reseller's own texts of letters: kept in versions, checked when saved, used when sent.

A letter is written from the reseller's text for the language, else from the program's own. A text
that cannot be filled in stops no mail: the program's own goes out and an event tells of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import structlog
from markupsafe import Markup
from sqlalchemy import Select, select
from sqlalchemy.dialects.postgresql import insert

from core.clock import now
from core.db import Session
from core.errors import ConflictError, NotFoundError
from core.tenancy import current_actor
from mail import letters
from mail.letter_catalogue import get_letter
from mail.letters import Letter, make_letter
from mail.queue import SUBJECT_LENGTH
from mail.template_html import check_html
from mail.template_language import TemplateProblem, check_source, render_source
from mail.template_models import MailTemplateVersion
from mail.template_source import TemplateSource
from tenants import audit, events

FIELDS = ("subject", "body_text", "body_html")
_FRAME = (
    '{% extends "base.html" %}{% block title %}{{ subject }}{% endblock %}'
    "{% block body %}\n{{ body }}\n{% endblock %}"
)
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class TemplateKey:
    """Which text: whose, of which letter, in which language."""

    reseller_id: int
    name: str
    locale: str


def write(
    session: Session, *, reseller_id: int, name: str, locale: str, variables: Mapping[str, object]
) -> Letter:
    """The letter as it is to be sent, in the reseller's own words where it has them."""
    letters.check_plain(variables)
    known = letters.known_locale(locale)
    own = find_own(session, reseller_id, name, known)
    if own is not None:
        try:
            return fill_in(_source_of(own), variables, known)
        except TemplateProblem as problem:
            _tell_broken(session, own, problem)
    return letters.render(name, known, **variables)


def fill_in(source: TemplateSource, variables: Mapping[str, object], locale: str) -> Letter:
    """The source with values, its HTML in our frame. Raises TemplateProblem.

    Its tags are looked at anew: what is stored may be older than a rule.
    """
    check_html(source.body_html)
    parts = {
        field: render_source(getattr(source, field), field, variables, locale) for field in FIELDS
    }
    letter = make_letter(parts["subject"], parts["body_text"], "")
    if not letter.subject or len(letter.subject) > SUBJECT_LENGTH:
        raise TemplateProblem(
            "A subject is one line of at most %(limit)s characters.",
            "subject",
            limit=SUBJECT_LENGTH,
        )
    if not parts["body_html"].strip():
        return letter
    frame = letters.get_environment(locale).from_string(_FRAME)
    html = frame.render(
        subject=letter.subject,
        # what is put into it was escaped, and its own tags are those that `check_html` lists
        body=Markup(parts["body_html"]),  # noqa: S704
        sender_name=variables.get("sender_name", ""),
    )
    return Letter(letter.subject, letter.text, html)


def check_template(name: str, source: TemplateSource, locale: str) -> Letter:
    """The letter with example values; raises TemplateProblem for a source that cannot be taken."""
    letter = get_letter(name)
    variables = letter.examples()
    for field in FIELDS:
        check_source(getattr(source, field), field, variables)
    if not source.body_text.strip():
        raise TemplateProblem("Write a plain text too: some read nothing else.", "body_text")
    return fill_in(source, variables, letters.known_locale(locale))


def save_template(
    session: Session, key: TemplateKey, source: TemplateSource, *, based_on: int
) -> MailTemplateVersion:
    """A new version, in force from now on; the same text again makes none.

    Raises TemplateProblem, and ConflictError when somebody saved after version `based_on` was
    shown.
    """
    check_template(key.name, source, key.locale)
    return _write(session, key, source, based_on=based_on)


def restore_default(session: Session, key: TemplateKey, *, based_on: int) -> None:
    """Back to the program's own text; what was written stays among the versions."""
    _write(session, key, None, based_on=based_on)


def find_own(
    session: Session, reseller_id: int, name: str, locale: str
) -> MailTemplateVersion | None:
    """The reseller's text in force for the language, or for the language without its country."""
    for one in dict.fromkeys((locale, locale.partition("_")[0])):
        found = find_newest(session, TemplateKey(reseller_id, name, one))
        if found is not None:
            return None if found.is_default else found
    return None


def find_newest(session: Session, key: TemplateKey) -> MailTemplateVersion | None:
    """The newest version, be it the program's own; None when nothing was ever changed."""
    return session.scalar(_versions(key).order_by(MailTemplateVersion.version.desc()).limit(1))


def list_versions(session: Session, key: TemplateKey) -> list[MailTemplateVersion]:
    """The newest hundred, newest first."""
    return list(
        session.scalars(_versions(key).order_by(MailTemplateVersion.version.desc()).limit(100))
    )


def get_version(session: Session, key: TemplateKey, version: int) -> MailTemplateVersion:
    """Raises NotFoundError."""
    found = session.scalar(_versions(key).where(MailTemplateVersion.version == version))
    if found is None:
        raise NotFoundError("There is no such version.")
    return found


def _versions(key: TemplateKey) -> Select[MailTemplateVersion]:
    return select(MailTemplateVersion).where(
        MailTemplateVersion.reseller_id == key.reseller_id,
        MailTemplateVersion.letter == key.name,
        MailTemplateVersion.locale == key.locale,
    )


def _write(
    session: Session, key: TemplateKey, source: TemplateSource | None, *, based_on: int
) -> MailTemplateVersion:
    newest = find_newest(session, key)
    before = TemplateSource("", "", "") if newest is None else _source_of(newest)
    after = source or TemplateSource("", "", "")
    is_default = source is None
    if newest is not None and newest.is_default == is_default and before == after:
        return newest
    if (0 if newest is None else newest.version) != based_on:
        raise ConflictError("Somebody else saved this text meanwhile.")
    written: MailTemplateVersion | None = session.scalar(
        insert(MailTemplateVersion)
        .values(
            reseller_id=key.reseller_id,
            letter=key.name,
            locale=key.locale,
            version=based_on + 1,
            is_default=is_default,
            author=current_actor().label,
            created_at=now(),
            **{field: getattr(after, field) for field in FIELDS},
        )
        .on_conflict_do_nothing()
        .returning(MailTemplateVersion)
    )
    if written is None:
        raise ConflictError("Somebody else saved this text meanwhile.")
    audit.record(
        session,
        reseller_id=key.reseller_id,
        action="restore" if is_default else "update",
        object_type="mail_template",
        object_id=f"{key.name}:{key.locale}",
        object_label=f"{get_letter(key.name).label} ({key.locale})",
        changes=audit.differences(
            {field: getattr(before, field) for field in FIELDS},
            {field: getattr(after, field) for field in FIELDS},
        ),
    )
    return written


def _source_of(version: MailTemplateVersion) -> TemplateSource:
    return TemplateSource(version.subject, version.body_text, version.body_html)


def _tell_broken(session: Session, own: MailTemplateVersion, problem: TemplateProblem) -> None:
    _log.warning("mail.template_broken", letter=own.letter, version=own.version)
    events.record(
        session,
        reseller_id=own.reseller_id,
        level="warning",
        service="mail",
        code="mail_template_broken",
        text=events.EventText(
            "Your text of the letter “%(letter)s” (%(locale)s) could not be filled in, so the"
            " standard text was sent: %(why)s",
            letter=get_letter(own.letter).label,
            locale=own.locale,
            why=problem.message,
        ),
        object_type="mail_template",
        object_id=f"{own.letter}:{own.locale}",
        dedupe_key=f"mail-template:{own.id}",
    )
