"""Clients templates: a list and its form."""

from uuid import UUID

from flask import Response, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.exc import IntegrityError

from core.db import Session
from core.errors import ConflictError, InvalidInputError
from core.ids import new_id
from core.tenancy import current_scope
from core.uow import unit_of_work
from core.zones import list_zone_names
from payments import client_templates as whole_templates
from portal.access import current_viewer, office_view
from portal.fields import put_error
from portal.htmx import hx, render
from portal.listing import render_list
from portal.office.client_offers import list_tag_names, read_choices
from portal.office.client_templates import queries
from portal.office.client_templates.blueprint import bp
from portal.office.client_templates.forms import TemplateForm
from portal.office.form_ids import read_form_id
from portal.office.saved import saved
from portal.wording import refusal
from tenants import client_templates, resellers
from tenants.client_templates import StaleTemplateError
from tenants.models import ClientTemplate
from tenants.permissions import Permission

CHANGED = "client-templates-changed"


@bp.get("/")
@office_view(Permission.TEMPLATES_READ)
def index() -> ResponseReturnValue:
    search = request.args.get("q", "").strip()[:100]
    with unit_of_work() as session:
        rows = queries.list_rows(session, search)
    return render_list(
        "office/client_templates/index.html",
        "office/client_templates/_table.html",
        rows=rows,
        search=search,
        may_write=current_viewer().may(Permission.TEMPLATES_WRITE),
        may_read_clients=current_viewer().may(Permission.CLIENTS_READ),
        is_family=len(current_scope().reseller_ids) > 1,
    )


@bp.get("/new")
@office_view(Permission.TEMPLATES_WRITE)
def new() -> ResponseReturnValue:
    form = TemplateForm(reseller_id=current_scope().home_reseller_id)
    with unit_of_work() as session:
        form.offer(read_choices(session))
    return _draw(form, request_id=new_id())


@bp.post("/new")
@office_view(Permission.TEMPLATES_WRITE)
def create() -> ResponseReturnValue:
    request_id = read_form_id("request_id")
    form = TemplateForm(request.form, data={"reseller_id": current_scope().home_reseller_id})
    with unit_of_work() as session:
        form.offer(read_choices(session))
    if not form.validate():
        return _draw(form, request_id=request_id, status=422)
    try:
        made = _create(form, request_id)
    except InvalidInputError as error:
        _put(form, error)
        return _draw(form, request_id=request_id, status=422)
    return _saved(made)


@bp.get("/<int:template_id>")
@office_view(Permission.TEMPLATES_WRITE)
def edit(template_id: int) -> ResponseReturnValue:
    with unit_of_work() as session:
        template = client_templates.get_template(session, template_id)
        form = _stored_form(session, template)
    return _draw(form, template)


@bp.post("/<int:template_id>")
@office_view(Permission.TEMPLATES_WRITE)
def update(template_id: int) -> ResponseReturnValue:
    version = request.form.get("version", 0, type=int)
    with unit_of_work() as session:
        template = client_templates.get_template(session, template_id)
        form = TemplateForm(request.form, data={"reseller_id": template.reseller_id})
        form.offer(read_choices(session, template.reseller_id))
    if not form.validate():
        return _draw(form, template, status=422, version=version)
    try:
        with unit_of_work() as session:
            template = whole_templates.update_template(
                session, template_id, version=version, values=form.to_values()
            )
    except InvalidInputError as error:
        _put(form, error)
        return _draw(form, template, status=422, version=version)
    except StaleTemplateError as error:
        return _draw_stale(template_id, form, error)
    return _saved(template)


@bp.post("/<int:template_id>/default")
@office_view(Permission.TEMPLATES_WRITE)
def make_default(template_id: int) -> ResponseReturnValue:
    """New clients of its reseller begin with it, or with none any more."""
    with unit_of_work() as session:
        template = client_templates.get_template(session, template_id)
        is_on = request.form.get("on") == "1"
        if is_on or template.is_default:
            client_templates.set_default(
                session, template.reseller_id, template.id if is_on else None
            )
    text = (
        _("New clients begin with %(name)s.", name=template.name)
        if is_on
        else _("New clients begin without a template.")
    )
    return saved(text, changed=CHANGED, address=url_for("office_client_templates.index"))


@bp.post("/<int:template_id>/delete")
@office_view(Permission.TEMPLATES_WRITE)
def delete(template_id: int) -> ResponseReturnValue:
    """Its clients keep their values."""
    with unit_of_work() as session:
        client_templates.delete_template(session, template_id)
    return saved(
        _("The template is deleted. Its clients stay as they are."),
        changed=CHANGED,
        address=url_for("office_client_templates.index"),
    )


def _create(form: TemplateForm, request_id: UUID) -> ClientTemplate:
    try:
        with unit_of_work() as session:
            known = client_templates.find_by_request(session, request_id)
            if known is not None:
                return known
            reseller_id = form.reseller_id.data or current_scope().home_reseller_id
            return whole_templates.create_template(
                session,
                request_id=request_id,
                reseller_id=resellers.check_choice(session, reseller_id).id,
                values=form.to_values(),
            )
    except IntegrityError as error:
        with unit_of_work() as session:
            known = client_templates.find_by_request(session, request_id)
        if known is None:
            raise ConflictError("Somebody was faster. Try again.") from error
        return known


def _stored_form(session: Session, template: ClientTemplate) -> TemplateForm:
    form = TemplateForm(data={"reseller_id": template.reseller_id})
    form.offer(read_choices(session, template.reseller_id))
    form.show(whole_templates.get_values(session, template))
    return form


def _draw_stale(template_id: int, form: TemplateForm, error: StaleTemplateError) -> Response:
    """What was typed stays in the form; what is stored now is told beside it."""
    with unit_of_work() as session:
        template = client_templates.get_template(session, template_id)
        stored = _stored_form(session, template)
    different = [
        f"{one.label.text}: {one._value() if hasattr(one, '_value') else one.data}"
        for one, mine in zip(stored, form, strict=True)
        if (one.data or None) != (mine.data or None)
    ]
    messages = [refusal(error)]
    if different:
        messages.append(
            _(
                "Stored now by %(who)s: %(fields)s. Save again to keep what you typed.",
                who=template.updated_by,
                fields="; ".join(different),
            )
        )
    return _draw(form, template, status=409, messages=messages)


def _put(form: TemplateForm, error: InvalidInputError) -> None:
    named = "auto_enabled" if error.field == "enabled" else error.field or ""
    if named in form:
        form[named].errors = [*form[named].errors, refusal(error)]
    elif not put_error(form, error):
        form.name.errors = [*form.name.errors, refusal(error)]


def _saved(template: ClientTemplate) -> Response:
    return saved(
        _("%(name)s is saved.", name=template.name),
        changed=CHANGED,
        address=url_for("office_client_templates.index"),
    )


def _draw(
    form: TemplateForm,
    template: ClientTemplate | None = None,
    *,
    request_id: UUID | None = None,
    version: int | None = None,
    status: int = 200,
    messages: list[str] | None = None,
) -> Response:
    with unit_of_work() as session:
        tags = list_tag_names(session)
    page = render(
        "office/client_templates/form.html",
        "office/client_templates/_form.html",
        status=status,
        form=form,
        template=template,
        request_id=request_id,
        version=version or (template.version if template else 0),
        zones=list_zone_names(),
        tags=tags,
        messages=messages or [],
    )
    return hx(page, trigger={"dialog:open": {}}) if status == 200 else page
