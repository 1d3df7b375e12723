"""Invoice templates: a small list and its form."""

import io
from uuid import UUID

from flask import Blueprint, Response, flash, redirect, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_babel import get_locale
from flask_babel import gettext as _
from sqlalchemy import func, select

from billing import invoice_sources, invoice_templates
from billing.invoice_look import InvoiceLook
from billing.invoice_models import InvoiceTemplate
from billing.invoice_templates import StaleInvoiceTemplateError
from billing.models import ClientBilling
from core.db import Session
from core.errors import InvalidInputError, NotAllowedError, NotFoundError
from core.tenancy import current_scope
from core.uow import unit_of_work
from portal.access import current_viewer, office_view
from portal.fields import put_error, to_choices
from portal.htmx import hx, render, wants_partial
from portal.office.client_offers import list_languages
from portal.office.invoice_templates import preview
from portal.office.invoice_templates.forms import InvoiceTemplateForm
from portal.office.saved import saved
from portal.wording import refusal
from tenants import resellers
from tenants.models import Reseller
from tenants.permissions import Permission

bp = Blueprint("office_invoice_templates", __name__, url_prefix="/office/invoice-templates")
CHANGED = "invoice-templates-changed"
_SHOWN_LENGTH = 200


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
    return _draw(form)


@bp.post("/new")
@office_view(Permission.TEMPLATES_WRITE)
def create() -> ResponseReturnValue:
    form = InvoiceTemplateForm(request.form, data={"reseller_id": current_scope().home_reseller_id})
    with unit_of_work() as session:
        _offer(session, form)
        reseller_id = form.reseller_id.data or 0
        # the digest of a source is known only when it is kept: a repeated form brings the same
        is_repeated = not form.typed_source and invoice_templates.is_made(
            session, reseller_id, form.to_look()
        )
    if is_repeated:
        return _saved(form)
    if not form.validate():
        return _draw(form, status=422)
    try:
        _try_source(reseller_id, form.typed_source, "")
        with unit_of_work() as session:
            invoice_templates.create_template(
                session, reseller_id=reseller_id, look=_look(session, form, reseller_id)
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
        form = InvoiceTemplateForm(obj=template, data={"source": _stored_source(session, template)})
    return _draw(form, template)


@bp.post("/<int:invoice_template_id>")
@office_view(Permission.TEMPLATES_WRITE)
def update(invoice_template_id: int) -> ResponseReturnValue:
    version = request.form.get("version", 0, type=int)
    with unit_of_work() as session:
        template = invoice_templates.get_template(session, invoice_template_id)
        form = InvoiceTemplateForm(request.form, data={"reseller_id": template.reseller_id})
        stored_source = _stored_source(session, template)
        _offer(session, form)
    if not form.validate():
        return _draw(form, template, status=422, version=version)
    try:
        _try_source(template.reseller_id, form.typed_source, stored_source)
        with unit_of_work() as session:
            invoice_templates.update_template(
                session,
                invoice_template_id,
                version=version,
                look=_look(session, form, template.reseller_id),
            )
    except InvalidInputError as error:
        put_error(form, error)
        return _draw(form, template, status=422, version=version)
    except StaleInvoiceTemplateError as error:
        return _draw_stale(invoice_template_id, form, error)
    return _saved(form)


@bp.post("/preview")
@office_view(Permission.TEMPLATES_WRITE)
def show_preview() -> ResponseReturnValue:
    """The first page of what is typed, with a real invoice or a made-up one."""
    form = InvoiceTemplateForm(request.form)
    drawn = preview.draw_picture(form, _chosen_invoice())
    return render(
        "office/invoice_templates/preview.html",
        "office/invoice_templates/_picture.html",
        preview=drawn,
    )


@bp.post("/preview.pdf")
@office_view(Permission.TEMPLATES_WRITE)
def show_pdf() -> ResponseReturnValue:
    """The same as a whole PDF."""
    content = preview.draw_pdf(InvoiceTemplateForm(request.form), _chosen_invoice())
    return send_file(io.BytesIO(content), mimetype="application/pdf", download_name="preview.pdf")


@bp.get("/standard.typ")
@office_view(Permission.TEMPLATES_READ)
def standard_source() -> ResponseReturnValue:
    """Our own layout, to begin an own one from."""
    return send_file(
        io.BytesIO(invoice_sources.built_in_source().encode()),
        mimetype="text/plain",
        download_name="standard.typ",
        as_attachment=True,
        etag=False,
    )


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


def _chosen_invoice() -> UUID | None:
    """The invoice to draw, by who may read invoices; none is the made-up one."""
    text = request.form.get("invoice", "")
    if not text:
        return None
    if not current_viewer().may(Permission.INVOICES_READ):
        raise NotAllowedError("You may not see invoices.")
    try:
        return UUID(text)
    except ValueError:
        raise NotFoundError("Invoice not found.") from None


def _try_source(reseller_id: int, source: str, stored: str) -> None:
    """Draw a changed source once, outside of any transaction; raises SourceRefusedError."""
    if source and source != stored:
        preview.draw_sample(reseller_id, source)


def _look(session: Session, form: InvoiceTemplateForm, reseller_id: int) -> InvoiceLook:
    digest = invoice_sources.keep_source(session, reseller_id, form.typed_source)
    return form.to_look(digest)


def _stored_source(session: Session, template: InvoiceTemplate) -> str:
    return invoice_sources.get_source(session, template.reseller_id, template.source_digest)


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
        source = _stored_source(session, template)
    stored = InvoiceTemplateForm(obj=template, data={"source": source})
    different = [
        f"{mine.label.text}: {_shown(one.data)}"
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


def _shown(value: object) -> str:
    """A field's value in a sentence: lists by commas, long texts by their beginning."""
    text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return text if len(text) <= _SHOWN_LENGTH else f"{text[:_SHOWN_LENGTH]}…"


def _saved(form: InvoiceTemplateForm) -> Response:
    flash(_("%(name)s is saved.", name=form.name.data), "success")
    address = url_for("office_invoice_templates.index")
    if wants_partial():
        return hx(redirect=address)
    return redirect(address, 303)  # type: ignore[return-value]


def _draw(
    form: InvoiceTemplateForm,
    template: InvoiceTemplate | None = None,
    *,
    status: int = 200,
    version: int | None = None,
    messages: list[str] | None = None,
) -> Response:
    with unit_of_work() as session:
        _offer(session, form)
        reseller_id = form.reseller_id.data or current_scope().home_reseller_id
        may_see = current_viewer().may(Permission.INVOICES_READ)
        offered = preview.list_offered(session, reseller_id) if may_see else []
    try:
        drawn = None if wants_partial() else preview.draw_picture(form, None)
    except NotFoundError as error:
        # the reseller's field says that it is none to choose: the form is drawn all the same
        drawn = preview.Preview("", refusal(error))
    return render(
        "office/invoice_templates/form.html",
        "office/invoice_templates/_form.html",
        status=status,
        form=form,
        template=template,
        version=version or (template.version if template else 0),
        messages=messages or [],
        offered=offered,
        preview=drawn,
    )
