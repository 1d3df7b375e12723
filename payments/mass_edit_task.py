"""The mass edit as a task: some clients a piece, each in a savepoint of its own.

Every selected client ends as changed, unchanged, left out or failed, and says why.
"""

from collections.abc import Callable
from typing import Any

import structlog
from sqlalchemy import Select
from sqlalchemy.exc import DBAPIError, OperationalError

from core.db import Session
from core.errors import AppError, InvalidInputError
from core.tenancy import current_scope
from payments.client_wholes import Whole, lock_clients, read_wholes, save_whole
from payments.mass_edit import Context, Wish, decide, read_context, read_wish
from tenants import audit, tasks
from tenants.task_models import Task, TaskItem

KIND = "mass_edit_clients"
MOST = 200_000
PIECE = 25
Beat = Callable[[int | None], None]
_log = structlog.get_logger(__name__)


def request_mass_edit(
    session: Session, task: Task, *, ids: Select[Any], wish: Wish, count: int, asked: dict[str, Any]
) -> None:
    """Fix who a new task is about; raises InvalidInputError when that is not `count` clients."""
    total = tasks.add_clients(session, task, ids)
    if total != count or not 0 < total <= MOST:
        raise InvalidInputError(
            "The list has changed since the preview: %(count)s clients match now.", count=total
        )
    audit.record(
        session,
        reseller_id=current_scope().home_reseller_id,
        action="mass_edit",
        object_type="clients",
        object_id=task.id,
        object_label=task.title,
        changes={
            "selected": (None, total),
            "asked": (None, str(asked)),
            **{name: (None, str(value)) for name, value in wish.to_params().items()},
        },
    )


def do_piece(session: Session, task: Task, _beat: Beat) -> bool:
    """Change the next clients of the task; False when none is left."""
    items = tasks.take_items(session, task.id, limit=PIECE)
    if not items:
        tasks.close_task(session, task, "done")
        return False
    try:
        context = read_context(session, read_wish(task.params["wish"]))
    except InvalidInputError:
        tasks.close_task(
            session, task, "failed", "The payment terms or the template chosen were deleted."
        )
        return False
    ids = [item.subject_id for item in items if item.subject_id is not None]
    lock_clients(session, ids)
    wholes = read_wholes(session, ids)
    counts = dict.fromkeys(tasks.COUNTS, 0)
    for item in items:
        _change(session, item, wholes.get(item.subject_id or 0), context)
        counts[item.state] += 1
    session.flush()
    tasks.record_piece(session, task, done=len(items), **counts)
    return True


def _change(session: Session, item: TaskItem, before: Whole | None, context: Context) -> None:
    if before is None:
        _put(item, "left_out", "The client was not found.")
        return
    decision = decide(before, context)
    if decision.after is None:
        _put(item, decision.state, decision.reason, values=decision.values or {})
        return
    try:
        with session.begin_nested():
            save_whole(session, before, decision.after)
    except AppError as error:
        _put(item, "left_out", error.text, values=error.values)
    except OperationalError:
        # a lock not got, a connection lost: the whole piece is tried again
        raise
    except DBAPIError:
        _log.exception("mass_edit.failed", client=before.id)
        _put(item, "failed", "Something went wrong on our side.")
    else:
        _put(item, "changed", changes=decision.changes_from(before))


def _put(
    item: TaskItem,
    state: str,
    reason: str = "",
    *,
    values: Any = None,  # noqa: ANN401 (a mapping of what the sentence names)
    changes: dict[str, tuple[object, object]] | None = None,
) -> None:
    item.state, item.reason = state, reason
    item.details = {
        "values": {name: audit.plain_value(one) for name, one in (values or {}).items()},
        "changes": {
            name: [audit.plain_value(old), audit.plain_value(new)]
            for name, (old, new) in (changes or {}).items()
        },
    }
