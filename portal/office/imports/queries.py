"""What the import's screen reads of a check."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from core.db import Session
from core.errors import AppError
from portal.wording import refusal
from tenants.task_models import TaskItem

SHOWN = 200


@dataclass(frozen=True, slots=True)
class Wrong:
    """One cell that cannot be taken."""

    line: int
    field: str
    cell: str
    text: str


@dataclass(frozen=True, slots=True)
class Warned:
    """A row that can be taken but should be looked at."""

    line: int
    name: str
    texts: Sequence[str]


def count_plans(session: Session, task_id: UUID) -> Mapping[str, int]:
    """How many rows would make, change, leave as it is; wrong ones are counted by the task."""
    will = TaskItem.details["will"].astext
    rows = session.execute(
        select(will, func.count())
        .where(TaskItem.task_id == task_id, TaskItem.state == "waiting")
        .group_by(will)
    )
    found = {str(row[0]): int(row[1]) for row in rows}
    return {name: found.get(name, 0) for name in ("make", "change", "same")}


def read_wrong(session: Session, task_id: UUID) -> list[Wrong]:
    """The first mistakes by row and column."""
    items = session.scalars(
        select(TaskItem)
        .where(TaskItem.task_id == task_id, TaskItem.state == "left_out")
        .order_by(TaskItem.n)
        .limit(SHOWN)
    )
    return [
        Wrong(
            line=item.payload.get("line", item.n),
            field=mistake["field"],
            cell=str(item.payload.get("values", {}).get(mistake["field"], ""))[:80],
            text=refusal(AppError(mistake["text"], **mistake["values"])),
        )
        for item in items
        for mistake in item.details.get("mistakes", [])
    ][:SHOWN]


def read_warned(session: Session, task_id: UUID) -> list[Warned]:
    """The first rows with warnings."""
    warnings: Any = TaskItem.details["warnings"]
    items = session.scalars(
        select(TaskItem)
        .where(
            TaskItem.task_id == task_id,
            TaskItem.state == "waiting",
            func.jsonb_array_length(warnings) > 0,
        )
        .order_by(TaskItem.n)
        .limit(SHOWN)
    )
    return [
        Warned(
            line=item.payload.get("line", item.n),
            name=item.payload["values"].get("name", ""),
            texts=item.details["warnings"],
        )
        for item in items
    ]
