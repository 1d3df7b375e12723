"""A text before it is saved: how it looks with a client's data, and mailed to oneself."""

import hashlib

from flask import make_response, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from core.clock import now
from core.db import Session
from core.errors import InvalidInputError
from core.uow import unit_of_work
from mail import templates
from mail.letters import Letter
from mail.queue import SUBJECT_LENGTH, MailKind, queue_mail
from mail.template_language import TemplateProblem
from mail.template_source import TemplateSource
from portal.access import current_viewer, office_view
from portal.card_numbers import without_card_numbers
from portal.fields import put_error
from portal.headers import allow_own_frame, show_foreign_markup
from portal.htmx import hx, render, toast, wants_partial
from portal.office.mail_templates import samples, views
from portal.office.mail_templates.blueprint import bp
from portal.office.mail_templates.forms import TemplateForm
from portal.office.mail_templates.views import Desk
from portal.wording import refusal
from tenants.permissions import Permission

_EMPTY = "<!doctype html><title>-</title>"


@bp.post("/<letter>/preview")
@office_view(Permission.TEMPLATES_WRITE)
def preview(letter: str) -> ResponseReturnValue:
    """Subject and plain text as they would be sent, or what is wrong."""
    form = TemplateForm(without_card_numbers(request.form))
    with unit_of_work() as session:
        desk = views.desk_of(session, letter, form)
        client = samples.find_client(session, desk.reseller.id, form.as_client.data or "")
        written, problem = _try(session, desk, form.to_source(), form.as_client.data or "")
        if not wants_partial() and problem is not None:
            put_error(form, problem)
            return views.draw(session, desk, form)
    allow_own_frame()
    return render(
        "office/mail_templates/preview.html",
        "office/mail_templates/_preview.html",
        desk=desk,
        letter=written,
        client=client,
        asked=form.as_client.data,
        problem=None if problem is None else refusal(problem),
    )


@bp.post("/<letter>/preview/html")
@office_view(Permission.TEMPLATES_WRITE)
def preview_html(letter: str) -> ResponseReturnValue:
    """The HTML part, for a frame: no script, request or form of it works."""
    form = TemplateForm(without_card_numbers(request.form))
    with unit_of_work() as session:
        desk = views.desk_of(session, letter, form)
        written, _problem = _try(session, desk, form.to_source(), form.as_client.data or "")
    return _as_frame(written)


@bp.get("/<letter>/html")
@office_view(Permission.TEMPLATES_READ)
def html(letter: str) -> ResponseReturnValue:
    """The HTML part of the text in force, with example values, for a frame."""
    with unit_of_work() as session:
        desk = views.open_desk(
            session, letter, request.args.get("reseller", type=int), request.args.get("locale", "")
        )
        written, _problem = _try(session, desk, views.source_of(desk.newest, desk), "")
    return _as_frame(written)


@bp.post("/<letter>/test")
@office_view(Permission.TEMPLATES_WRITE)
def send_test(letter: str) -> ResponseReturnValue:
    """The text as typed, mailed to whoever is signed in; the same text once a minute."""
    form = TemplateForm(request.form)
    with unit_of_work() as session:
        desk = views.desk_of(session, letter, form)
        if not form.validate():
            return views.draw(session, desk, form, status=422)
        written, refused = _try(session, desk, form.to_source(), form.as_client.data or "")
        problem = refused if written is None else _queue(session, desk, written)
        if problem is not None:
            put_error(form, problem) or put_error(
                form, InvalidInputError(problem.text, "subject", **problem.values)
            )
            return views.draw(session, desk, form, status=422)
        said = _("A test mail to %(address)s is on its way.", address=current_viewer().detail)
        if wants_partial():
            return hx(trigger={"toast": toast(said)}, reswap="none")
        return views.draw(session, desk, form, conflict=said)


def _queue(session: Session, desk: Desk, written: Letter) -> InvalidInputError | None:
    address = current_viewer().detail
    marked = _("Test: %(subject)s", subject=written.subject)[:SUBJECT_LENGTH]
    said = f"{marked}\n{written.text}\n{written.html}\n{now():%Y-%m-%d %H:%M}"
    try:
        queue_mail(
            session,
            reseller_id=desk.reseller.id,
            kind=MailKind.TEST,
            dedupe_key=f"test:{address}:{hashlib.sha256(said.encode()).hexdigest()[:32]}",
            to_address=address,
            subject=marked,
            body_text=written.text,
            body_html=written.html,
        )
    except InvalidInputError as error:
        return error
    return None


def _try(
    session: Session, desk: Desk, source: TemplateSource, words: str
) -> tuple[Letter | None, TemplateProblem | None]:
    client = samples.find_client(session, desk.reseller.id, words)
    try:
        templates.check_template(desk.letter.name, source, desk.locale)
        values = samples.make_sample(session, desk.letter, desk.reseller, client)
        return templates.fill_in(source, values, desk.locale), None
    except TemplateProblem as problem:
        return None, problem


def _as_frame(letter: Letter | None) -> ResponseReturnValue:
    show_foreign_markup()
    body = _EMPTY if letter is None or not letter.html else letter.html
    return make_response(body, {"Content-Type": "text/html; charset=utf-8"})
