"""Invoice templates: a small list and its form."""

from flask import Blueprint, Response, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import get_locale
from flask_babel import gettext as _
from sqlalchemy import func, select

from billing import invoice_templates
from billing.invoice_models import InvoiceTemplate
from billing.invoice_templates import InvoiceLook, StaleInvoiceTemplateError
from billing.models import ClientBilling
from core.db import Session
from core.errors import InvalidInputError
from core.names import clean_line, clean_text
from core.tenancy import current_scope
from core.uow import unit_of_work
from portal.access import current_viewer, office_view
from portal.fields import put_error, to_choices
from portal.htmx import hx, render
from portal.office.client_offers import list_languages
from portal.office.invoice_templates.forms import InvoiceTemplateForm
from portal.office.saved import saved
from portal.wording import refusal
from tenants import resellers
from tenants.models import Reseller
from tenants.permissions import Permission

bp = Blueprint("office_invoice_templates", __name__, url_prefix="/office/invoice-templates")
CHANGED = "invoice-templates-changed"


@bp.get("/")
@office_view(Permission.TEMPLATES_READ)
def index() -> ResponseReturnValue:
    used = (
        select(func.count())
        .select_from(ClientBilling)
        .where(
            ClientBilling.reseller_id == InvoiceTemplate.reseller_id,
            ClientBilling.invoice_template_id == InvoiceTemplate.id,
        )
        .correlate(InvoiceTemplate)
        .scalar_subquery()
    )
    with unit_of_work() as session:
        rows = session.execute(
            select(InvoiceTemplate, Reseller.name.label("reseller"), used.label("clients"))
            .join(Reseller, Reseller.id == InvoiceTemplate.reseller_id)
            .order_by(
                Reseller.name, InvoiceTemplate.is_default.desc(), func.lower(InvoiceTemplate.name)
            )
            .limit(500)
        ).all()
    return render(
        "office/invoice_templates/index.html",
        "office/invoice_templates/_table.html",
        rows=rows,
        languages=dict(list_languages(str(get_locale() or "en"))),
        may_write=current_viewer().may(Permission.TEMPLATES_WRITE),
        is_family=len(current_scope().reseller_ids) > 1,
    )


@bp.get("/new")
@office_view(Permission.TEMPLATES_WRITE)
def new() -> ResponseReturnValue:
    form = InvoiceTemplateForm(reseller_id=current_scope().home_reseller_id)
    with unit_of_work() as session:
        _offer(session, form)
    return _draw(form)


@bp.post("/new")
@office_view(Permission.TEMPLATES_WRITE)
def create() -> ResponseReturnValue:
    form = InvoiceTemplateForm(request.form, data={"reseller_id": current_scope().home_reseller_id})
    with unit_of_work() as session:
        _offer(session, form)
        is_repeated = _is_made(session, form)
    if is_repeated:
        return _saved(form)
    if not form.validate():
        return _draw(form, status=422)
    try:
        with unit_of_work() as session:
            invoice_templates.create_template(
                session, reseller_id=form.reseller_id.data, look=form.to_look()
            )
    except InvalidInputError as error:
        put_error(form, error)
        return _draw(form, status=422)
    return _saved(form)


@bp.get("/<int:invoice_template_id>")
@office_view(Permission.TEMPLATES_WRITE)
def edit(invoice_template_id: int) -> ResponseReturnValue:
    with unit_of_work() as session:
        template = invoice_templates.get_template(session, invoice_template_id)
        form = InvoiceTemplateForm(obj=template)
        _offer(session, form)
    return _draw(form, template)


@bp.post("/<int:invoice_template_id>")
@office_view(Permission.TEMPLATES_WRITE)
def update(invoice_template_id: int) -> ResponseReturnValue:
    version = request.form.get("version", 0, type=int)
    with unit_of_work() as session:
        template = invoice_templates.get_template(session, invoice_template_id)
        form = InvoiceTemplateForm(request.form, data={"reseller_id": template.reseller_id})
        _offer(session, form)
    if not form.validate():
        return _draw(form, template, status=422, version=version)
    try:
        with unit_of_work() as session:
            invoice_templates.update_template(
                session, invoice_template_id, version=version, look=form.to_look()
            )
    except InvalidInputError as error:
        put_error(form, error)
        return _draw(form, template, status=422, version=version)
    except StaleInvoiceTemplateError as error:
        return _draw_stale(invoice_template_id, form, error)
    return _saved(form)


@bp.post("/<int:invoice_template_id>/delete")
@office_view(Permission.TEMPLATES_WRITE)
def delete(invoice_template_id: int) -> ResponseReturnValue:
    """Only one that no client has and that is not the default."""
    with unit_of_work() as session:
        invoice_templates.delete_template(session, invoice_template_id)
    return saved(
        _("The invoice template is deleted."),
        changed=CHANGED,
        address=url_for("office_invoice_templates.index"),
    )


def _is_made(session: Session, form: InvoiceTemplateForm) -> bool:
    """Whether this very template exists: the form was sent twice."""
    look = form.to_look()
    wanted = InvoiceLook(
        clean_line(look.name), look.is_default, look.locale, look.paper, clean_text(look.note)
    )
    return any(
        InvoiceLook(one.name, one.is_default, one.locale, one.paper, one.note) == wanted
        for one in invoice_templates.list_templates(session, form.reseller_id.data or 0)
    )


def _offer(session: Session, form: InvoiceTemplateForm) -> None:
    form.reseller_id.choices = to_choices(
        [(one.id, one.name) for one in resellers.list_resellers(session)]
    )
    languages = list_languages(str(get_locale() or "en"))
    form.locale.choices = to_choices([("", _("That of the client")), *languages])


def _draw_stale(
    template_id: int, form: InvoiceTemplateForm, error: StaleInvoiceTemplateError
) -> Response:
    """What was typed stays; what is stored now is told beside it."""
    with unit_of_work() as session:
        template = invoice_templates.get_template(session, template_id)
    stored = InvoiceTemplateForm(obj=template)
    different = [
        f"{mine.label.text}: {one.data}"
        for one, mine in zip(stored, form, strict=True)
        if (one.data or None) != (mine.data or None)
    ]
    messages = [refusal(error)]
    if different:
        messages.append(
            _(
                "Stored now: %(fields)s. Save again to keep what you typed.",
                fields="; ".join(different),
            )
        )
    return _draw(form, template, status=409, messages=messages)


def _saved(form: InvoiceTemplateForm) -> Response:
    return saved(
        _("%(name)s is saved.", name=form.name.data),
        changed=CHANGED,
        address=url_for("office_invoice_templates.index"),
    )


def _draw(
    form: InvoiceTemplateForm,
    template: InvoiceTemplate | None = None,
    *,
    status: int = 200,
    version: int | None = None,
    messages: list[str] | None = None,
) -> Response:
    page = render(
        "office/invoice_templates/form.html",
        "office/invoice_templates/_form.html",
        status=status,
        form=form,
        template=template,
        version=version or (template.version if template else 0),
        messages=messages or [],
    )
    return hx(page, trigger={"dialog:open": {}}) if status == 200 else page
