"""Invoices: the list, one of them, and its PDF."""

from uuid import UUID

from flask import flash, make_response, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from core.clock import today
from core.uow import unit_of_work
from portal.access import current_user_timezone, panel_view
from portal.htmx import render
from portal.keyset import read_place
from portal.listing import chosen, render_list
from portal.panel.invoices import queries
from portal.panel.invoices.blueprint import bp
from portal.panel.invoices.tabs import make_tabs
from portal.panel.movements import KIND_WORDS
from portal.panel.open_invoices import PAID_WORDS
from tenants.files import get_file


@bp.get("")
@panel_view
def index() -> ResponseReturnValue:
    paid = chosen("paid", queries.PAID, "all")
    with unit_of_work() as session:
        page = queries.read_invoices(session, paid, read_place())
    return render_list(
        "panel/invoices/index.html",
        "panel/invoices/_list.html",
        page=page,
        paid=paid,
        tabs=make_tabs(paid),
        day=today(current_user_timezone()),
        paid_words=PAID_WORDS,
    )


@bp.get("/<uuid:invoice_id>")
@panel_view
def show(invoice_id: UUID) -> ResponseReturnValue:
    with unit_of_work() as session:
        page = queries.get_page(session, invoice_id)
    return render(
        "panel/invoices/show.html",
        page=page,
        day=today(current_user_timezone()),
        paid_words=PAID_WORDS,
        kind_words=KIND_WORDS,
    )


@bp.get("/<uuid:invoice_id>/file")
@panel_view
def download(invoice_id: UUID) -> ResponseReturnValue:
    """The PDF as it was stored; it is made once by a job and never here."""
    with unit_of_work() as session:
        invoice = queries.get_invoice(session, invoice_id)
        file = get_file(session, invoice.file_id) if invoice.file_id else None
    if file is None:
        flash(_("The PDF is being made. Please try again in a minute."), "info")
        return redirect(url_for(".show", invoice_id=invoice_id), 303)
    response = make_response(file.content)
    response.content_type = file.media_type
    response.headers.set("Content-Disposition", "attachment", filename=file.name)
    return response
