"""Import of usage: upload, match the columns, look at the check, post."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from io import BytesIO
from typing import Any
from uuid import UUID

from flask import redirect, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_babel import get_locale
from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from billing import usage_import
from billing.usage import MOST_CHARGES
from billing.usage_import import FIELDS, KIND
from core.db import Session
from core.errors import AppError, ConflictError, InvalidInputError
from core.ids import new_id
from core.names import sort_key
from core.sheet_reader import MOST_BYTES, look_at
from core.sheet_writer import CSV_TYPE, write_csv
from core.tenancy import current_scope
from core.uow import unit_of_work
from portal.access import office_view
from portal.htmx import render
from portal.office.form_ids import read_form_id
from portal.office.packages.blueprint import bp
from portal.wording import refusal
from tenants import audit, task_bytes, tasks
from tenants.permissions import Permission
from tenants.task_models import Task, TaskItem

SHOWN = 200
LABELS = {
    "client": _l("Client: ID or name"),
    "hour": _l("Hour"),
    "destination": _l("Destination"),
    "quantity": _l("Quantity"),
    "amount": _l("Amount"),
    "unit": _l("Unit"),
    "tax_mode": _l("Taxes"),
}
_SYNONYMS = {
    "client": "client", "client id": "client", "customer": "client", "client name": "client",
    "hour": "hour", "time": "hour", "date": "hour", "start": "hour", "hour utc": "hour",
    "destination": "destination", "code name": "destination", "country": "destination",
    "quantity": "quantity", "seconds": "quantity", "duration": "quantity", "units": "quantity",
    "amount": "amount", "cost": "amount", "price": "amount", "charge": "amount", "sum": "amount",
    "unit": "unit", "tax": "tax_mode", "taxes": "tax_mode", "tax mode": "tax_mode",
    "taxability": "tax_mode",
}  # fmt: skip
_EXAMPLE = (
    ("client", "hour", "destination", "quantity", "amount", "unit", "taxability"),
    ("Example Telecom", "2026-11-01T14:00Z", "Spain Mobile", "5400", "3.15", "second", "excluding"),
    ("Example Telecom", "2026-11-01T15:00Z", "SMS", "120", "6.00", "unit", "excluding"),
)


@bp.get("/usage")
@office_view(Permission.TRANSACTIONS_WRITE)
def usage() -> ResponseReturnValue:
    """Where a file is chosen."""
    return _draw_upload()


@bp.get("/usage/example.csv")
@office_view(Permission.TRANSACTIONS_WRITE)
def usage_example() -> ResponseReturnValue:
    """A file to begin with."""
    return send_file(
        BytesIO(b"".join(write_csv([list(row) for row in _EXAMPLE], with_bom=True))),
        mimetype=CSV_TYPE,
        download_name="usage-example.csv",
        as_attachment=True,
        etag=False,
    )


@bp.post("/usage")
@office_view(Permission.TRANSACTIONS_WRITE)
def upload_usage() -> ResponseReturnValue:
    """Keep the file and look at its headings."""
    task_id = read_form_id("task_id")
    file = request.files.get("file")
    try:
        if file is None or not file.filename:
            raise InvalidInputError("Choose a file.", "file")
        content = file.stream.read(MOST_BYTES + 1)
        sheet = look_at(content)
    except InvalidInputError as error:
        return _draw_upload([refusal(error)])
    with unit_of_work() as session:
        if tasks.find_task(session, task_id) is None:
            task = tasks.create_task(
                session,
                task_id=task_id,
                kind=KIND,
                title="".join(one for one in file.filename if one.isprintable())[:200] or "usage",
                params={"sheet": asdict(sheet), "file": usage_import.file_id(content)},
                state="draft",
            )
            task_bytes.put_bytes(session, task, "source", content)
    return redirect(url_for("office_packages.show_usage", task_id=task_id), 303)


@bp.get("/usage/<uuid:task_id>")
@office_view(Permission.TRANSACTIONS_WRITE)
def show_usage(task_id: UUID) -> ResponseReturnValue:
    """The columns to match, or what the check has found."""
    with unit_of_work() as session:
        task = tasks.get_task(session, task_id, kind=KIND)
        if task.state not in ("draft", "checked"):
            return redirect(url_for("office_tasks.show", task_id=task_id))
        return _draw(session, task)


@bp.post("/usage/<uuid:task_id>/check")
@office_view(Permission.TRANSACTIONS_WRITE)
def check_usage(task_id: UUID) -> ResponseReturnValue:
    """Read and check every row with this matching; nothing is posted."""
    with unit_of_work() as session:
        task = tasks.lock_task(session, task_id, kind=KIND)
        fields = _read_fields(task)
        try:
            usage_import.check_fields(fields)
        except InvalidInputError as error:
            return _draw(session, task, fields=fields, messages=[refusal(error)])
        if task.state in ("draft", "checked"):
            locale = str(get_locale() or "en")
            tasks.start_step(session, task, "check", params={"fields": fields, "locale": locale})
    return redirect(url_for("office_tasks.show", task_id=task_id), 303)


@bp.post("/usage/<uuid:task_id>/write")
@office_view(Permission.TRANSACTIONS_WRITE)
def write_usage(task_id: UUID) -> ResponseReturnValue:
    """Post what was checked; a second click finds it under way."""
    with unit_of_work() as session:
        task = tasks.lock_task(session, task_id, kind=KIND)
        if task.state == "draft":
            raise ConflictError("Check the file first.")
        if task.state == "checked":
            if task.left_out:
                raise ConflictError("Some rows are wrong: nothing can be imported as a whole.")
            tasks.start_step(session, task, "post", params={})
            audit.record(
                session,
                reseller_id=current_scope().home_reseller_id,
                action="import",
                object_type="usage_batch",
                object_id=task.id,
                object_label=task.title,
                changes={"rows": (None, task.total)},
            )
    return redirect(url_for("office_tasks.show", task_id=task_id), 303)


def _read_fields(task: Task) -> list[str]:
    count = len(task.params["sheet"]["headings"])
    sent = [key if key in FIELDS else "" for key in request.form.getlist("field")[:count]]
    return sent + [""] * (count - len(sent))


def _guess(headings: Sequence[str]) -> list[str]:
    """A field for each column, each once."""
    words = {sort_key(word): key for word, key in _SYNONYMS.items()}
    words |= {sort_key(str(label)): key for key, label in LABELS.items()}
    taken: set[str] = set()
    guessed = []
    for heading in headings:
        key = words.get(sort_key(heading.replace("_", " ")), "")
        guessed.append("" if key in taken else key)
        taken.add(key)
    return guessed


def _draw_upload(messages: Sequence[str] = ()) -> ResponseReturnValue:
    return render(
        "office/packages/usage_upload.html",
        status=422 if messages else 200,
        task_id=new_id(),
        messages=messages,
        most_mb=MOST_BYTES // (1024 * 1024),
        most_rows=MOST_CHARGES,
    )


def _draw(
    session: Session,
    task: Task,
    *,
    fields: Sequence[str] | None = None,
    messages: Sequence[str] = (),
) -> ResponseReturnValue:
    sheet: Mapping[str, Any] = task.params["sheet"]
    is_checked = task.state == "checked"
    return render(
        "office/packages/usage_show.html",
        status=422 if messages else 200,
        task=task,
        sheet=sheet,
        fields=fields or task.params.get("fields") or _guess(sheet["headings"]),
        labels=LABELS,
        is_checked=is_checked,
        wrong=_read_wrong(session, task.id) if is_checked else [],
        shown=SHOWN,
        messages=messages,
    )


def _read_wrong(session: Session, task_id: UUID) -> list[dict[str, Any]]:
    """The first rows that cannot be taken: line, column, cell and why."""
    items = session.scalars(
        select(TaskItem)
        .where(TaskItem.task_id == task_id, TaskItem.state == "left_out")
        .order_by(TaskItem.n)
        .limit(SHOWN)
    )
    return [
        {
            "line": item.payload.get("line", item.n),
            "column": str(LABELS.get(mistake["field"], mistake["field"])),
            "cell": str(item.payload.get("values", {}).get(mistake["field"], ""))[:80],
            "text": refusal(AppError(mistake["text"], **mistake["values"])),
        }
        for item in items
        for mistake in item.details.get("mistakes", [])
    ]
