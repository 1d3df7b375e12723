"""The formulas behind an invoice: its totals and taxes on one page, each line in a dialog."""

from uuid import UUID

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from billing import explain_invoice, invoices
from core.uow import unit_of_work
from portal.access import office_view
from portal.htmx import hx, render
from tenants.permissions import Permission

bp = Blueprint("office_invoice_explain", __name__, url_prefix="/office/invoices")
PAGE = 100


@bp.get("/<uuid:invoice_id>/why")
@office_view(Permission.INVOICES_READ)
def show(invoice_id: UUID) -> ResponseReturnValue:
    """Totals, taxes and rounding with their inputs, and the lines a page at a time."""
    after = max(0, request.args.get("after", 0, type=int))
    with unit_of_work() as session:
        why = explain_invoice.explain_invoice(session, invoice_id)
        found = explain_invoice.list_why_lines(session, invoice_id, after=after, limit=PAGE + 1)
    return render(
        "office/invoice_explain/show.html",
        "office/invoice_explain/_totals.html",
        why=why,
        lines=found[:PAGE],
        after=found[PAGE - 1].number if len(found) > PAGE else None,
        is_first=after == 0,
    )


@bp.get("/<uuid:invoice_id>/why/<int:line_no>")
@office_view(Permission.INVOICES_READ)
def line(invoice_id: UUID, line_no: int) -> ResponseReturnValue:
    """One line: its charge, what it was computed from, and each rounding."""
    with unit_of_work() as session:
        invoice = invoices.get_invoice(session, invoice_id)
        why = explain_invoice.explain_line(session, invoice_id, line_no)
    page = render(
        "office/invoice_explain/line.html",
        "office/invoice_explain/_line.html",
        invoice=invoice,
        why=why,
    )
    return hx(page, trigger={"dialog:open": {}})
