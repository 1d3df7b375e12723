"""Import of opening balances: client, amount and day of each row, checked, then booked once."""

from collections import Counter
from collections.abc import Callable
from uuid import uuid5

from sqlalchemy import select

from billing import opening_balances, statement_matching
from billing.payment_import import read_items
from billing.periods import local_midnight
from billing.report_models import OpeningBalance
from billing.statement_rows import OPENING_FIELDS, Plan, check_plan, plan_of, read_amount, read_day
from core.db import Session
from core.errors import AppError, ConflictError, InvalidInputError
from core.names import clean_line
from core.zones import get_zone
from tenants import audit, task_bytes, tasks
from tenants.task_models import Task, TaskItem

KIND = "import_opening_balances"
CHECKED, WRITTEN = 200, 50
HAS_ONE = "This client has an opening balance. Reverse it first."
TWICE = "This client stands in the file twice."
Beat = Callable[[int | None], None]


def check(_session: Session, plan: Plan) -> None:
    """Raises InvalidInputError for a matching that cannot work."""
    check_plan(plan, known=OPENING_FIELDS, needed=("date", "amount"))
    get_zone(plan.timezone)
    if not {"client", "client_id"} & set(plan.fields):
        raise InvalidInputError("Match the column by which clients are found.", "fields")


def do_piece(session: Session, task: Task, _beat: Beat) -> bool:
    """The next piece of the step the task is at; False when it waits for its person or is done."""
    plan = plan_of(task.params["plan"])
    if task.step == "read":
        return read_items(session, task, plan, extra=lambda _values: {})
    if task.step == "check":
        return _check(session, task, plan)
    return _write(session, task, plan)


def _check(session: Session, task: Task, plan: Plan) -> bool:
    items = tasks.take_items(session, task.id, limit=CHECKED, after=task.done)
    if not items:
        tasks.close_task(session, task, "checked")
        return False
    lines = [{"client": _said(item)} for item in items]
    matches = statement_matching.match_lines(session, task.reseller_id, lines)
    for item, match in zip(items, matches, strict=True):
        try:
            if len(match.clients) != 1:
                raise InvalidInputError(
                    "No one client is meant by “%(said)s”.", "client", said=_said(item)[:80]
                )
            item.subject_id = match.clients[0]
            _read(session, task, plan, item)
        except AppError as error:
            _refuse(item, error)
        # the next row of the same client must see this one
        session.flush()
    wrong = sum(item.state == "left_out" for item in items)
    tasks.record_piece(session, task, done=items[-1].n - task.done, left_out=wrong)
    return True


def _read(session: Session, task: Task, plan: Plan, item: TaskItem) -> None:
    values, client_id = item.payload["values"], item.subject_id
    if client_id is None:
        raise InvalidInputError("Nobody was chosen for this line.")
    if opening_balances.find_standing(session, client_id) is not None:
        raise ConflictError(HAS_ONE)
    twin = session.scalar(
        select(TaskItem.n)
        .where(
            TaskItem.task_id == task.id,
            TaskItem.subject_id == client_id,
            TaskItem.n < item.n,
            TaskItem.state == "waiting",
        )
        .limit(1)
    )
    if twin is not None:
        raise ConflictError(TWICE)
    held = statement_matching.read_currencies(session, [client_id])[client_id]
    said = values.get("currency", "").strip().upper()
    if said and said != held:
        raise InvalidInputError(
            "The money is in %(said)s, the client's balance in %(held)s.",
            "currency",
            said=said[:20],
            held=held,
        )
    amount, day = (
        read_amount(values["amount"], plan.locale),
        read_day(values["date"], plan.date_order),
    )
    if amount == 0:
        raise InvalidInputError("The amount must not be zero.", "amount")
    item.details = {
        "will": "matched",
        "was": "matched",
        "by": "client",
        "clients": [client_id],
        "invoices": [],
        "amount": str(amount),
        "day": day.isoformat(),
    }


def _write(session: Session, task: Task, plan: Plan) -> bool:
    items = tasks.take_items(session, task.id, limit=WRITTEN)
    if not items:
        task_bytes.delete_chunks(session, task.id, "source")
        tasks.close_task(session, task, "done")
        return False
    for item in sorted(items, key=lambda one: (one.subject_id or 0, one.n)):
        try:
            with session.begin_nested():
                _book(session, task, plan, item)
        except AppError as error:
            _refuse(item, error)
        else:
            item.state = "made"
    session.flush()
    tasks.record_piece(session, task, done=len(items), **Counter(item.state for item in items))
    return True


def _book(session: Session, task: Task, plan: Plan, item: TaskItem) -> OpeningBalance:
    values = item.payload["values"]
    if item.subject_id is None:
        raise InvalidInputError("Nobody was chosen for this line.")
    day = read_day(values["date"], plan.date_order)
    return opening_balances.create_opening_balance(
        session,
        opening_id=uuid5(task.id, str(item.n)),
        client_id=item.subject_id,
        amount=read_amount(values["amount"], plan.locale),
        dated_at=local_midnight(day, get_zone(plan.timezone)),
        description=clean_line(values.get("text", ""))[:200],
    )


def _said(item: TaskItem) -> str:
    values = item.payload["values"]
    return str(values.get("client_id") or values.get("client") or "")


def _refuse(item: TaskItem, error: AppError) -> None:
    item.state, item.reason = "left_out", error.text
    item.details = {
        **item.details,
        "values": {name: audit.plain_value(value) for name, value in error.values.items()},
    }
