"""Import of clients: upload, match the columns, look at the check, write."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any
from uuid import UUID

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import get_locale

from core.db import Session
from core.errors import ConflictError, InvalidInputError
from core.ids import new_id
from core.sheet_reader import MOST_BYTES, Sheet, look_at, read_rows
from core.sheet_writer import write_csv
from core.tenancy import current_scope
from core.uow import unit_of_work
from payments.client_import import KIND, MOST_AT_ONCE, Plan, check_plan
from portal.access import office_view
from portal.htmx import render
from portal.office.client_headings import HEADINGS
from portal.office.client_rights import permissions_of
from portal.office.client_selection import check_may
from portal.office.form_ids import read_form_id
from portal.office.imports import queries
from portal.office.imports.blueprint import bp
from portal.office.imports.columns import (
    block_of,
    guess_fields,
    is_password,
    list_keys,
    remember_fields,
)
from portal.wording import refusal
from tenants import audit, task_bytes, tasks
from tenants.permissions import Permission
from tenants.task_models import Task


@bp.get("/")
@office_view(Permission.CLIENTS_WRITE)
def index() -> ResponseReturnValue:
    """Where a file is chosen."""
    check_may(KIND)
    return _draw_upload()


@bp.post("/")
@office_view(Permission.CLIENTS_WRITE)
def upload() -> ResponseReturnValue:
    """Keep the file and look at its headings."""
    check_may(KIND)
    task_id = read_form_id("task_id")
    file = request.files.get("file")
    try:
        if file is None or not file.filename:
            raise InvalidInputError("Choose a file.", "file")
        content = file.stream.read(MOST_BYTES + 1)
        sheet = look_at(content)
        content, sheet, refused = _without_passwords(content, sheet)
    except InvalidInputError as error:
        return _draw_upload([refusal(error)])
    with unit_of_work() as session:
        if tasks.find_task(session, task_id) is None:
            task = tasks.create_task(
                session,
                task_id=task_id,
                kind=KIND,
                title=_printable(file.filename),
                params={"sheet": asdict(sheet), "refused": refused},
                state="draft",
            )
            task_bytes.put_bytes(session, task, "source", content)
    return redirect(url_for("office_imports.show", task_id=task_id), 303)


@bp.get("/<uuid:task_id>")
@office_view(Permission.CLIENTS_WRITE)
def show(task_id: UUID) -> ResponseReturnValue:
    """The columns to match, or what the check has found."""
    check_may(KIND)
    with unit_of_work() as session:
        task = tasks.get_task(session, task_id, kind=KIND)
        if task.state not in ("draft", "checked") or not tasks.is_own(task):
            return redirect(url_for("office_tasks.show", task_id=task_id))
        return _draw(session, task)


@bp.post("/<uuid:task_id>/check")
@office_view(Permission.CLIENTS_WRITE)
def check(task_id: UUID) -> ResponseReturnValue:
    """Read and check every row with this matching; nothing is changed."""
    check_may(KIND)
    with unit_of_work() as session:
        task = tasks.lock_own_task(session, task_id, kind=KIND)
        plan = _read_plan(task)
        try:
            check_plan(plan)
        except InvalidInputError as error:
            return _draw(session, task, plan=plan, messages=[refusal(error)])
        if task.state in ("draft", "checked"):
            remember_fields(session, task.params["sheet"]["headings"], plan.fields)
            needs = permissions_of(block_of(key) for key in plan.fields if key)
            tasks.start_step(
                session, task, "read", params={"plan": plan.to_params(), "needs": needs}
            )
    return redirect(url_for("office_tasks.show", task_id=task_id), 303)


@bp.post("/<uuid:task_id>/write")
@office_view(Permission.CLIENTS_WRITE)
def write(task_id: UUID) -> ResponseReturnValue:
    """Write what was checked; a second click finds it under way."""
    check_may(KIND)
    with unit_of_work() as session:
        task = tasks.lock_own_task(session, task_id, kind=KIND)
        if task.state == "draft":
            raise ConflictError("Check the file first.")
        if task.state == "checked":
            plan = task.params["plan"]
            if plan["all_or_nothing"] and task.left_out:
                raise ConflictError("Some rows are wrong: nothing can be imported as a whole.")
            tasks.start_step(session, task, "write", params={})
            # wrong rows are done with
            task.done = task.left_out
            _record(session, task)
    return redirect(url_for("office_tasks.show", task_id=task_id), 303)


def _record(session: Session, task: Task) -> None:
    plan = task.params["plan"]
    audit.record(
        session,
        reseller_id=current_scope().home_reseller_id,
        action="import",
        object_type="clients",
        object_id=task.id,
        object_label=task.title,
        changes={
            "rows": (None, task.total),
            "wrong": (None, task.left_out),
            "mode": (None, plan["mode"]),
            "columns": (None, ", ".join(key for key in plan["fields"] if key)),
        },
    )


def _without_passwords(content: bytes, sheet: Sheet) -> tuple[bytes, Sheet, list[int]]:
    """The file without what stands in columns of passwords, if there are any: never kept."""
    refused = [n for n, heading in enumerate(sheet.headings) if is_password(heading)]
    if not refused:
        return content, sheet, []

    def blank(row: Sequence[str]) -> list[str]:
        return ["" if n in refused else cell for n, cell in enumerate(row)]

    rows = [list(sheet.headings), *(blank(row) for _line, row in read_rows(content, sheet))]
    plain = b"".join(write_csv(rows))
    samples = [blank(row) for row in sheet.samples]
    return plain, Sheet("csv", "utf-8", ",", sheet.headings, samples), refused


def _read_plan(task: Task) -> Plan:
    headings = task.params["sheet"]["headings"]
    sent = request.form.getlist("field")[: len(headings)]
    sent += [""] * (len(headings) - len(sent))
    allowed = list_keys()
    fields = tuple(
        key if key in allowed and n not in task.params["refused"] else ""
        for n, key in enumerate(sent)
    )
    return Plan(
        fields=fields,
        mode=request.form.get("mode", "create"),  # type: ignore[arg-type]  # check_plan reads it
        match_by=request.form.get("match_by", "id"),  # type: ignore[arg-type]  # the same
        all_or_nothing=request.form.get("rows") == "all",
        empties_clear=request.form.get("empties") == "clear",
        locale=str(get_locale() or "en"),
    )


def _draw_upload(messages: Sequence[str] = ()) -> ResponseReturnValue:
    return render(
        "office/imports/upload.html",
        status=422 if messages else 200,
        task_id=new_id(),
        messages=messages,
        most_mb=MOST_BYTES // (1024 * 1024),
    )


def _draw(
    session: Session, task: Task, *, plan: Plan | None = None, messages: Sequence[str] = ()
) -> ResponseReturnValue:
    sheet: dict[str, Any] = task.params["sheet"]
    stored = task.params.get("plan")
    if plan is not None:
        chosen = plan.to_params()
    elif stored is not None:
        chosen = stored
    else:
        chosen = Plan(
            tuple(guess_fields(session, sheet["headings"])), "create", "id", True, False, "en"
        ).to_params()
    is_checked = task.state == "checked"
    return render(
        "office/imports/show.html",
        status=422 if messages else 200,
        task=task,
        sheet=sheet,
        refused=task.params["refused"],
        chosen=chosen,
        options=[(key, str(HEADINGS[key])) for key in list_keys()],
        labels={key: str(text) for key, text in HEADINGS.items()},
        most_at_once=MOST_AT_ONCE,
        is_checked=is_checked,
        plans=queries.count_plans(session, task.id) if is_checked else {},
        wrong=queries.read_wrong(session, task.id) if is_checked else [],
        warned=queries.read_warned(session, task.id) if is_checked else [],
        messages=messages,
    )


def _printable(name: str) -> str:
    return "".join(letter for letter in name if letter.isprintable())[:200] or "clients"
