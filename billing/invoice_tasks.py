"""Invoices as tasks: many edited, many clients invoiced, many files in one ZIP.

Each piece is a transaction of its own that ends with what it did, so a worker killed at any moment
has done nothing twice and left nothing out.
"""

import re
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import Select, String, cast, func, insert, literal, select
from sqlalchemy.exc import DBAPIError, OperationalError

from billing import autoinvoicing, invoice_edits, invoices
from billing.autoinvoicing import Skipped
from billing.invoice_edits import Wish
from billing.invoice_models import Invoice
from billing.suretax_models import TaxWait
from core.clock import now
from core.db import Session
from core.errors import AppError, InvalidInputError
from core.tenancy import current_scope
from tenants import audit, task_bytes, tasks
from tenants.files import get_file
from tenants.task_models import Task, TaskItem

EDIT, RUN, ZIP = "edit_invoices", "invoice_clients", "zip_invoices"
MOST = 50_000
MOST_ZIPPED = 5_000
ZIP_TYPE = "application/zip"
_EDITED, _DRAWN = 10, 5
_NOT_IN_NAMES = re.compile(r"[^\w.\- ]")
Beat = Callable[[int | None], None]
_log = structlog.get_logger(__name__)


def add_invoices(session: Session, task: Task, ids: Select[Any], *, most: int) -> int:
    """Fix which invoices a new task is about: the rows of `ids` (column `id`), in their order.

    Raises InvalidInputError for none or more than `most`.
    """
    chosen = ids.subquery("chosen")
    session.execute(
        insert(TaskItem).from_select(
            ["task_id", "reseller_id", "n", "payload"],
            select(
                literal(task.id),
                literal(task.reseller_id),
                func.row_number().over(order_by=chosen.c.n),
                func.jsonb_build_object(
                    "invoice",
                    cast(chosen.c.id, String),
                    "values",
                    func.jsonb_build_object("name", chosen.c.number),
                ),
            ).order_by(chosen.c.n),
        )
    )
    task.total = tasks.count_items(session, task.id)
    if not 0 < task.total <= most:
        raise InvalidInputError("Choose 1 to %(most)s invoices.", most=most)
    session.flush()
    return task.total


def record_request(session: Session, task: Task, asked: dict[str, Any]) -> None:
    """Say in the audit log who asked for what, and for how many."""
    audit.record(
        session,
        reseller_id=current_scope().home_reseller_id,
        action={EDIT: "mass_edit", RUN: "mass_edit", ZIP: "export"}[task.kind],
        object_type="invoices",
        object_id=task.id,
        object_label=task.title,
        changes={"selected": (None, task.total), "asked": (None, str(asked))},
    )


def edit_piece(session: Session, task: Task, _beat: Beat) -> bool:
    """Change the next invoices of the task; False when none is left."""
    items = tasks.take_items(session, task.id, limit=_EDITED)
    if not items:
        tasks.close_task(session, task, "done")
        return False
    wish = Wish(**task.params["wish"])
    for item in items:
        _edit(session, item, wish)
    return _record_items(session, task, items)


def run_piece(session: Session, task: Task, _beat: Beat) -> bool:
    """Invoice the next client of the task, every boundary that has passed; False at the end."""
    items = tasks.take_items(session, task.id, limit=1)
    if not items:
        tasks.close_task(session, task, "done")
        return False
    for item in items:
        _invoice_client(session, item)
    return _record_items(session, task, items)


def zip_piece(session: Session, task: Task, beat: Beat) -> bool:
    """Make the missing files of the next invoices, or write the ZIP; False when it is done."""
    items = tasks.take_items(session, task.id, limit=_DRAWN)
    if not items:
        _write_zip(session, task, beat)
        return False
    for item in items:
        _draw(session, item)
    return _record_items(session, task, items)


def _record_items(session: Session, task: Task, items: list[TaskItem]) -> bool:
    counts = dict.fromkeys(tasks.COUNTS, 0)
    for item in items:
        counts[item.state] += 1
    session.flush()
    tasks.record_piece(session, task, done=len(items), **counts)
    return True


