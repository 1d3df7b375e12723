"""New and Edit client: drawing, filling in a template, merging with a colleague, saving."""

from uuid import UUID

from flask import Response, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.exc import IntegrityError
from werkzeug.datastructures import MultiDict
from wtforms import SelectField

from core.db import Session
from core.errors import ConflictError, InvalidInputError, NotAllowedError
from core.ids import new_id
from core.tenancy import current_scope
from core.uow import unit_of_work
from payments import client_templates as whole_templates
from payments.client_templates import TemplateValues
from portal.access import NOT_IN_ROLE, office_view
from portal.card_numbers import without_card_numbers
from portal.htmx import hx, render, toast, wants_partial
from portal.office.client_rights import BLOCK_PERMISSIONS
from portal.office.clients import merging, queries, saving
from portal.office.clients.blueprint import bp
from portal.office.clients.filling import begin_anew, fill
from portal.office.clients.form_page import FormPage, read_client, read_new
from portal.office.clients.form_values import put_in, raw_values, read_shown, show
from portal.office.clients.forms import ClientForms
from portal.office.clients.merging import read_offer
from portal.office.clients.saving import RefusedError, Saved
from portal.office.form_ids import read_form_id
from portal.sessions import end_panel_sessions
from portal.wording import refusal
from tenants import client_templates, resellers
from tenants.clients import StaleVersionError, find_by_request, get_client
from tenants.permissions import Permission

CHANGED = "clients-changed"


@bp.get("/new")
@office_view(Permission.CLIENTS_WRITE)
def new() -> ResponseReturnValue:
    """Begins with what the reseller's default template says."""
    with unit_of_work() as session:
        page = _read_new(session)
        default = client_templates.find_default(session, current_scope().home_reseller_id)
        values = None if default is None else whole_templates.get_values(session, default)
    page.request_id = new_id()
    forms = page.make(None)
    page.shown = show(forms)
    if default is None or values is None:
        return page.draw(forms)
    sent = MultiDict([(name, one) for name, raw in raw_values(forms).items() for one in raw])
    sent, page.filled, _offer = fill(sent, forms, values, page.shown, page.make)
    sent = put_in(sent, _chosen_template(default.id))
    return page.draw(page.make(sent), sent)


@bp.post("/new")
@office_view(Permission.CLIENTS_WRITE)
def create() -> ResponseReturnValue:
    request_id = read_form_id("request_id")
    with unit_of_work() as session:
        page = _read_new(session)
    page.request_id = request_id
    _carry_on(page)
    forms = page.make(request.form)
    _refuse_unwritable(forms)
    forms.validate()
    try:
        saved, similar = _create(forms, request_id, current_scope().home_reseller_id)
    except RefusedError:
        return page.draw(forms, request.form, 422)
    return _saved(saved, similar)


@bp.get("/<int:client_id>/edit")
@office_view(Permission.CLIENTS_WRITE)
def edit(client_id: int) -> ResponseReturnValue:
    with unit_of_work() as session:
        page = read_client(session, get_client(session, client_id))
    forms = page.make(None)
    page.shown = show(forms)
    return page.draw(forms)


@bp.post("/<int:client_id>/edit")
@office_view(Permission.CLIENTS_WRITE)
def update(client_id: int) -> ResponseReturnValue:
    with unit_of_work() as session:
        page = read_client(session, get_client(session, client_id))
    _carry_on(page)
    page.version = request.form.get("version", 0, type=int)
    forms = page.make(request.form)
    _refuse_unwritable(forms)
    forms.validate()
    try:
        with unit_of_work() as session:
            saved = saving.update(session, client_id, forms, version=page.version)
            similar = queries.count_similar(session, saved.client.name, but=client_id)
    except RefusedError:
        return page.draw(forms, request.form, 422)
    except StaleVersionError as error:
        return _draw_stale(client_id, forms, error)
    return _saved(saved, similar)


@bp.post("/new/fill")
@office_view(Permission.CLIENTS_WRITE)
def fill_new() -> ResponseReturnValue:
    """The form of a new client again with a template's values in it; saves nothing."""
    with unit_of_work() as session:
        page = _read_new(session)
        page.request_id = read_form_id("request_id")
        return _fill(session, page, _chosen_reseller())


@bp.post("/new/reseller")
@office_view(Permission.CLIENTS_WRITE)
def choose_reseller() -> ResponseReturnValue:
    """The form of a new client again, beginning with what another reseller begins with."""
    with unit_of_work() as session:
        chosen = resellers.get_reseller(session, _chosen_reseller())
        page = read_new(session, chosen)
        page.request_id = read_form_id("request_id")
        _carry_on(page)
        typed = without_card_numbers(request.form)
        forms = page.make(typed)
        if _has_foreign_choice(forms):
            return page.draw(forms, typed, 422)
        sent = begin_anew(typed, forms, page.make(None), page.shown)
        template_id = forms.general.template_id.data
        if template_id and not client_templates.is_of(session, chosen.id, template_id):
            sent = put_in(sent, _chosen_template(None))
    return page.draw(page.make(sent), sent)


@bp.post("/<int:client_id>/edit/fill")
@office_view(Permission.CLIENTS_WRITE)
def fill_edit(client_id: int) -> ResponseReturnValue:
    """The same for a client that exists; also puts in one of two values that are offered."""
    with unit_of_work() as session:
        client = get_client(session, client_id)
        page = read_client(session, client)
        page.version = request.form.get("version", 0, type=int)
        return _fill(session, page, client.reseller_id)


