"""A file of usage: every row is checked, all of it is posted or nothing, the same file once."""

from dataclasses import asdict
from decimal import Decimal
from uuid import UUID

import pytest
import time_machine
from sqlalchemy import select

from billing import usage_import
from billing.models import Transaction
from billing.package_models import UsageBatch
from billing.usage_import import check_fields, file_id
from core.errors import InvalidInputError
from core.ids import new_id
from core.sheet_reader import look_at
from core.tenancy import tenant_scope
from tenants import task_bytes, tasks
from tenants.task_models import Task, TaskItem
from tests.billing.books import Books, open_books, utc
from worker.task_turns import run_turn

FIELDS = ["client", "hour", "destination", "quantity", "amount", "unit", "tax_mode"]
HEAD = "client,hour,destination,quantity,amount,unit,taxes\n"


@pytest.fixture
def books(clean_database) -> Books:
    with time_machine.travel(utc("2026-03-10T12:00:00"), tick=False):
        yield open_books("Acme", "acme")


def bring(books: Books, content: str) -> UUID:
    """Upload and check."""
    task_id, raw = new_id(), content.encode()
    with books.work() as session:
        task = tasks.create_task(
            session,
            task_id=task_id,
            kind=usage_import.KIND,
            params={"sheet": asdict(look_at(raw)), "file": file_id(raw)},
            state="draft",
        )
        task_bytes.put_bytes(session, task, "source", raw)
        fields = FIELDS[: len(content.splitlines()[0].split(","))]
        tasks.start_step(session, task, "check", params={"fields": fields, "locale": "en"})
    turn(books, task_id)
    return task_id


def turn(books: Books, task_id: UUID) -> None:
    with tenant_scope(books.tenant.scope):
        run_turn(task_id)


def write(books: Books, task_id: UUID) -> Task:
    with books.work() as session:
        task = tasks.lock_task(session, task_id)
        tasks.start_step(session, task, "post", params={})
    turn(books, task_id)
    return stored(books, task_id)


def stored(books: Books, task_id: UUID) -> Task:
    with books.work() as session:
        return tasks.get_task(session, task_id)


def amounts(books: Books) -> list[Decimal]:
    with books.work() as session:
        return list(session.scalars(select(Transaction.amount).order_by(Transaction.amount)))


def mistakes(books: Books, task_id: UUID) -> list[tuple[int, str]]:
    with books.work() as session:
        items = session.scalars(
            select(TaskItem)
            .where(TaskItem.task_id == task_id, TaskItem.state == "left_out")
            .order_by(TaskItem.n)
        )
        return [
            (item.payload["line"], one["field"])
            for item in items
            for one in item.details["mistakes"]
        ]


def test_a_file_is_checked_then_posted_and_the_same_file_posts_once(books):
    name = books.client.name
    content = (
        f"{HEAD}{name},2026-03-10T10:00Z,Spain,60,1.5,second,none\n"
        f"{books.client.id},2026-03-10T11:00+01:00,Spain,30,0.5,,none\n"
        f"{name},2026-03-10 09:00,Spain,5,1,unit,none\n"
    )
    first = bring(books, content)
    assert (stored(books, first).state, amounts(books)) == ("checked", [])
    done = write(books, first)
    assert (done.state, done.made) == ("done", 3)
    # ten o'clock is the same hour in both ways to write it
    assert amounts(books) == [Decimal(1), Decimal(2)]
    again = write(books, bring(books, content))
    assert (again.state, again.made, again.unchanged) == ("done", 0, 3)
    assert len(amounts(books)) == 2


def test_what_is_wrong_is_said_by_line_and_column_and_nothing_is_posted(books):
    cid = books.client.id
    globex = open_books("Globex", "globex")
    task_id = bring(
        books,
        f"{HEAD}{cid},2026-03-10T10:00Z,Spain,60,1.5,,\n"
        f"Nobody,2026-03-10T10:00Z,Spain,60,1.5,,\n"
        f"{globex.client.id},2026-03-10T10:00Z,Spain,60,1.5,,\n"
        f"{cid},yesterday,Spain,60,1.5,,\n"
        f"{cid},2026-03-10T10:30Z,Spain,60,1.5,,\n"
        f"{cid},2026-03-10T13:00Z,Spain,60,1.5,,\n"
        f"{cid},2026-03-10T10:00Z,,60,1.5,,\n"
        f"{cid},2026-03-10T10:00Z,Spain,many,1.5,,\n"
        f"{cid},2026-03-10T10:00Z,Spain,60,-1,,\n"
        f"{cid},2026-03-10T10:00Z,Spain,60,1,fathom,\n"
        f"{cid},2026-03-10T10:00Z,Spain,60,1,,perhaps\n",
    )
    assert mistakes(books, task_id) == [
        (3, "client"),
        (4, "client"),
        (5, "hour"),
        (6, "hour"),
        (7, "hour"),
        (8, "destination"),
        (9, "quantity"),
        (10, "amount"),
        (11, "unit"),
        (12, "tax_mode"),
    ]
    assert write(books, task_id).state == "failed"
    assert amounts(books) == []


def test_a_worker_that_dies_while_posting_posts_once(books, monkeypatch):
    task_id = bring(books, f"{HEAD}{books.client.id},2026-03-10T10:00Z,Spain,60,1.5,,none\n")

    class Killed(BaseException):
        """As a process that ends."""

    whole = tasks.close_task

    def dying(*args, **kwargs):
        whole(*args, **kwargs)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(tasks, "close_task", dying)
        with pytest.raises(Killed):
            write(books, task_id)
    assert amounts(books) == []
    with time_machine.travel(utc("2026-03-10T12:10:00"), tick=False):
        turn(books, task_id)
    assert stored(books, task_id).state == "done"
    assert amounts(books) == [Decimal("1.5")]
    with books.work() as session:
        assert len(session.scalars(select(UsageBatch)).all()) == 1


@pytest.mark.parametrize(
    "fields", [[], ["client"], [*FIELDS[:5], "client"], [*FIELDS[:4], "password"]]
)
def test_columns_that_cannot_work_are_refused(fields):
    with pytest.raises(InvalidInputError):
        check_fields(fields)
