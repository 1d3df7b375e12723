"""Exports of clients: at once when few, as a task when many, with the same cells either way.

A task reads its fixed selection some rows at a time, each time in a transaction of its own, keeps
the cells, and writes the file from them at the end: no step holds all clients in memory.
"""

import json
import tempfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, BinaryIO
from zoneinfo import ZoneInfo

from sqlalchemy import Select, select

from core.db import Session
from core.errors import InvalidInputError
from core.sheet_writer import CSV_TYPE, XLSX_TYPE, Cell, write_csv, write_xlsx
from core.tenancy import current_scope
from payments import client_columns
from tenants import audit, task_bytes, tasks
from tenants.task_models import Task, TaskItem

AT_ONCE = 5_000
"""Rows that a person waits for; more are written by a task."""
LONGEST = 500_000
PIECE = 2_000
FORMATS = ("csv", "csv-bom", "xlsx")
Beat = Callable[[int | None], None]


@dataclass(frozen=True, slots=True)
class Wish:
    """What the file shall be: keys of columns, their headings, and how instants are told."""

    format: str
    columns: Sequence[str]
    headings: Sequence[str]
    timezone: str
    name: str
    sheet: str = "Clients"

    @property
    def file_name(self) -> str:
        return f"{self.name}.{'xlsx' if self.format == 'xlsx' else 'csv'}"

    @property
    def media_type(self) -> str:
        return XLSX_TYPE if self.format == "xlsx" else CSV_TYPE

    def to_params(self) -> dict[str, Any]:
        return {
            "format": self.format,
            "columns": list(self.columns),
            "headings": list(self.headings),
            "timezone": self.timezone,
            "name": self.name,
            "sheet": self.sheet,
        }


def check_wish(wish: Wish) -> None:
    """Raises InvalidInputError for a format or a column that does not exist."""
    if wish.format not in FORMATS:
        raise InvalidInputError("Choose a format.", "format")
    if not wish.columns or client_columns.known(wish.columns) != list(wish.columns):
        raise InvalidInputError("Choose the columns again.", "columns")


def export_now(session: Session, ids: Sequence[int], wish: Wish, out: BinaryIO) -> None:
    """Write the file for clients of the scope, in the order of `ids`."""
    rows = client_columns.read_cells(session, ids, wish.columns, ZoneInfo(wish.timezone))
    _write(out, wish, rows)


def request_export(
    session: Session, *, task: Task, ids: Select[Any], wish: Wish, asked: dict[str, Any]
) -> None:
    """Fix what a new task exports; raises InvalidInputError for nobody or too many."""
    total = tasks.add_clients(session, task, ids)
    if not 0 < total <= LONGEST:
        raise InvalidInputError(f"An export takes 1 to {LONGEST} clients.")
    record(session, object_id=task.id, wish=wish, asked=asked, rows=total)


def record(
    session: Session, *, object_id: object, wish: Wish, asked: dict[str, Any], rows: int
) -> None:
    """Say in the audit log who exported what: the filters, the columns and how many clients."""
    audit.record(
        session,
        reseller_id=current_scope().home_reseller_id,
        action="export",
        object_type="clients",
        object_id=object_id,
        object_label=wish.file_name,
        changes={
            "rows": (None, rows),
            "filters": (None, json.dumps(asked, ensure_ascii=False, sort_keys=True)),
            "columns": (None, ", ".join(wish.columns)),
            "format": (None, wish.format),
        },
    )


def do_piece(session: Session, task: Task, beat: Beat) -> bool:
    """Read the next clients of the task, or write its file; False when it is done."""
    wish = Wish(**task.params["wish"])
    if task.done < task.total:
        _read_piece(session, task, wish)
        return True
    _write_file(session, task, wish, beat)
    return False


def _read_piece(session: Session, task: Task, wish: Wish) -> None:
    ids = list(
        session.scalars(
            select(TaskItem.subject_id)
            .where(
                TaskItem.task_id == task.id,
                TaskItem.n > task.done,
                TaskItem.n <= task.done + PIECE,
            )
            .order_by(TaskItem.n)
        )
    )
    rows = client_columns.read_cells(
        session, [one for one in ids if one is not None], wish.columns, ZoneInfo(wish.timezone)
    )
    content = zlib.compress(json.dumps(rows, default=_packed, ensure_ascii=False).encode(), 1)
    begin = len(task_bytes.list_chunks(session, task.id, "rows"))
    task_bytes.put_chunk(session, task, "rows", begin + 1, content)
    # a client that is gone by now has no row
    tasks.record_piece(session, task, done=len(ids), left_out=len(ids) - len(rows))


def _write_file(session: Session, task: Task, wish: Wish, beat: Beat) -> None:
    def watch(_rows: int) -> None:
        beat(None)

    with tempfile.TemporaryFile() as file:
        _write(file, wish, _kept_rows(session, task, wish, watch))
        size = file.tell()
        file.seek(0)
        task_bytes.delete_chunks(session, task.id, "result")
        number = 0
        while piece := file.read(task_bytes.CHUNK_BYTES):
            number += 1
            task_bytes.put_chunk(session, task, "result", number, piece)
    task.result_name, task.result_type, task.result_size = wish.file_name, wish.media_type, size
    session.flush()
    task_bytes.delete_chunks(session, task.id, "rows")
    tasks.delete_items(session, task.id)
    tasks.close_task(session, task, "done")


def _kept_rows(
    session: Session, task: Task, wish: Wish, watch: Callable[[int], None]
) -> Iterator[list[Cell]]:
    kinds = [client_columns.kind_of(key) for key in wish.columns]
    for n in task_bytes.list_chunks(session, task.id, "rows"):
        watch(n)
        content = task_bytes.get_chunk(session, task.id, "rows", n)
        for row in json.loads(zlib.decompress(content)):
            yield [_unpacked(kind, value) for kind, value in zip(kinds, row, strict=True)]


def _write(out: BinaryIO, wish: Wish, rows: Sequence[list[Cell]] | Iterator[list[Cell]]) -> None:
    if wish.format == "xlsx":
        write_xlsx(out, wish.headings, rows, sheet=wish.sheet)
        return

    def lines() -> Iterator[Sequence[Cell]]:
        yield wish.headings
        yield from rows

    for piece in write_csv(lines(), with_bom=wish.format == "csv-bom"):
        out.write(piece)


def _packed(value: object) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)


def _unpacked(kind: str, value: Any) -> Cell:  # noqa: ANN401 (what JSON gives)
    if value is None or kind in ("text", "whole", "flag"):
        return value  # type: ignore[no-any-return]
    if kind == "amount":
        return Decimal(value)
    return date.fromisoformat(value) if kind == "day" else datetime.fromisoformat(value)