def _edit(session: Session, item: TaskItem, wish: Wish) -> None:
    invoice = invoices.find_invoice(session, UUID(item.payload["invoice"]))
    if invoice is None:
        _put(item, "left_out", "The invoice was not found.")
        return
    decision = invoice_edits.decide(invoice, wish)
    if decision.state != "changed":
        _put(item, decision.state, decision.reason)
        return
    _try(session, item, "changed", lambda: invoice_edits.apply(session, invoice.id, wish))


def _invoice_client(session: Session, item: TaskItem) -> None:
    client_id = item.subject_id or 0
    made: list[str] = []
    skipped: list[Skipped] = []
    waiting: list[TaxWait] = []

    def work() -> None:
        while (result := autoinvoicing.invoice_next_period(session, client_id)) is not None:
            if isinstance(result, Skipped):
                skipped.append(result)
            elif isinstance(result, TaxWait):
                waiting.append(result)
            else:
                made.append(result.number)

    failure = _try(session, item, "made", work)
    if failure is not None:
        # the sweep comes back to it later and later
        autoinvoicing.record_failure(session, client_id, failure)
    elif made:
        item.details = {"values": {}, "invoices": made}
    elif waiting:
        _put(item, "left_out", "The invoice waits for its taxes and is made when SureTax answers.")
    elif skipped:
        _put(item, "left_out", "Nothing was to be paid; Last Invoiced has moved on.")
    else:
        _put(item, "unchanged")


def _draw(session: Session, item: TaskItem) -> None:
    invoice_id = UUID(item.payload["invoice"])
    _try(session, item, "made", lambda: invoices.store_file(session, invoice_id))


def _try(
    session: Session, item: TaskItem, state: str, work: Callable[[], object]
) -> Exception | None:
    """Do it in a savepoint; what failed is said on the item and answered."""
    try:
        with session.begin_nested():
            work()
    except AppError as error:
        _put(item, "left_out", error.text, error.values)
        return error
    except OperationalError:
        # a lock not got, a connection lost: the whole piece is tried again
        raise
    except DBAPIError as error:
        _log.exception("invoices.task_failed", item=item.n)
        _put(item, "failed", "Something went wrong on our side.")
        return error
    _put(item, state)
    return None


def _put(
    item: TaskItem, state: str, reason: str = "", values: dict[str, Any] | None = None
) -> None:
    item.state, item.reason = state, reason
    item.details = {
        "values": {name: audit.plain_value(one) for name, one in (values or {}).items()}
    }


def _write_zip(session: Session, task: Task, beat: Beat) -> None:
    with tempfile.TemporaryFile() as out:
        write_zip(session, _drawn(session, task, beat), out)
        size = out.tell()
        out.seek(0)
        task_bytes.delete_chunks(session, task.id, "result")
        number = 0
        while piece := out.read(task_bytes.CHUNK_BYTES):
            number += 1
            task_bytes.put_chunk(session, task, "result", number, piece)
    task.result_name = f"invoices-{now():%Y-%m-%d}.zip"
    task.result_type, task.result_size = ZIP_TYPE, size
    session.flush()
    tasks.close_task(session, task, "done")


def write_zip(session: Session, file_ids: Iterator[UUID], out: Any) -> None:  # noqa: ANN401 (a binary file)
    """The stored files as they are, each under a name of its own."""
    taken: set[str] = set()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as package:
        for file_id in file_ids:
            file = get_file(session, file_id)
            name = _NOT_IN_NAMES.sub("_", file.name)
            if name.casefold() in taken:
                name = f"{file_id}-{name}"
            taken.add(name.casefold())
            package.writestr(name, file.content)
            session.expunge(file)


def _drawn(session: Session, task: Task, beat: Beat) -> Iterator[UUID]:
    wanted = [
        UUID(payload["invoice"])
        for payload in session.scalars(
            select(TaskItem.payload)
            .where(TaskItem.task_id == task.id, TaskItem.state == "made")
            .order_by(TaskItem.n)
        )
    ]
    for start in range(0, len(wanted), 50):
        beat(None)
        some = wanted[start : start + 50]
        found = dict(
            session.execute(select(Invoice.id, Invoice.file_id).where(Invoice.id.in_(some))).all()
        )
        for one in some:
            if (file_id := found.get(one)) is not None:
                yield file_id
