"""What became of every client or row of a task, as a file in the viewer's language."""

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from flask_babel import gettext as _
from sqlalchemy import and_, select

from core.db import Session
from core.errors import AppError
from core.sheet_writer import Cell, write_csv
from portal.office.client_changes import ChangeTeller
from portal.office.client_headings import HEADINGS
from portal.office.words import word
from portal.wording import refusal
from tenants.models import Client
from tenants.task_models import Task, TaskItem


def write_result(session: Session, task: Task) -> bytes:
    """A line for each item; UTF-8 with its mark, so that spreadsheets read it."""
    return b"".join(write_csv(_lines(session, task), with_bom=True))


def told_reason(reason: str, values: Mapping[str, Any]) -> str:
    """Why an item was not done; what was stored is a constant sentence and its values."""
    if reason in ("cancelled", "failed"):
        return word("task_reason", reason)
    return refusal(AppError(reason, **values)) if reason else ""


def _lines(session: Session, task: Task) -> Iterator[list[Cell]]:
    is_import = task.kind.startswith("import_")
    first = [_("Line")] if is_import else []
    yield [*first, _("ID"), _("Name"), _("Result"), _("Why"), _("Changes")]
    teller = ChangeTeller(session)
    for row in _read(session, task.id):
        item: TaskItem = row[0]
        name = row[1] or item.payload.get("values", {}).get("name", "")
        first = [item.payload.get("line", item.n)] if is_import else []
        changes = teller.tell(item.details.get("changes", {}))
        yield [
            *first,
            item.subject_id,
            name,
            word("task_item", item.state),
            _why(item),
            "; ".join(f"{one.label}: {one.before} → {one.after}" for one in changes),
        ]


def _why(item: TaskItem) -> str:
    mistakes = item.details.get("mistakes")
    if mistakes and item.state == "left_out":
        return " ".join(
            f"{HEADINGS.get(one['field'], one['field'])}: {told_reason(one['text'], one['values'])}"
            for one in mistakes
        )
    return told_reason(item.reason, item.details.get("values", {}))


def _read(session: Session, task_id: UUID) -> Iterator[Any]:
    """Items with their client's name, some at a time."""
    after = 0
    while True:
        rows = session.execute(
            select(TaskItem, Client.name)
            .outerjoin(Client, and_(Client.id == TaskItem.subject_id))
            .where(TaskItem.task_id == task_id, TaskItem.n > after)
            .order_by(TaskItem.n)
            .limit(2_000)
        ).all()
        if not rows:
            return
        yield from rows
        after = rows[-1][0].n
        session.expunge_all()
