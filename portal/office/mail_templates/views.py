"""Mail templates: the letters, the editor of one, its versions."""

from dataclasses import dataclass

from flask import Response, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy import select

from core.db import Session
from core.errors import ConflictError
from core.tenancy import current_scope
from core.uow import unit_of_work
from mail import letter_switches, letters, templates
from mail.letter_catalogue import LetterKind, get_letter, list_letters
from mail.template_language import TemplateProblem
from mail.template_models import MailTemplateVersion
from mail.template_source import TemplateSource, unfold_letter
from mail.templates import TemplateKey
from portal.access import current_viewer, office_view
from portal.fields import put_error
from portal.headers import allow_own_frame
from portal.htmx import hx, render, wants_partial
from portal.office.mail_templates import queries
from portal.office.mail_templates.blueprint import bp
from portal.office.mail_templates.forms import TemplateForm
from portal.wording import refusal
from tenants import resellers
from tenants.models import Client, Reseller
from tenants.permissions import Permission


@dataclass(frozen=True, slots=True)
class Desk:
    """What the editor is about."""

    letter: LetterKind
    reseller: Reseller
    locale: str
    newest: MailTemplateVersion | None

    @property
    def key(self) -> TemplateKey:
        return TemplateKey(self.reseller.id, self.letter.name, self.locale)

    @property
    def version(self) -> int:
        return 0 if self.newest is None else self.newest.version

    @property
    def is_own(self) -> bool:
        return self.newest is not None and not self.newest.is_default


@bp.get("/")
@office_view(Permission.TEMPLATES_READ)
def index() -> ResponseReturnValue:
    with unit_of_work() as session:
        reseller = _chosen_reseller(session, request.args.get("reseller", type=int))
        own = queries.list_own(session, reseller.id)
        off = letter_switches.list_off(session, reseller.id)
        family = [(one.id, one.name) for one in resellers.list_resellers(session)]
    return render(
        "office/mail_templates/index.html",
        letters=list_letters(),
        own=own,
        off=off,
        reseller=reseller,
        family=family,
        may_write=current_viewer().may(Permission.TEMPLATES_WRITE),
    )


@bp.post("/<letter>/switch")
@office_view(Permission.TEMPLATES_WRITE)
def switch(letter: str) -> ResponseReturnValue:
    """Send a letter from now on, or no more; a second click finds it so."""
    on = request.form.get("on") == "1"
    with unit_of_work() as session:
        reseller = _chosen_reseller(session, request.form.get("reseller", type=int))
        letter_switches.switch_letter(session, reseller.id, letter, on=on)
    text = _("The mail is sent from now on.") if on else _("The mail is not sent any more.")
    flash(text, "success")
    return redirect(url_for("office_mail_templates.index", reseller=reseller.id), 303)


@bp.get("/<letter>")
@office_view(Permission.TEMPLATES_READ)
def edit(letter: str) -> ResponseReturnValue:
    """The text in force, or an older version to take it from."""
    with unit_of_work() as session:
        desk = open_desk(
            session,
            letter,
            request.args.get("reseller", type=int),
            request.args.get("locale", ""),
        )
        wanted = request.args.get("version", type=int)
        taken = None if wanted is None else templates.get_version(session, desk.key, wanted)
        form = TemplateForm(reseller_id=desk.reseller.id, locale=desk.locale, based_on=desk.version)
        form.show(source_of(taken or desk.newest, desk))
        form.as_client.data = _newest_client(session, desk.reseller.id)
        return draw(session, desk, form, taken=taken)


@bp.post("/<letter>")
@office_view(Permission.TEMPLATES_WRITE)
def save(letter: str) -> ResponseReturnValue:
    form = TemplateForm(request.form)
    with unit_of_work() as session:
        desk = desk_of(session, letter, form)
        if not form.validate():
            return draw(session, desk, form, status=422)
    try:
        with unit_of_work() as session:
            templates.save_template(
                session, desk.key, form.to_source(), based_on=form.based_on.data or 0
            )
    except TemplateProblem as problem:
        with unit_of_work() as session:
            put_error(form, problem)
            return draw(session, desk, form, status=422)
    except ConflictError as error:
        with unit_of_work() as session:
            desk = desk_of(session, letter, form)
            return draw(session, desk, form, status=409, conflict=refusal(error))
    flash(_("The text is saved; mails are written with it from now on."), "success")
    return _go_to(desk)


@bp.post("/<letter>/default")
@office_view(Permission.TEMPLATES_WRITE)
def restore(letter: str) -> ResponseReturnValue:
    """Back to the standard text; a second click finds it there."""
    form = TemplateForm(request.form)
    with unit_of_work() as session:
        desk = desk_of(session, letter, form)
        if desk.is_own:
            templates.restore_default(session, desk.key, based_on=form.based_on.data or 0)
    flash(_("The standard text is used again."), "success")
    return _go_to(desk)


def desk_of(session: Session, letter: str, form: TemplateForm) -> Desk:
    """The desk that the form was drawn on; raises NotFoundError for another's."""
    return open_desk(session, letter, form.reseller_id.data, form.locale.data or "")


def open_desk(session: Session, letter: str, reseller_id: int | None, locale: str) -> Desk:
    """Raises NotFoundError for an unknown letter or a reseller out of scope."""
    kind = get_letter(letter)
    reseller = _chosen_reseller(session, reseller_id)
    known = letters.known_locale(locale or reseller.locale)
    newest = templates.find_newest(session, TemplateKey(reseller.id, kind.name, known))
    return Desk(kind, reseller, known, newest)


def source_of(version: MailTemplateVersion | None, desk: Desk) -> TemplateSource:
    """The texts of a version; the program's own where it is none."""
    if version is None or version.is_default:
        return unfold_letter(desk.letter.name, desk.locale)
    return TemplateSource(version.subject, version.body_text, version.body_html)


def draw(
    session: Session,
    desk: Desk,
    form: TemplateForm,
    *,
    status: int = 200,
    taken: MailTemplateVersion | None = None,
    conflict: str = "",
) -> Response:
    """The editor with what is typed in it."""
    allow_own_frame()
    return render(
        "office/mail_templates/edit.html",
        "office/mail_templates/_form.html",
        status=status,
        desk=desk,
        form=form,
        taken=taken,
        conflict=conflict,
        languages=queries.list_languages(desk.locale),
        language=queries.name_language(desk.locale),
        say_example=queries.say_example,
        versions=templates.list_versions(session, desk.key),
        may_write=current_viewer().may(Permission.TEMPLATES_WRITE),
        is_family=len(current_scope().reseller_ids) > 1,
    )


def _chosen_reseller(session: Session, reseller_id: int | None) -> Reseller:
    return resellers.get_reseller(
        session, current_scope().home_reseller_id if reseller_id is None else reseller_id
    )


def _newest_client(session: Session, reseller_id: int) -> str:
    found = session.scalar(
        select(Client.id)
        .where(Client.reseller_id == reseller_id, Client.status == "active")
        .order_by(Client.id.desc())
        .limit(1)
    )
    return "" if found is None else f"#{found}"


def _go_to(desk: Desk) -> Response:
    address = url_for(
        "office_mail_templates.edit",
        letter=desk.letter.name,
        reseller=desk.reseller.id,
        locale=desk.locale,
    )
    if wants_partial():
        return hx(redirect=address)
    return redirect(address, 303)  # type: ignore[return-value]
