"""Clients as a file: at once when few, as a task when many."""

from collections.abc import Sequence
from io import BytesIO
from typing import Any

from flask import flash, redirect, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from core.clock import now
from core.errors import InvalidInputError, NotFoundError
from core.ids import new_id
from core.uow import unit_of_work
from payments import client_columns, client_export
from payments.client_export import AT_ONCE, FORMATS, LONGEST, Wish
from portal.access import current_user_timezone, office_view
from portal.htmx import hx, render
from portal.office.client_headings import headings
from portal.office.client_selection import (
    Selection,
    check_may,
    count_selected,
    read_selection,
    select_ids,
)
from portal.office.form_ids import read_form_id
from portal.office.tasks.blueprint import bp
from tenants import tasks
from tenants.permissions import Permission

KIND = "export_clients"


@bp.get("/export-clients")
@office_view(Permission.CLIENTS_EXECUTE)
def export_clients() -> ResponseReturnValue:
    """Which columns, in which format."""
    check_may(KIND)
    return _draw(read_selection(), client_columns.known(request.args.getlist("column")))


@bp.post("/export-clients")
@office_view(Permission.CLIENTS_EXECUTE)
def start_export() -> ResponseReturnValue:
    """The file itself, or the task that makes it."""
    check_may(KIND)
    task_id = read_form_id("task_id")
    selection = read_selection()
    shown = client_columns.known(request.form.getlist("column"))
    all_keys = list(client_columns.list_columns())
    keys = all_keys if request.form.get("columns") == "all" or not shown else shown
    wish = Wish(
        format=request.form.get("format", "csv"),
        columns=keys,
        headings=headings(keys),
        timezone=str(current_user_timezone()),
        name=f"clients-{now().astimezone(current_user_timezone()):%Y-%m-%d}",
        sheet=_("Clients"),
    )
    try:
        client_export.check_wish(wish)
    except InvalidInputError as error:
        return _draw(selection, shown, messages=[_(error.message)])
    with unit_of_work() as session:
        ids = list(session.scalars(select_ids(selection).limit(AT_ONCE + 1)))
        if not ids:
            return _draw(selection, shown, messages=[_("Nobody matches any more.")])
        if len(ids) <= AT_ONCE:
            file = BytesIO()
            client_export.export_now(session, ids, wish, file)
            client_export.record(
                session, object_id=task_id, wish=wish, asked=selection.to_asked(), rows=len(ids)
            )
    if len(ids) > AT_ONCE:
        return _start_task(task_id, selection, wish)
    file.seek(0)
    return send_file(
        file,
        mimetype=wish.media_type,
        download_name=wish.file_name,
        as_attachment=True,
        etag=False,
    )


def _start_task(task_id: Any, selection: Selection, wish: Wish) -> ResponseReturnValue:  # noqa: ANN401
    with unit_of_work() as session:
        if tasks.find_task(session, task_id) is None:
            task = tasks.create_task(
                session,
                task_id=task_id,
                kind=KIND,
                title=wish.file_name,
                params={"wish": wish.to_params(), "asked": selection.to_asked()},
            )
            client_export.request_export(
                session,
                task=task,
                ids=select_ids(selection),
                wish=wish,
                asked=selection.to_asked(),
            )
    flash(_("The file is being written. You find it here when it is ready."), "info")
    return redirect(url_for("office_tasks.show", task_id=task_id), 303)


def _draw(
    selection: Selection, shown: Sequence[str], *, messages: Sequence[str] = ()
) -> ResponseReturnValue:
    with unit_of_work() as session:
        count = 0
        if not selection.is_empty:
            count = count_selected(session, selection, limit=LONGEST + 1)
        if selection.picked and not count and not messages:
            raise NotFoundError("There is no such client.")
    page = render(
        "office/tasks/export.html",
        "office/tasks/_export.html",
        status=422 if messages else 200,
        selection=selection,
        filters=selection.filters.to_query(),
        count=count,
        longest=LONGEST,
        at_once=AT_ONCE,
        shown=list(shown),
        shown_words=headings(shown),
        all_count=len(client_columns.list_columns()),
        formats=FORMATS,
        format=request.values.get("format", "xlsx"),
        task_id=new_id(),
        messages=messages,
    )
    return page if messages else hx(page, trigger={"dialog:open": {}})
