"""Autoinvoicing: the preview of what would be invoiced now, and runs as tasks."""

from uuid import UUID

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from billing import invoice_tasks
from billing.invoice_tasks import RUN
from core.db import Session
from core.errors import InvalidInputError
from core.ids import new_id
from core.uow import unit_of_work
from portal.access import current_viewer, office_view
from portal.htmx import render
from portal.office.autoinvoicing import queries
from portal.office.autoinvoicing.blueprint import bp
from portal.office.form_ids import read_form_id
from tenants import tasks
from tenants.permissions import Permission

MOST = 500_000


@bp.get("/")
@office_view(Permission.INVOICES_READ)
def index() -> ResponseReturnValue:
    """What would be invoiced now, the runs, and what was refused."""
    with unit_of_work() as session:
        due = queries.read_due(session)
        return render(
            "office/autoinvoicing/index.html",
            "office/autoinvoicing/_overview.html",
            figures=queries.read_figures(session),
            due=due,
            sums=queries.sum_due(due),
            refusals=queries.list_refusals(session),
            made=queries.list_made(session),
            runs=queries.list_runs(session),
            task_id=new_id(),
            may_execute=current_viewer().may(Permission.INVOICES_EXECUTE),
        )


@bp.post("/run")
@office_view(Permission.INVOICES_EXECUTE)
def run() -> ResponseReturnValue:
    """Invoice every client that is due now, as a task; a second click finds the first."""
    task_id = read_form_id("task_id")
    try:
        with unit_of_work() as session:
            if tasks.find_task(session, task_id) is None:
                _begin(session, task_id)
    except InvalidInputError:
        flash(_("No client is due: there is nothing to invoice now."), "info")
        return redirect(url_for("office_autoinvoicing.index"), 303)
    flash(_("The invoices are being made. This page follows the work."), "info")
    return redirect(url_for("office_tasks.show", task_id=task_id), 303)


def _begin(session: Session, task_id: UUID) -> None:
    task = tasks.create_task(session, task_id=task_id, kind=RUN, params={})
    if not 0 < tasks.add_clients(session, task, queries.select_due()) <= MOST:
        raise InvalidInputError("No client is due.")
    invoice_tasks.record_request(session, task, {"due": task.total})
