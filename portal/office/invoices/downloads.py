"""Files of invoices, made when asked for: a spreadsheet, the charges, many PDFs in a ZIP."""

import io
import re
from collections.abc import Iterable, Sequence
from uuid import UUID

from flask import Response, flash, redirect, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy import select

from billing import invoice_tasks, invoices
from billing.credit_notes import list_credit_notes
from billing.invoice_models import Invoice
from billing.invoice_sheets import CHARGE_COLUMNS, charge_rows, invoice_rows
from billing.invoice_tasks import MOST_ZIPPED, ZIP, ZIP_TYPE
from core.clock import now
from core.errors import InvalidInputError, NotFoundError
from core.sheet_writer import CSV_TYPE, XLSX_TYPE, Cell, write_csv, write_xlsx
from core.uow import unit_of_work
from portal.access import office_view
from portal.office.form_ids import read_form_id
from portal.office.invoices.blueprint import bp
from portal.office.invoices.selection import read_selection, select_ids
from portal.office.invoices.sheet_words import say
from portal.wording import refusal
from tenants import task_bytes, tasks
from tenants.permissions import Permission

AT_ONCE = 20
"""Files that a person waits for; more, or any that is not made yet, are a task."""
_NOT_IN_NAMES = re.compile(r"[^\w.\- ]")


@bp.get("/<uuid:invoice_id>/xlsx")
@office_view(Permission.INVOICES_READ)
def xlsx(invoice_id: UUID) -> ResponseReturnValue:
    """The invoice as a spreadsheet."""
    out = io.BytesIO()
    with unit_of_work() as session:
        invoice = invoices.get_invoice(session, invoice_id)
        name = invoice.number
        rows = invoice_rows(session, invoice, list_credit_notes(session, invoice_id), say)
        write_xlsx(out, [say("Invoice"), name], rows, sheet=name)
    return send_bytes(out, f"{name}.xlsx", XLSX_TYPE)


@bp.get("/<uuid:invoice_id>/charges/<kind>")
@office_view(Permission.INVOICES_READ)
def charges(invoice_id: UUID, kind: str) -> ResponseReturnValue:
    """Every charge of the invoice, as CSV or XLSX."""
    if kind not in ("csv", "xlsx"):
        raise NotFoundError("There is no such file.")
    with unit_of_work() as session:
        invoice = invoices.get_invoice(session, invoice_id)
        name = f"{invoice.number}-{say('charges')}"
        headings = [say(one) for one in CHARGE_COLUMNS]
        out = write_sheet(kind, headings, charge_rows(session, invoice), say("Charges"))
    return send_bytes(out, f"{name}.{kind}", XLSX_TYPE if kind == "xlsx" else CSV_TYPE)


@bp.post("/zip")
@office_view(Permission.INVOICES_EXECUTE)
def zip_files() -> ResponseReturnValue:
    """The PDFs of the chosen invoices: at once when few and made already, else as a task."""
    task_id = read_form_id("task_id")
    selection = read_selection()
    out = io.BytesIO()
    with unit_of_work() as session:
        chosen = select_ids(selection).limit(AT_ONCE + 1).subquery("chosen")
        files = session.execute(
            select(Invoice.issued_at, Invoice.file_id)
            .join(chosen, chosen.c.id == Invoice.id)
            .order_by(chosen.c.n)
        ).all()
        issued = [file_id for issued_at, file_id in files if issued_at is not None]
        made = [file_id for file_id in issued if file_id is not None]
        if len(files) <= AT_ONCE and made and len(made) == len(issued):
            invoice_tasks.write_zip(session, iter(made), out)
            return send_bytes(out, f"invoices-{now():%Y-%m-%d}.zip", ZIP_TYPE)
    try:
        with unit_of_work() as session:
            if tasks.find_task(session, task_id) is None:
                task = tasks.create_task(session, task_id=task_id, kind=ZIP, params={})
                invoice_tasks.add_invoices(session, task, select_ids(selection), most=MOST_ZIPPED)
                invoice_tasks.record_request(session, task, selection.to_asked())
    except InvalidInputError as error:
        flash(refusal(error), "error")
        return redirect(url_for("office_invoices.index"), 303)
    flash(_("The files are being gathered. You find the ZIP here when it is ready."), "info")
    return redirect(url_for("office_tasks.show", task_id=task_id), 303)


@bp.get("/zip/<uuid:task_id>")
@office_view(Permission.INVOICES_EXECUTE)
def zip_result(task_id: UUID) -> ResponseReturnValue:
    """The ZIP that a task made, as long as it is kept."""
    with unit_of_work() as session:
        task = tasks.get_task(session, task_id, kind=ZIP)
        if task.result_size is None:
            raise NotFoundError("There is no result.")
        content = task_bytes.get_bytes(session, task_id, "result")
        name = task.result_name
    return send_bytes(io.BytesIO(content), name, ZIP_TYPE)


def write_sheet(
    kind: str, headings: Sequence[str], rows: Iterable[Sequence[Cell]], sheet: str
) -> io.BytesIO:
    """The table as CSV that Excel reads too, or as XLSX."""
    out = io.BytesIO()
    if kind == "xlsx":
        write_xlsx(out, headings, rows, sheet=sheet)
        return out

    def lines() -> Iterable[Sequence[Cell]]:
        yield headings
        yield from rows

    for piece in write_csv(lines(), with_bom=True):
        out.write(piece)
    return out


def send_bytes(out: io.BytesIO, name: str, media_type: str) -> Response:
    """Have it saved under a name that every system takes."""
    out.seek(0)
    return send_file(
        out,
        mimetype=media_type,
        download_name=_NOT_IN_NAMES.sub("_", name),
        as_attachment=True,
        etag=False,
    )
