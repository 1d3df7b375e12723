"""What the Tasks screen reads."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import and_, case, func, select

from core.db import Session
from core.tenancy import current_scope
from portal.keyset import Key, Order, Page, Place, read_page, walk
from tenants.models import Client, Reseller
from tenants.task_models import Task, TaskItem

SHOWN_ITEMS = 100


@dataclass(frozen=True, slots=True)
class TaskRow:
    """One line of the list; `reseller` is empty when there is only one."""

    id: UUID
    kind: str
    title: str
    state: str
    step: str
    total: int
    done: int
    asker: str
    reseller: str
    created_at: datetime
    finished_at: datetime | None
    result_size: int | None


@dataclass(frozen=True, slots=True)
class ItemRow:
    """A client or a file's row that was not done, and why; `name` is empty for one that is gone."""

    n: int
    client_id: int | None
    name: str
    state: str
    reason: str
    values: Mapping[str, Any]


def read_tasks(session: Session, place: Place) -> Page[TaskRow]:
    """One page of the tasks of the scope, newest first."""
    walked = walk(
        select(Task.created_at.label("created_at"), Task.id.label("id")),
        owner=Task.reseller_id,
        order=Order([Key("created_at", datetime), Key("id", UUID)], descending=True),
        place=place,
    )
    is_one = len(current_scope().reseller_ids) == 1
    query = walked.decorate(
        Task.id,
        Task.kind,
        Task.title,
        Task.state,
        Task.step,
        Task.total,
        Task.done,
        Task.asker_label.label("asker"),
        Reseller.name.label("reseller"),
        Task.created_at,
        Task.finished_at,
        Task.result_size,
        keep=[
            (Task, Task.id == walked.picked.c.id, False),
            (Reseller, Reseller.id == Task.reseller_id, False),
        ],
    )
    names = TaskRow.__dataclass_fields__

    def make(row: Any) -> TaskRow:  # noqa: ANN401 (a row of the query)
        values = {name: getattr(row, name) for name in names}
        return TaskRow(**{**values, "reseller": "" if is_one else row.reseller})

    return read_page(session, walked, query, make)


def read_undone(session: Session, task: Task) -> list[ItemRow]:
    """The first items that failed or were left out."""
    rows = session.execute(
        select(
            TaskItem.n,
            TaskItem.subject_id,
            func.coalesce(Client.name, TaskItem.payload["values"]["name"].astext),
            TaskItem.state,
            TaskItem.reason,
            TaskItem.details["values"],
        )
        .outerjoin(
            Client,
            # a parent's task is about clients of the resellers beneath it, too
            and_(Client.id == TaskItem.subject_id),
        )
        .where(TaskItem.task_id == task.id, TaskItem.state.in_(("left_out", "failed")))
        .order_by(case((TaskItem.state == "failed", 0), else_=1), TaskItem.n)
        .limit(SHOWN_ITEMS)
    )
    return [ItemRow(row[0], row[1], row[2] or "", row[3], row[4], row[5] or {}) for row in rows]
