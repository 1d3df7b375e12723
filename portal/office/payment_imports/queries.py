"""What the import's screen reads of a check."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, any_, case, func, literal, select

from billing.invoice_models import Invoice
from billing.models import ClientBalance
from billing.report_models import OpeningBalance
from core.db import Session
from core.errors import AppError
from portal.wording import refusal
from tenants.models import Client
from tenants.task_models import Task, TaskItem

SHOWN = 200
LATEST = 100


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the file that can be booked, or could for a client."""

    n: int
    line: int
    will: str
    by: str
    was: str
    day: date
    amount: Decimal
    currency: str
    text: str
    payer: str
    client_id: int | None
    client_name: str
    candidates: Sequence[tuple[int, str]]
    invoices: Sequence[str]


@dataclass(frozen=True, slots=True)
class Wrong:
    """One row that is not booked, and why."""

    line: int
    state: str
    said: str
    text: str


@dataclass(frozen=True, slots=True)
class OpeningRow:
    """One opening balance, signed, in `currency`."""

    id: UUID
    client_id: int
    client_name: str
    amount: Decimal
    currency: str
    dated_at: datetime
    description: str
    author: str
    reversed_at: datetime | None
    reason: str


def count_plans(session: Session, task_id: UUID) -> Mapping[str, int]:
    """How many rows are matched, ambiguous and unmatched."""
    will = TaskItem.details["will"].astext
    rows = session.execute(
        select(will, func.count())
        .where(TaskItem.task_id == task_id, TaskItem.state == "waiting")
        .group_by(will)
    )
    found = {str(row[0]): int(row[1]) for row in rows}
    return {name: found.get(name, 0) for name in ("matched", "ambiguous", "unmatched")}


def find_line(session: Session, task_id: UUID, n: int) -> int:
    """On which line of its file a row stands."""
    item = session.get(TaskItem, (task_id, n))
    return n if item is None else int(item.payload.get("line", n))


def read_lines(session: Session, task: Task) -> list[Line]:
    """The first rows that wait, those that want a person first."""
    will = TaskItem.details["will"].astext
    items = session.scalars(
        select(TaskItem)
        .where(TaskItem.task_id == task.id, TaskItem.state == "waiting")
        .order_by(case((will == "ambiguous", 0), (will == "unmatched", 1), else_=2), TaskItem.n)
        .limit(SHOWN)
    ).all()
    ids = {one for item in items for one in item.details["clients"]}
    ids |= {item.subject_id for item in items if item.subject_id is not None}
    names = _read_clients(session, ids)
    numbers = _read_numbers(session, {one for item in items for one in item.details["invoices"]})
    return [_line(item, names, numbers) for item in items]


def read_wrong(session: Session, task: Task) -> list[Wrong]:
    """The first rows that are not booked."""
    items = session.scalars(
        select(TaskItem)
        .where(TaskItem.task_id == task.id, TaskItem.state.in_(("left_out", "unchanged")))
        .order_by(case((TaskItem.state == "left_out", 0), else_=1), TaskItem.n)
        .limit(SHOWN)
    )
    return [
        Wrong(
            item.payload.get("line", item.n),
            item.state,
            " · ".join(str(one) for one in item.payload["values"].values() if one)[:120],
            refusal(AppError(item.reason, **item.details.get("values", {}))),
        )
        for item in items
    ]


def list_openings(session: Session) -> list[OpeningRow]:
    """The newest opening balances of the scope."""
    rows = session.execute(
        select(
            OpeningBalance.id,
            OpeningBalance.client_id,
            Client.name,
            OpeningBalance.amount,
            OpeningBalance.currency,
            OpeningBalance.dated_at,
            OpeningBalance.description,
            OpeningBalance.author,
            OpeningBalance.reversed_at,
            OpeningBalance.reason,
        )
        .join(Client, Client.id == OpeningBalance.client_id)
        .order_by(OpeningBalance.created_at.desc(), OpeningBalance.id)
        .limit(LATEST)
    )
    return [OpeningRow(*row) for row in rows]  # type: ignore[call-arg]  # as many as it has


def _line(item: TaskItem, names: Mapping[int, tuple[str, str]], numbers: Mapping[str, str]) -> Line:
    values, details = item.payload["values"], item.details
    name, currency = names.get(item.subject_id or 0, ("", values.get("currency", "")))
    return Line(
        n=item.n,
        line=item.payload.get("line", item.n),
        will=details["will"],
        by=details["by"],
        was=details["was"],
        day=date.fromisoformat(details["day"]),
        amount=Decimal(details["amount"]),
        currency=currency,
        text=values.get("text", ""),
        payer=values.get("payer", ""),
        client_id=item.subject_id,
        client_name=name,
        candidates=[(one, names[one][0]) for one in details["clients"] if one in names],
        invoices=[numbers[one] for one in details["invoices"] if one in numbers],
    )


def _read_clients(session: Session, ids: set[int]) -> dict[int, tuple[str, str]]:
    wanted: Any = any_(literal(sorted(ids), ARRAY(BigInteger)))
    rows = session.execute(
        select(Client.id, Client.name, ClientBalance.currency)
        .join(ClientBalance, ClientBalance.client_id == Client.id)
        .where(Client.id == wanted)
    )
    return {row[0]: (row[1], row[2]) for row in rows}


def _read_numbers(session: Session, ids: set[str]) -> dict[str, str]:
    rows = session.execute(
        select(Invoice.id, Invoice.number).where(Invoice.id.in_([UUID(one) for one in ids]))
    )
    return {str(row[0]): row[1] for row in rows}
