"""What SureTax said of an invoice, tax by tax, and whether it has it in its reports."""

from uuid import UUID

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from billing import tax_filings
from core.uow import unit_of_work
from portal.access import current_viewer, office_view
from portal.htmx import hx, render, toast, wants_partial
from portal.office.suretax import queries
from portal.office.suretax.blueprint import bp
from tenants.permissions import Permission

CHANGED = "filing-changed"


@bp.get("/invoices/<uuid:invoice_id>")
@office_view(Permission.INVOICES_READ)
def answer(invoice_id: UUID) -> ResponseReturnValue:
    with unit_of_work() as session:
        page = queries.get_filing(session, invoice_id)
    return render(
        "office/suretax/answer.html",
        "office/suretax/_answer.html",
        page=page,
        may_execute=current_viewer().may(Permission.INVOICES_EXECUTE),
    )


@bp.post("/invoices/<uuid:invoice_id>/tell")
@office_view(Permission.INVOICES_EXECUTE)
def tell_again(invoice_id: UUID) -> ResponseReturnValue:
    """File or cancel now what was put off; pressed twice it is done once."""
    with unit_of_work() as session:
        tax_filings.ask_again(session, invoice_id)
    text = _("SureTax is being told.")
    if wants_partial():
        return hx(trigger={CHANGED: {}, "toast": toast(text)}, reswap="none")
    flash(text, "success")
    return redirect(url_for("office_suretax.answer", invoice_id=invoice_id), 303)
