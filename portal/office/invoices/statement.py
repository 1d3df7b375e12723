"""The statement of account of a client: a screen to read or print, and a spreadsheet."""

import io
from datetime import date, timedelta
from uuid import UUID

from flask import request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from billing.invoice_contents import read_parties
from billing.invoice_sheets import statement_rows
from billing.statement_document import draw_statement
from billing.statements import Statement, make_statement
from core.clock import today
from core.errors import InvalidInputError
from core.sheet_writer import CSV_TYPE, XLSX_TYPE
from core.uow import unit_of_work
from core.zones import get_zone
from portal.access import office_view
from portal.htmx import render
from portal.office import client_choice
from portal.office.filter_reading import Reader
from portal.office.invoices.blueprint import bp
from portal.office.invoices.downloads import send_bytes, write_sheet
from portal.office.invoices.sheet_words import say, tell_movement
from portal.wording import refusal
from tenants.clients import get_client
from tenants.files import get_file
from tenants.permissions import Permission

_FORMATS = {"csv": CSV_TYPE, "xlsx": XLSX_TYPE}


@bp.get("/statement/<int:client_id>")
@office_view(Permission.INVOICES_READ)
def statement(client_id: int) -> ResponseReturnValue:
    """What stood open before the period, what moved in it, and what stands open after it."""
    message, found = "", None
    with unit_of_work() as session:
        client = client_choice.get_chosen(session, client_id)
        day = today(get_zone(client.timezone))
        first_on, last_on, wrong = _read_days(day)
        if not wrong:
            try:
                found = make_statement(session, client_id, first_on=first_on, last_on=last_on)
            except InvalidInputError as error:
                message = refusal(error)
    kind = request.args.get("format", "")
    if found is not None and kind == "pdf":
        return _send_pdf(found)
    if found is not None and kind in _FORMATS:
        return _send(found, kind)
    return render(
        "office/invoices/statement.html",
        "office/invoices/_statement.html",
        status=422 if wrong or message else 200,
        client=client,
        first_on=first_on,
        last_on=last_on,
        found=found,
        message=wrong or message,
        tell_movement=tell_movement,
    )


def _read_days(day: date) -> tuple[date, date, str]:
    """The days asked for, else this month and the one before; the third says what is wrong."""
    first_on = (day.replace(day=1) - timedelta(days=1)).replace(day=1)
    if not request.args.get("from") and not request.args.get("to"):
        return first_on, day, ""
    args = request.args.copy()
    args["period"], args["period_from"], args["period_to"] = (
        "custom",
        args.get("from", ""),
        args.get("to", ""),
    )
    reader = Reader(args)
    period = reader.period("period")
    wrong = next(iter(reader.errors.values()), "")
    return period.first_on or first_on, period.last_on or day, wrong


def _send_pdf(found: Statement) -> ResponseReturnValue:
    """Made for this moment: what was booked later for these days stands on the next one."""
    with unit_of_work() as session:
        parties = read_parties(session, get_client(session, found.client.id))
        logo_id = parties["logo_file_id"]
        logo = None if logo_id is None else get_file(session, UUID(logo_id)).content
    content = io.BytesIO(draw_statement(found, parties, logo))
    name = f"statement-{found.client.id}-{found.first_on}-{found.last_on}.pdf"
    return send_bytes(content, name, "application/pdf")


def _send(found: Statement, kind: str) -> ResponseReturnValue:
    headings = [say(one) for one in ("Date", "Kind", "Description", "Amount", "Balance")]
    headings[-1] = f"{headings[-1]} ({found.currency})"
    rows = statement_rows(found, tell_movement)
    out = write_sheet(kind, headings, rows, _("Statement"))
    name = f"statement-{found.client.id}-{found.first_on}-{found.last_on}.{kind}"
    return send_bytes(out, name, _FORMATS[kind])
