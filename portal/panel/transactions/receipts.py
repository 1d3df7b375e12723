"""The receipt of a payment, to be printed or kept as a file."""

from uuid import UUID

from flask import make_response
from flask.typing import ResponseReturnValue
from flask_babel import get_locale
from flask_babel import gettext as _

from billing.receipts import draw_receipt, get_receipt
from core.uow import unit_of_work
from portal.access import panel_view
from portal.htmx import render
from portal.panel.transactions.blueprint import bp
from portal.site import read_logo


@bp.get("/<uuid:transaction_id>/receipt")
@panel_view
def receipt(transaction_id: UUID) -> ResponseReturnValue:
    """A page that prints well."""
    with unit_of_work() as session:
        found = get_receipt(session, transaction_id)
    return render("panel/transactions/receipt.html", receipt=found)


@bp.get("/<uuid:transaction_id>/receipt/pdf")
@panel_view
def receipt_pdf(transaction_id: UUID) -> ResponseReturnValue:
    """The same as a file, in the language of the page."""
    with unit_of_work() as session:
        found = get_receipt(session, transaction_id)
    content = draw_receipt(
        found,
        locale=str(get_locale() or "en"),
        translate=lambda text: str(_(text)),
        logo=read_logo(found.reseller.id),
    )
    response = make_response(content)
    response.content_type = "application/pdf"
    name = f"receipt-{found.paid_on}-{found.number[-8:]}.pdf"
    response.headers.set("Content-Disposition", "attachment", filename=name)
    return response