@bp.get("/similar")
@office_view(Permission.CLIENTS_WRITE)
def similar_names() -> ResponseReturnValue:
    """Whether another client has the name that is being typed."""
    name = request.args.get("general-name", "").strip()[:200]
    with unit_of_work() as session:
        found = (
            queries.count_similar(session, name, but=request.args.get("but", type=int))
            if name
            else []
        )
    return render("office/clients/similar.html", "office/clients/_similar.html", similar=found)


def _read_new(session: Session) -> FormPage:
    home = resellers.get_reseller(session, current_scope().home_reseller_id)
    return read_new(session, home)


def _carry_on(page: FormPage) -> None:
    page.shown = read_shown(request.form.get("shown"))
    page.offer = read_offer(request.form.get("offer"))


def _refuse_unwritable(forms: ClientForms) -> None:
    """Nobody writes by hand what the form does not let them write."""
    closed = [f"{name}-" for name in BLOCK_PERMISSIONS if name not in forms.writable]
    if any(name.startswith(tuple(closed)) for name in request.form):
        raise NotAllowedError(NOT_IN_ROLE)


def _create(forms: ClientForms, request_id: UUID, home_id: int) -> tuple[Saved, list[int]]:
    try:
        with unit_of_work() as session:
            saved = saving.create(session, forms, request_id=request_id, home_id=home_id)
            return saved, queries.count_similar(session, saved.client.name, but=saved.client.id)
    except IntegrityError as error:
        # two clicks at the same moment: the other one has made it
        with unit_of_work() as session:
            known = find_by_request(session, request_id)
            if known is None:
                raise ConflictError("Somebody was faster. Try again.") from error
            return Saved(saving.repeated(known, forms)), []


def _saved(saved: Saved, similar: list[int]) -> Response:
    client = saved.client
    if saved.ends_sessions:
        end_panel_sessions(client.id, "login_changed")
    text = _("%(name)s is saved.", name=client.name)
    level = "success"
    if similar:
        level = "warning"
        ids = ", ".join(f"#{one}" for one in similar)
        text = f"{text} " + _("Another client has this name: %(ids)s.", ids=ids)
    if wants_partial():
        done = {"dialog:close": {}, CHANGED: {}, "toast": toast(text, level)}
        return hx(trigger=done, reswap="none")
    flash(text, level)
    return redirect(url_for("office_clients.show", client_id=client.id), 303)  # type: ignore[return-value]


def _draw_stale(client_id: int, mine: ClientForms, error: StaleVersionError) -> Response:
    """Both versions: what only the colleague changed is taken over, the rest is to be chosen."""
    shown = read_shown(request.form.get("shown"))
    with unit_of_work() as session:
        client = get_client(session, client_id)
        page = read_client(session, client)
        theirs = page.make(None)
        sent, page.offer = merging.merge(request.form, mine, theirs, shown, page.make)
        if page.offer is not None:
            merging.name_colleagues(session, client, mine, page.offer, shown)
    page.shown = show(theirs)
    seen = theirs.invoicing.shown_last_invoiced_on
    sent = put_in(sent, {seen.id: [seen.data or ""]})
    forms = page.make(sent)
    forms.validate()
    page.messages = [refusal(error)]
    if page.offer is None:
        page.messages = [
            _("%(message)s None of it concerns what you changed.", message=refusal(error))
        ]
    return page.draw(forms, sent, 409)


def _fill(session: Session, page: FormPage, reseller_id: int) -> Response:
    _carry_on(page)
    # drawn again without being checked
    typed = without_card_numbers(request.form)
    forms = page.make(typed)
    if _has_foreign_choice(forms):
        return page.draw(forms, typed, 422)
    choice = request.form.get("choose")
    if choice is not None:
        sent = typed if page.offer is None else merging.choose(typed, page.offer, choice)
        return page.draw(page.make(sent), sent)
    template_id = forms.general.template_id.data
    if template_id is None:
        sent = put_in(typed, _chosen_template(None))
        return page.draw(page.make(sent), sent)
    try:
        template = client_templates.check_choice(session, reseller_id, template_id)
    except InvalidInputError as error:
        forms.general.template_id.errors = [refusal(error)]
        return page.draw(forms, typed, 422)
    values: TemplateValues = whole_templates.get_values(session, template)
    sent, page.filled, page.offer = fill(typed, forms, values, page.shown, page.make)
    sent = put_in(sent, _chosen_template(template.id))
    return page.draw(page.make(sent), sent)


def _has_foreign_choice(forms: ClientForms) -> bool:
    """Whether something was chosen that no list offers; says so at the field."""
    offered = _values_of(forms.general.template_id)
    if (forms.general.applied_template_id.data or "") not in offered:
        raise InvalidInputError("This form is out of date. Load the page anew.")
    wrong = [
        one
        for one in forms
        if isinstance(one, SelectField)
        and one.data not in (None, "")
        and str(one.data) not in _values_of(one)
    ]
    for one in wrong:
        one.errors = [_("Choose one from the list.")]
    return bool(wrong)


def _values_of(field: SelectField) -> set[str]:
    return {str(choice[0]) for choice in field.iter_choices()}


def _chosen_template(template_id: int | None) -> dict[str, list[str]]:
    said = ["" if template_id is None else str(template_id)]
    return {"general-template_id": said, "general-applied_template_id": said}


def _chosen_reseller() -> int:
    home_id = current_scope().home_reseller_id
    wanted = request.form.get("general-reseller_id", type=int)
    return wanted if wanted in current_scope().reseller_ids else home_id
