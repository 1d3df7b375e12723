"""The file of a credit note: shown, saved, and mailed again."""

from uuid import UUID

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from billing import credit_note_files, credit_notes
from core.errors import InvalidInputError
from core.uow import unit_of_work
from portal.access import office_view
from portal.htmx import hx, toast, wants_partial
from portal.office.form_ids import read_form_id
from portal.office.invoices.blueprint import bp
from portal.office.stored_file import send_stored
from portal.wording import refusal
from tenants.files import get_file
from tenants.permissions import Permission


@bp.get("/credit-notes/<uuid:credit_note_id>/pdf")
@office_view(Permission.INVOICES_READ)
def credit_note_pdf(credit_note_id: UUID) -> ResponseReturnValue:
    """The stored file: the same bytes every time. `download` saves instead of showing."""
    with unit_of_work() as session:
        note = credit_notes.get_credit_note(session, credit_note_id)
        file = None if note.file_id is None else get_file(session, note.file_id)
    if file is None:
        flash(_("The PDF is being made. Please try again in a minute."), "info")
        return redirect(url_for("office_invoices.show", invoice_id=note.invoice_id), 303)
    return send_stored(file, as_attachment="download" in request.args)


@bp.post("/credit-notes/<uuid:credit_note_id>/send-again")
@office_view(Permission.INVOICES_EXECUTE)
def send_credit_note_again(credit_note_id: UUID) -> ResponseReturnValue:
    """Mail the stored file once more; the same drawn button sends once."""
    request_id = read_form_id("request_id")
    text, level = _("The credit note is in the mail queue."), "success"
    with unit_of_work() as session:
        invoice_id = credit_notes.get_credit_note(session, credit_note_id).invoice_id
    try:
        with unit_of_work() as session:
            credit_note_files.mail_again(session, credit_note_id, request_id=request_id)
    except InvalidInputError as error:
        text, level = refusal(error), "error"
    if wants_partial():
        return hx(trigger={"invoices-changed": {}, "toast": toast(text, level)}, reswap="none")
    flash(text, level)
    return redirect(url_for("office_invoices.show", invoice_id=invoice_id), 303)
