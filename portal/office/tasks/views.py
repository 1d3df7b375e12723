"""The Tasks screen: what runs, how far it is, what came of it."""

from datetime import timedelta
from io import BytesIO
from uuid import UUID

from flask import flash, redirect, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from core.clock import now
from core.db import Session
from core.errors import NotFoundError
from core.sheet_writer import CSV_TYPE
from core.uow import unit_of_work
from portal.access import current_viewer, office_view
from portal.htmx import render
from portal.keyset import read_place
from portal.listing import render_list
from portal.office.tasks import queries
from portal.office.tasks.blueprint import bp
from portal.office.tasks.results import told_reason, write_result
from tenants import task_bytes, tasks
from tenants.permissions import Permission
from tenants.task_models import Task

FILE_KINDS = tasks.EXPORTS | {"zip_invoices"}
"""What such tasks give is a file of their own, not the list of what was done."""
_CONTINUES = {
    "import_opening_balances": "office_payment_imports.show",
    "import_payments": "office_payment_imports.show",
    "import_clients": "office_imports.show",
    "import_usage": "office_packages.show_usage",
}
RESULT_STATES = tasks.FINAL_STATES | {"checked"}


@bp.get("/")
@office_view(Permission.CLIENTS_READ)
def index() -> ResponseReturnValue:
    with unit_of_work() as session:
        page = queries.read_tasks(session, read_place())
    return render_list("office/tasks/index.html", "office/tasks/_table.html", page=page)


@bp.get("/<uuid:task_id>")
@office_view(Permission.CLIENTS_READ)
def show(task_id: UUID) -> ResponseReturnValue:
    """One task; its box asks again while the work goes on."""
    with unit_of_work() as session:
        task = tasks.get_task(session, task_id)
        undone = _undone(session, task)
    return render(
        "office/tasks/show.html",
        "office/tasks/_task.html",
        task=task,
        undone=undone,
        percent=_percent(task),
        delay_s=_delay_s(task),
        continue_url=_continue_url(task),
        told_reason=told_reason,
        has_result=_has_result(task),
        result_url=_result_url(task),
        may_execute=current_viewer().may(Permission.CLIENTS_EXECUTE),
    )


@bp.post("/<uuid:task_id>/cancel")
@office_view(Permission.CLIENTS_EXECUTE)
def cancel(task_id: UUID) -> ResponseReturnValue:
    """Stop it; what is done stays done."""
    with unit_of_work() as session:
        task = tasks.ask_to_cancel(session, task_id)
    if task.state == "cancelled":
        flash(_("The task is cancelled."), "success")
    else:
        flash(_("The task stops after the step it is at."), "success")
    return redirect(url_for("office_tasks.show", task_id=task_id), 303)


@bp.get("/<uuid:task_id>/result")
@office_view(Permission.CLIENTS_EXECUTE)
def result(task_id: UUID) -> ResponseReturnValue:
    """The file that came of it, as long as it is kept: many clients at once, as an export is."""
    with unit_of_work() as session:
        task = tasks.get_task(session, task_id)
        if not _has_result(task):
            raise NotFoundError("There is no result.")
        name, media_type = task.result_name, task.result_type
        if task.kind in FILE_KINDS:
            content = task_bytes.get_bytes(session, task_id, "result")
        else:
            content = write_result(session, task)
            name, media_type = f"result-{task.created_at:%Y-%m-%d}.csv", CSV_TYPE
    return send_file(
        BytesIO(content),
        mimetype=media_type,
        download_name=name,
        as_attachment=True,
        etag=False,
    )


def _has_result(task: Task) -> bool:
    if task.kind == "generate_vouchers":
        # what it makes is shown, and given out once, by the series
        return False
    if task.kind in FILE_KINDS:
        return task.result_size is not None
    return task.expires_at is not None and task.total > 0 and task.state in RESULT_STATES


def _result_url(task: Task) -> str:
    """Where the viewer may fetch what came of it."""
    viewer = current_viewer()
    if not _has_result(task):
        return ""
    if task.kind == "zip_invoices" and viewer.may(Permission.INVOICES_EXECUTE):
        return url_for("office_invoices.zip_result", task_id=task.id)
    if not viewer.may(Permission.CLIENTS_EXECUTE):
        return ""
    return url_for("office_tasks.result", task_id=task.id)


def _undone(session: Session, task: Task) -> list[queries.ItemRow]:
    is_quiet = task.kind in tasks.EXPORTS or task.state in ("waiting", "running", "draft")
    return [] if is_quiet else queries.read_undone(session, task)


def _delay_s(task: Task) -> int:
    """How long the page waits before it asks again: longer for what takes longer."""
    age = now() - (task.started_at or task.created_at)
    return 1 if age < timedelta(seconds=30) else 3


def _continue_url(task: Task) -> str:
    """Where a task that waits for its person goes on, or where what it makes is shown."""
    if task.kind == "generate_vouchers":
        may_see = current_viewer().may(Permission.VOUCHERS_READ)
        series_id = task.params["series"]
        return url_for("office_vouchers.show", series_id=series_id) if may_see else ""
    endpoint = _CONTINUES.get(task.kind, "")
    waits = task.state in ("draft", "checked") and endpoint
    # an import of clients goes on in the name of who brought the file
    is_open = task.kind != "import_clients" or tasks.is_own(task)
    return url_for(endpoint, task_id=task.id) if waits and is_open else ""


def _percent(task: Task) -> int | None:
    return None if not task.total else task.done * 100 // task.total
