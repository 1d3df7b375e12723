"""Tasks: asked for once, worked off in small pieces under a lease, told to the end.

A worker claims a task and gets a token; each piece of work ends with `record_piece` in the piece's
own transaction, which fails when the token is no longer the task's. So a worker that was killed, or
that slept longer than its lease, has done nothing twice.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, case, cast, delete, func, literal, or_, select, update
from sqlalchemy.dialects.postgresql import JSONB, insert

from core import jobs
from core.clock import now
from core.db import Session
from core.errors import ConflictError, NotAllowedError, NotFoundError
from core.ids import new_id
from core.tenancy import Actor, current_actor, current_scope
from tenants import task_bytes
from tenants.models import Reseller, Role, User
from tenants.permissions import Permission
from tenants.signed_in import is_trading
from tenants.task_models import Task, TaskItem

JOB = "tasks.run"
LEASE = timedelta(seconds=120)
# the job that was sent with the row gets this long before it counts as lost
GRACE = timedelta(seconds=20)
KEPT = timedelta(days=7)
"""How long the items and the bytes of a task are kept."""
REMEMBERED = timedelta(days=90)
"""How long the task itself stands in the list; the audit log keeps what was done."""
MAX_ATTEMPTS = 5
"""Claims without one piece done between them: then the work itself must be what fails."""
COUNTS = ("made", "changed", "unchanged", "left_out", "failed")
EXPORTS = frozenset({"export_clients", "export_report"})
"""Kinds that change nothing and give a file."""
FINAL_STATES = frozenset({"done", "failed", "cancelled"})
NEEDS: dict[str, tuple[Permission, ...]] = {
    "export_clients": (Permission.CLIENTS_READ, Permission.CLIENTS_EXECUTE),
    "export_report": (Permission.REPORTS_WRITE, Permission.CLIENTS_EXECUTE),
    "generate_vouchers": (Permission.VOUCHERS_WRITE,),
    "import_clients": (Permission.CLIENTS_WRITE, Permission.CLIENTS_EXECUTE),
    "import_usage": (Permission.TRANSACTIONS_WRITE,),
    "import_opening_balances": (Permission.TRANSACTIONS_WRITE, Permission.CLIENTS_READ),
    "import_payments": (Permission.TRANSACTIONS_WRITE, Permission.CLIENTS_READ),
    "mass_edit_clients": (Permission.CLIENTS_WRITE, Permission.CLIENTS_EXECUTE),
    "edit_invoices": (Permission.INVOICES_EXECUTE,),
    "invoice_clients": (Permission.INVOICES_EXECUTE,),
    "zip_invoices": (Permission.INVOICES_EXECUTE,),
}
"""What a role must allow to ask for such a task, and still when a piece of it is done."""


class LostLeaseError(ConflictError):
    """Another worker has the task, or it was ended: what this one did is rolled back."""

    code = "lost_lease"

    def __init__(self) -> None:
        super().__init__("Another worker has taken this task over.")


class GaveUpError(ConflictError):
    """The work cannot be done at all: the piece is rolled back and the task closed with this."""

    code = "gave_up"


def create_task(
    session: Session,
    *,
    task_id: UUID,
    kind: str,
    params: Mapping[str, Any],
    title: str = "",
    state: str = "waiting",
    step: str = "",
) -> Task:
    """Ask for a task in the present scope and name; the same form sent twice asks once.

    A `draft` waits until `start_step`. Raises ConflictError for an id that means another task.
    """
    scope, actor, at = current_scope(), current_actor(), now()
    session.execute(
        insert(Task)
        .values(
            id=task_id,
            reseller_id=scope.home_reseller_id,
            kind=kind,
            title=title,
            params=dict(params),
            reseller_ids=list(scope.reseller_ids),
            state=state,
            step=step,
            asker_kind=actor.kind,
            asker_id=actor.id,
            asker_label=actor.label,
            asker_ip=actor.ip,
            asker_on_behalf_of=actor.on_behalf_of,
            lease_until=at + GRACE,
            created_at=at,
            expires_at=at + KEPT,
        )
        .on_conflict_do_nothing()
    )
    task = session.scalar(select(Task).where(Task.id == task_id))
    if task is None or task.kind != kind:
        raise ConflictError("This form was sent before with other content.")
    if state == "waiting":
        _enqueue(session, task)
    return task


def find_task(session: Session, task_id: UUID) -> Task | None:
    return session.scalar(
        select(Task).where(Task.id == task_id).execution_options(populate_existing=True)
    )


def get_task(session: Session, task_id: UUID, *, kind: str | None = None) -> Task:
    """Raises NotFoundError, also for a task of another tenant or of another kind."""
    task = find_task(session, task_id)
    if task is None or (kind is not None and task.kind != kind):
        raise NotFoundError("Task not found.")
    return task


def is_own(task: Task) -> bool:
    """Whether the person that acts now is the one who asked: the work is done in its name."""
    actor = current_actor()
    return (task.asker_kind, task.asker_id) == (actor.kind, actor.id)


def lock_own_task(session: Session, task_id: UUID, *, kind: str) -> Task:
    """As `lock_task`; raises NotAllowedError for what somebody else has asked for."""
    task = lock_task(session, task_id, kind=kind)
    if not is_own(task):
        raise NotAllowedError("Only the person who brought this file can go on with it.")
    return task


def lock_task(session: Session, task_id: UUID, *, kind: str | None = None) -> Task:
    """The same, locked until the transaction ends."""
    task = session.scalar(
        select(Task)
        .where(Task.id == task_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if task is None or (kind is not None and task.kind != kind):
        raise NotFoundError("Task not found.")
    return task


def add_clients(session: Session, task: Task, ids: Select[Any]) -> int:
    """Fix the selection: one item for each row of `ids` (column `id`), in its order."""
    chosen = ids.subquery("chosen")
    session.execute(
        insert(TaskItem).from_select(
            ["task_id", "reseller_id", "n", "subject_id"],
            select(
                literal(task.id),
                literal(task.reseller_id),
                func.row_number().over(),
                chosen.c.id,
            ),
        )
    )
    task.total = count_items(session, task.id)
    session.flush()
    return task.total


def add_rows(session: Session, task: Task, rows: Iterable[tuple[int, Mapping[str, Any]]]) -> None:
    """One item for each numbered row of a file."""
    values = [
        {
            "task_id": task.id,
            "reseller_id": task.reseller_id,
            "n": n,
            "payload": dict(payload),
        }
        for n, payload in rows
    ]
    if values:
        session.execute(insert(TaskItem), values)


def count_items(session: Session, task_id: UUID) -> int:
    return session.scalar(select(func.count()).where(TaskItem.task_id == task_id)) or 0


def take_items(session: Session, task_id: UUID, *, limit: int, after: int = 0) -> list[TaskItem]:
    """The next items that wait, locked, in order."""
    return list(
        session.scalars(
            select(TaskItem)
            .where(TaskItem.task_id == task_id, TaskItem.state == "waiting", TaskItem.n > after)
            .order_by(TaskItem.n)
            .limit(limit)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
    )


def start_step(session: Session, task: Task, step: str, *, params: Mapping[str, Any]) -> None:
    """Let a locked task that waits for its person go on with `step`.

    Raises ConflictError when it is under way or at its end.
    """
    if task.state not in ("draft", "checked"):
        raise ConflictError("This task has gone on meanwhile. Look at it again.")
    task.params = {**task.params, **params}
    task.step = step
    task.state = "waiting"
    task.done = 0
    task.attempts = 0
    task.lease_until = now() + GRACE
    task.expires_at = now() + KEPT
    session.flush()
    _enqueue(session, task)


def claim_task(session: Session, task_id: UUID) -> Task | None:
    """Take the task for one worker; None when somebody has it or nothing is left to do.

    A task that nobody got further with in MAX_ATTEMPTS claims is closed as failed.
    """
    task = session.scalar(
        select(Task)
        .where(Task.id == task_id)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )
    at = now()
    if task is None or task.state not in ("waiting", "running"):
        return None
    if task.state == "running" and task.lease_until is not None and task.lease_until > at:
        return None
    if task.attempts >= MAX_ATTEMPTS:
        _close(session, task, "failed", "The work was broken off several times at the same place.")
        return None
    task.state = "running"
    task.attempts += 1
    task.started_at = task.started_at or at
    task.lease_token = new_id()
    task.lease_until = at + LEASE
    session.flush()
    return task


def resume_task(session: Session, task_id: UUID, token: UUID) -> Task | None:
    """The claimed task as it is now; None when its person has cancelled it: it is closed then.

    Raises LostLeaseError.
    """
    task = find_task(session, task_id)
    if task is None or task.lease_token != token or task.state != "running":
        raise LostLeaseError
    if task.cancel_asked_at is not None:
        close_task(session, task, "cancelled")
        return None
    return task


def record_piece(session: Session, task: Task, *, done: int, **counts: int) -> None:
    """Say that a piece is done, in its own transaction, and keep the task for a further lease.

    Raises LostLeaseError; the piece must then be rolled back.
    """
    changed = session.execute(
        update(Task)
        .where(Task.id == task.id, Task.lease_token == task.lease_token, Task.state == "running")
        .values(
            done=Task.done + done,
            attempts=0,
            lease_until=now() + LEASE,
            **{name: getattr(Task, name) + number for name, number in counts.items()},
        )
        .returning(Task.id)
        .execution_options(synchronize_session=False)
    ).first()
    if changed is None:
        raise LostLeaseError
    session.refresh(task)


def renew_lease(session: Session, task_id: UUID, token: UUID, *, done: int | None = None) -> None:
    """Keep the task during a long piece, and show how far it is; raises LostLeaseError."""
    values: dict[str, Any] = {"lease_until": now() + LEASE}
    if done is not None:
        values["done"] = done
    changed = session.execute(
        update(Task)
        .where(
            Task.id == task_id,
            Task.lease_token == token,
            Task.state == "running",
            Task.cancel_asked_at.is_(None),
        )
        .values(**values)
        .returning(Task.id)
        .execution_options(synchronize_session=False)
    ).first()
    if changed is None:
        raise LostLeaseError


def release_task(session: Session, task_id: UUID, token: UUID, *, ask_again: bool) -> None:
    """Give a claimed task back: others shall have their turn, or the work has failed for now."""
    task = session.scalar(
        select(Task).where(Task.id == task_id, Task.lease_token == token).with_for_update()
    )
    if task is None or task.state != "running":
        return
    task.state = "waiting"
    task.lease_token = None
    task.lease_until = now() + GRACE
    session.flush()
    if ask_again:
        _enqueue(session, task)


def change_step(session: Session, task: Task, step: str) -> None:
    """Go on with another part of the work; what was done so far is recorded already."""
    task.step = step
    session.flush()


def close_task(session: Session, task: Task, state: str, problem: str = "") -> None:
    """End a claimed task, or let it wait for its person (`checked`); raises LostLeaseError."""
    record_piece(session, task, done=0)
    _close(session, task, state, problem)


def ask_to_cancel(session: Session, task_id: UUID) -> Task:
    """Stop a task: at once when nobody works on it, else after the piece under way.

    What is done stays done. Raises NotFoundError, ConflictError at its end.
    """
    task = lock_task(session, task_id)
    if task.state in FINAL_STATES:
        raise ConflictError("This task has ended already.")
    if task.state == "running" and task.lease_until is not None and task.lease_until > now():
        task.cancel_asked_at = task.cancel_asked_at or now()
        session.flush()
    else:
        _close(session, task, "cancelled")
    return task


def check_asker(session: Session, task: Task) -> tuple[int, ...]:
    """The scope that the task may work in now: what was asked with, as far as it still stands.

    `needs` among the task's parameters names what else the role must allow. Raises
    NotAllowedError when the person was stopped or its role narrowed since.
    """
    if task.asker_kind == "user":
        found = session.execute(
            select(User.status, Role.permissions)
            .join(Role, Role.id == User.role_id)
            .where(User.id == task.asker_id, User.reseller_id == task.reseller_id)
        ).one_or_none()
        needs = {*NEEDS[task.kind], *task.params.get("needs", ())}
        if found is None or found.status != "active" or needs - set(found[1]):
            raise NotAllowedError("The person who asked for this may no longer do it.")
    family = session.scalars(
        select(Reseller.id)
        .where(Reseller.id.in_(task.reseller_ids), Reseller.path.contains([task.reseller_id]))
        .order_by(Reseller.id)
    ).all()
    return (task.reseller_id, *(one for one in family if one != task.reseller_id))


def asker_of(task: Task) -> Actor:
    """Who the audit log names for what the task does."""
    return Actor(
        task.asker_kind,  # type: ignore[arg-type]  # written from an Actor
        task.asker_id,
        task.asker_label,
        task.asker_ip,
        task.asker_on_behalf_of,
    )


def delete_items(session: Session, task_id: UUID) -> None:
    session.execute(delete(TaskItem).where(TaskItem.task_id == task_id))


def _enqueue(session: Session, task: Task) -> None:
    jobs.enqueue(session, JOB, reseller_id=task.reseller_id, task_id=str(task.id))


def _close(session: Session, task: Task, state: str, problem: str = "") -> None:
    """End a locked task. What was not reached is left out, so that the counts add up."""
    if state in ("cancelled", "failed") and task.kind not in EXPORTS:
        skipped = session.execute(
            update(TaskItem)
            .where(TaskItem.task_id == task.id, TaskItem.state == "waiting")
            .values(state="left_out", reason=state)
            .returning(TaskItem.n)
            .execution_options(synchronize_session=False)
        ).all()
        task.left_out += len(skipped)
    task.state = state
    task.problem = problem
    task.lease_token = None
    task.lease_until = None
    task.cancel_asked_at = None
    task.attempts = 0
    task.finished_at = now() if state in FINAL_STATES else None
    task.expires_at = now() + KEPT
    session.flush()


def clear_expired(session: Session, *, limit: int) -> int:
    """Remove items and bytes whose time is over, of every tenant; `session` sees all of them."""
    at = now()
    ids = list(
        session.scalars(
            select(Task.id)
            .where(Task.expires_at <= at, Task.state.not_in(("waiting", "running")))
            .order_by(Task.expires_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
    )
    for task_id in ids:
        delete_items(session, task_id)
        task_bytes.delete_all(session, task_id)
    if ids:
        session.execute(
            update(Task)
            .where(Task.id.in_(ids))
            .values(
                expires_at=None,
                # an import keeps samples of its file there
                params=case((Task.kind.startswith("import_"), cast({}, JSONB)), else_=Task.params),
                result_size=None,
                state=func.replace(
                    func.replace(Task.state, "draft", "cancelled"), "checked", "cancelled"
                ),
                finished_at=func.coalesce(Task.finished_at, at),
            )
            .execution_options(synchronize_session=False)
        )
    session.execute(
        delete(Task).where(
            Task.expires_at.is_(None),
            Task.created_at <= at - REMEMBERED,
        )
    )
    return len(ids)


def list_stuck(session: Session, *, limit: int, at: datetime) -> list[tuple[UUID, int]]:
    """Tasks that wait longer than their job should need, or whose worker left them."""
    rows = session.execute(
        select(Task.id, Task.reseller_id)
        .join(Reseller, Reseller.id == Task.reseller_id)
        .where(
            is_trading(),
            Task.state.in_(("waiting", "running")),
            or_(Task.lease_until.is_(None), Task.lease_until <= at),
        )
        .order_by(Task.created_at)
        .limit(limit)
    )
    return [(row.id, row.reseller_id) for row in rows]
