"""Voiding, making anew and crediting one invoice."""

from decimal import Decimal
from uuid import UUID

from flask import Response, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, Form, StringField

from billing import credit_notes, invoice_voiding, invoices
from billing.credit_notes import Parts
from billing.invoice_figures import kept_precision
from billing.invoice_models import Invoice
from core.errors import AppError, InvalidInputError
from core.ids import new_id
from core.uow import unit_of_work
from portal.access import office_view
from portal.card_numbers import no_card_number
from portal.fields import AmountField, put_error
from portal.htmx import hx, render, wants_partial
from portal.office.form_ids import read_form_id
from portal.office.invoices.blueprint import bp
from portal.wording import refusal
from tenants.permissions import Permission


class VoidForm(Form):
    """Why, and whether the days are to be invoiced anew."""

    reason = StringField(_l("Reason"), [no_card_number])
    reopen = BooleanField(_l("Open its days again, to invoice them anew"))


class CreditForm(Form):
    """How much is taken back, and why."""

    amount = AmountField(_l("Amount"))
    reason = StringField(_l("Reason"), [no_card_number])


@bp.get("/<uuid:invoice_id>/void")
@office_view(Permission.INVOICES_WRITE)
def ask_void(invoice_id: UUID) -> ResponseReturnValue:
    """What voiding does, and the reason."""
    return _draw_void(invoice_id, VoidForm())


@bp.post("/<uuid:invoice_id>/void")
@office_view(Permission.INVOICES_WRITE)
def void(invoice_id: UUID) -> ResponseReturnValue:
    """Take it back; voiding again changes nothing."""
    form = VoidForm(request.form)
    if not form.validate():
        return _draw_void(invoice_id, form, status=422)
    try:
        with unit_of_work() as session:
            number = invoice_voiding.void_invoice(
                session, invoice_id, reason=form.reason.data or "", reopen=form.reopen.data
            ).number
    except InvalidInputError as error:
        messages = [] if put_error(form, error) else [refusal(error)]
        return _draw_void(invoice_id, form, status=422, messages=messages)
    return _done(invoice_id, _("Invoice %(number)s is void.", number=number))


@bp.post("/<uuid:invoice_id>/regenerate")
@office_view(Permission.INVOICES_WRITE)
def regenerate(invoice_id: UUID) -> ResponseReturnValue:
    """Made anew from what is charged by now; only while it waits to be verified."""
    with unit_of_work() as session:
        number = invoice_voiding.regenerate(session, invoice_id).number
    return _done(invoice_id, _("Invoice %(number)s is made anew.", number=number))


@bp.get("/<uuid:invoice_id>/credit")
@office_view(Permission.INVOICES_WRITE)
def ask_credit(invoice_id: UUID) -> ResponseReturnValue:
    """How much is left to credit, and what a note of the typed amount would take back."""
    form = CreditForm(request.args if "amount" in request.args else None)
    form.validate()
    try:
        note_id = UUID(request.args.get("credit_note_id", ""))
    except ValueError:
        note_id = new_id()
    return _draw_credit(invoice_id, form, note_id)


@bp.post("/<uuid:invoice_id>/credit")
@office_view(Permission.INVOICES_WRITE)
def credit(invoice_id: UUID) -> ResponseReturnValue:
    """Make the credit note; the same drawn form sent twice makes one."""
    note_id = read_form_id("credit_note_id")
    form = CreditForm(request.form)
    if form.validate() and form.amount.data is None:
        form.amount.errors = [_("Enter an amount.")]
    if any(field.errors for field in form):
        return _draw_credit(invoice_id, form, note_id, status=422)
    try:
        with unit_of_work() as session:
            note = credit_notes.create_credit_note(
                session,
                credit_note_id=note_id,
                invoice_id=invoice_id,
                amount=form.amount.data,
                reason=form.reason.data or "",
            )
    except InvalidInputError as error:
        messages = [] if put_error(form, error) else [refusal(error)]
        return _draw_credit(invoice_id, form, note_id, status=422, messages=messages)
    return _done(invoice_id, _("Credit note %(number)s is made.", number=note.number))


def _draw_void(
    invoice_id: UUID, form: VoidForm, *, status: int = 200, messages: list[str] | None = None
) -> Response:
    with unit_of_work() as session:
        invoice = invoices.get_invoice(session, invoice_id)
        may_reopen = invoice_voiding.is_last_invoice(session, invoice)
    page = render(
        "office/invoices/void.html",
        "office/invoices/_void.html",
        status=status,
        one=invoice,
        form=form,
        may_reopen=may_reopen,
        messages=messages or [],
    )
    return hx(page, trigger={"dialog:open": {}}) if status == 200 else page


def _draw_credit(
    invoice_id: UUID,
    form: CreditForm,
    note_id: UUID,
    *,
    status: int = 200,
    messages: list[str] | None = None,
) -> Response:
    said = list(messages or [])
    parts = None
    with unit_of_work() as session:
        invoice = invoices.get_invoice(session, invoice_id)
        left = invoice.total - invoice.credited
        if form.amount.data is None and not form.amount.errors and status == 200:
            form.amount.data = left
        amount = form.amount.data
        if amount is not None and not form.amount.errors:
            try:
                parts = credit_notes.preview(session, invoice_id, amount)
            except InvalidInputError as error:
                put_error(form, error)
            except AppError as error:
                said.append(refusal(error))
    return _credit_page(invoice, left, form, parts, note_id, status, said)


def _credit_page(
    invoice: Invoice,
    left: Decimal,
    form: CreditForm,
    parts: Parts | None,
    note_id: UUID,
    status: int,
    messages: list[str],
) -> Response:
    page = render(
        "office/invoices/credit.html",
        "office/invoices/_credit.html",
        status=status,
        one=invoice,
        left=left,
        form=form,
        parts=parts,
        places=kept_precision(invoice.parties, invoice.currency).totals,
        note_id=note_id,
        messages=messages,
    )
    return hx(page, trigger={"dialog:open": {}}) if status == 200 else page


def _done(invoice_id: UUID, text: str) -> Response:
    address = url_for("office_invoices.show", invoice_id=invoice_id)
    flash(text, "success")
    if wants_partial():
        return hx(redirect=address)
    return redirect(address, 303)  # type: ignore[return-value]
