"""Files of reports: at once when short, by a task when long, with the same cells either way."""

import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from billing import reports
from billing.reports import ReportSpec, spec_of
from core.db import Session
from core.tenancy import current_scope
from tenants import audit, task_bytes, tasks
from tenants.task_models import Task

KIND = "export_report"
AT_ONCE = 5_000
"""Rows that a person waits for; more are written by a task."""
Beat = Callable[[int | None], None]


@dataclass(frozen=True, slots=True)
class Wish:
    """What the file shall be; `day` is the day on which a named period was meant."""

    spec: ReportSpec
    day: date
    format: str
    words: Mapping[str, str]
    sheet: str

    @property
    def file_name(self) -> str:
        return reports.file_name(self.spec, self.day, self.format)

    def to_params(self) -> dict[str, Any]:
        return {
            "spec": self.spec.to_params(),
            "day": self.day.isoformat(),
            "format": self.format,
            "words": dict(self.words),
            "sheet": self.sheet,
        }


def wish_of(params: Mapping[str, Any]) -> Wish:
    """The wish that `to_params` made these of."""
    return Wish(
        spec_of(params["spec"]),
        date.fromisoformat(params["day"]),
        params["format"],
        params["words"],
        params["sheet"],
    )


def request_file(session: Session, wish: Wish, *, task_id: UUID) -> Task:
    """Ask for the file in the background; the same form sent twice asks once."""
    known = tasks.find_task(session, task_id)
    if known is not None:
        return known
    task = tasks.create_task(
        session, task_id=task_id, kind=KIND, title=wish.file_name, params={"wish": wish.to_params()}
    )
    record(session, wish, object_id=task_id)
    return task


def record(session: Session, wish: Wish, *, object_id: object, rows: int | None = None) -> None:
    """Say in the audit log who took which report out."""
    audit.record(
        session,
        reseller_id=current_scope().home_reseller_id,
        action="export",
        object_type="report",
        object_id=object_id,
        object_label=wish.file_name,
        changes={
            "rows": (None, rows),
            "filters": (None, json.dumps(wish.spec.to_params(), sort_keys=True)),
            "format": (None, wish.format),
        },
    )


def do_piece(session: Session, task: Task, beat: Beat) -> bool:
    """Write the file of a claimed task; the whole work is this one piece."""
    wish = wish_of(task.params["wish"])
    headings, rows = reports.read_table(session, wish.spec, wish.day, wish.words)
    beat(None)
    with tempfile.TemporaryFile() as file:
        reports.write_table(file, headings, rows, format=wish.format, sheet=wish.sheet)
        size = file.tell()
        file.seek(0)
        task_bytes.delete_chunks(session, task.id, "result")
        number = 0
        while piece := file.read(task_bytes.CHUNK_BYTES):
            number += 1
            task_bytes.put_chunk(session, task, "result", number, piece)
    task.result_name, task.result_size = wish.file_name, size
    task.result_type = reports.media_type(wish.format)
    task.total = len(rows)
    session.flush()
    tasks.record_piece(session, task, done=len(rows))
    tasks.close_task(session, task, "done")
    return False
