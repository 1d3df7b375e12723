"""Import of payments from a bank statement: read, matched, looked at by a person, then booked.

Three steps of one task, each in pieces that survive their worker. A line is booked under an id
made of what the line says, and remembered by its hash: the same file twice, the same line in two
statements, or two workers at once book one payment.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from billing import statement_matching, transactions
from billing.models import PaymentAccount
from billing.periods import local_midnight
from billing.report_models import BookedBankLine
from billing.statement_matching import Match
from billing.statement_rows import (
    PAYMENT_FIELDS,
    Plan,
    check_plan,
    line_hash,
    plan_of,
    read_amount,
    read_day,
)
from billing.transaction_rows import DESCRIPTION_LENGTH
from core.clock import now
from core.db import Session
from core.errors import AppError, InvalidInputError, NotFoundError
from core.names import clean_line
from core.sheet_reader import Sheet, read_rows
from core.tenancy import current_scope
from core.zones import get_zone
from tenants import audit, task_bytes, tasks
from tenants.task_models import Task, TaskItem
from tenants.tasks import GaveUpError

KIND = "import_payments"
CHECKED, WRITTEN = 500, 50
_NAMESPACE = UUID("6c1d2b6e-6a4e-5d0f-9a1a-6d3f5d0c7a21")
BOOKED_BEFORE = "This line was booked before."
Beat = Callable[[int | None], None]


def check(session: Session, plan: Plan) -> None:
    """Raises InvalidInputError for a matching or a payment account that cannot be."""
    check_plan(plan, known=PAYMENT_FIELDS, needed=("date", "amount"))
    get_zone(plan.timezone)
    account = session.scalar(
        select(PaymentAccount.id).where(
            PaymentAccount.id == plan.payment_account_id,
            PaymentAccount.reseller_id == current_scope().home_reseller_id,
        )
    )
    if account is None:
        raise InvalidInputError("Choose a payment account.", "payment_account_id")


def do_piece(session: Session, task: Task, _beat: Beat) -> bool:
    """The next piece of the step the task is at; False when it waits for its person or is done."""
    plan = plan_of(task.params["plan"])
    if task.step == "read":
        return read_items(session, task, plan, extra=_hashes(plan))
    if task.step == "check":
        return _check(session, task, plan)
    return _write(session, task, plan)


def read_items(
    session: Session,
    task: Task,
    plan: Plan,
    *,
    extra: Callable[[Mapping[str, str]], dict[str, Any]],
) -> bool:
    """Make an item of each row of the task's file; `extra` adds to what is kept of a row."""
    content = task_bytes.get_bytes(session, task.id, "source")
    tasks.delete_items(session, task.id)
    total, rows = 0, []
    try:
        for line, cells in read_rows(content, Sheet(**task.params["sheet"])):
            total += 1
            values = {key: cell for key, cell in zip(plan.fields, cells, strict=False) if key}
            rows.append((total, {"line": line, "values": values, **extra(values)}))
            if len(rows) == 1_000:
                tasks.add_rows(session, task, rows)
                rows = []
        tasks.add_rows(session, task, rows)
    except InvalidInputError as error:
        raise GaveUpError(error.text, **error.values) from error
    if not total:
        raise GaveUpError("The file has no rows below its headings.")
    task.total, task.done = total, 0
    for name in tasks.COUNTS:
        setattr(task, name, 0)
    tasks.change_step(session, task, "check")
    tasks.record_piece(session, task, done=0)
    return True


def choose_client(session: Session, task: Task, n: int, said: str) -> None:
    """Say by hand whose line it is: an ID or an exact name; empty leaves the line out.

    Raises NotFoundError for a line that is none to choose, InvalidInputError for no one client.
    """
    item = session.scalar(
        select(TaskItem)
        .where(TaskItem.task_id == task.id, TaskItem.n == n, TaskItem.state == "waiting")
        .with_for_update()
    )
    if item is None:
        raise NotFoundError("There is no such line to choose for.")
    client_id = None
    if said.strip():
        client_id = statement_matching.find_client(session, task.reseller_id, said)
        if client_id is None:
            raise InvalidInputError("No one client is meant by “%(said)s”.", "client", said=said)
        problem = _currency_problem(session, {client_id}, item)
        if problem is not None:
            raise problem
    item.subject_id = client_id
    item.details = {
        **item.details,
        "by": "hand" if client_id else "",
        "will": "matched" if client_id else item.details["was"],
        "invoices": item.details["named"].get(str(client_id), []),
    }
    session.flush()


def transaction_id_of(reseller_id: int, hashed: str) -> UUID:
    """The id of the payment of a line: the same whoever books it."""
    return uuid5(_NAMESPACE, f"{reseller_id}:{hashed}")


def _hashes(plan: Plan) -> Callable[[Mapping[str, str]], dict[str, Any]]:
    seen: Counter[str] = Counter()
    account_id = plan.payment_account_id or 0

    def extra(values: Mapping[str, str]) -> dict[str, Any]:
        first = line_hash(values, account_id, 0)
        ordinal = seen[first]
        seen[first] += 1
        return {"hash": first if not ordinal else line_hash(values, account_id, ordinal)}

    return extra


def _check(session: Session, task: Task, plan: Plan) -> bool:
    items = tasks.take_items(session, task.id, limit=CHECKED, after=task.done)
    if not items:
        tasks.close_task(session, task, "checked")
        return False
    lines = [item.payload["values"] for item in items]
    matches = statement_matching.match_lines(session, task.reseller_id, lines)
    booked = _find_booked(session, task.reseller_id, items)
    currencies = statement_matching.read_currencies(
        session, {one for match in matches for one in match.clients}
    )
    for item, match in zip(items, matches, strict=True):
        _say(item, match, plan, booked, currencies)
    session.flush()
    counts = Counter(item.state for item in items if item.state != "waiting")
    tasks.record_piece(session, task, done=items[-1].n - task.done, **counts)
    return True


def _say(
    item: TaskItem,
    match: Match,
    plan: Plan,
    booked: set[str],
    currencies: Mapping[int, str],
) -> None:
    values = item.payload["values"]
    if item.payload["hash"] in booked:
        item.state, item.reason = "unchanged", BOOKED_BEFORE
        return
    try:
        day, amount = read_day(values["date"], plan.date_order), _amount(values, plan)
    except AppError as error:
        _refuse(item, error)
        return
    said = values.get("currency", "").strip().upper()
    clients = [one for one in match.clients if not said or currencies.get(one) == said]
    if match.clients and not clients:
        held = currencies[match.clients[0]]
        _refuse(item, _other_currency(said, held))
        return
    will = Match(tuple(clients)).will
    item.subject_id = clients[0] if will == "matched" else None
    named = {str(one): [f"{id_}" for id_ in match.invoices.get(one, ())] for one in clients}
    item.details = {
        "will": will,
        "was": will,
        "by": match.by if clients else "",
        "clients": clients,
        "invoices": named[str(clients[0])] if will == "matched" else [],
        "amount": str(amount),
        "day": day.isoformat(),
        "named": named,
    }


def _amount(values: Mapping[str, str], plan: Plan) -> Decimal:
    amount = read_amount(values["amount"], plan.locale)
    if amount <= 0:
        raise InvalidInputError("Not money that came in: nothing is booked for it.", "amount")
    return amount


def _write(session: Session, task: Task, plan: Plan) -> bool:
    items = tasks.take_items(session, task.id, limit=WRITTEN)
    if not items:
        task_bytes.delete_chunks(session, task.id, "source")
        tasks.close_task(session, task, "done")
        return False
    # always in the same order, so that two imports never wait for each other in a circle
    for item in sorted(items, key=lambda one: (one.subject_id or 0, one.n)):
        _book(session, task, plan, item)
    session.flush()
    tasks.record_piece(session, task, done=len(items), **Counter(item.state for item in items))
    return True


def _book(session: Session, task: Task, plan: Plan, item: TaskItem) -> None:
    if item.subject_id is None:
        item.state, item.reason = "left_out", "Nobody was chosen for this line."
        return
    hashed = item.payload["hash"]
    if hashed in _find_booked(session, task.reseller_id, [item]):
        item.state, item.reason = "unchanged", BOOKED_BEFORE
        return
    try:
        problem = _currency_problem(session, {item.subject_id}, item)
        if problem is not None:
            raise problem
        with session.begin_nested():
            is_new = _post(session, task, plan, item)
    except AppError as error:
        _refuse(item, error)
        return
    item.state, item.reason = ("made", "") if is_new else ("unchanged", BOOKED_BEFORE)


def _post(session: Session, task: Task, plan: Plan, item: TaskItem) -> bool:
    values, hashed = item.payload["values"], item.payload["hash"]
    day = read_day(values["date"], plan.date_order)
    if item.subject_id is None or plan.payment_account_id is None:
        raise InvalidInputError("Nobody was chosen for this line.")
    booked = transactions.create_payment(
        session,
        transaction_id=transaction_id_of(task.reseller_id, hashed),
        client_id=item.subject_id,
        amount=_amount(values, plan),
        payment_account_id=plan.payment_account_id,
        dated_at=local_midnight(day, get_zone(plan.timezone)),
        description=_description(values),
        invoice_ids=[UUID(one) for one in item.details.get("invoices", [])],
    )
    made = session.scalar(
        insert(BookedBankLine)
        .values(
            reseller_id=task.reseller_id,
            line_hash=hashed,
            client_id=item.subject_id,
            reference=clean_line(values.get("reference", ""))[:200],
            transaction_id=booked.id,
            task_id=task.id,
            booked_at=now(),
        )
        .on_conflict_do_nothing()
        .returning(BookedBankLine.line_hash)
    )
    item.details = {**item.details, "transaction_id": str(booked.id)}
    return made is not None


def _description(values: Mapping[str, str]) -> str:
    parts = [values.get(key, "") for key in ("text", "payer", "reference")]
    said = ", ".join(dict.fromkeys(clean_line(one) for one in parts if one.strip()))
    return said[:DESCRIPTION_LENGTH]


def _find_booked(session: Session, reseller_id: int, items: Sequence[TaskItem]) -> set[str]:
    return set(
        session.scalars(
            select(BookedBankLine.line_hash).where(
                BookedBankLine.reseller_id == reseller_id,
                BookedBankLine.line_hash.in_([item.payload["hash"] for item in items]),
            )
        )
    )


def _currency_problem(session: Session, ids: set[int], item: TaskItem) -> AppError | None:
    said = item.payload["values"].get("currency", "").strip().upper()
    if not said:
        return None
    for held in statement_matching.read_currencies(session, ids).values():
        if held != said:
            return _other_currency(said, held)
    return None


def _other_currency(said: str, held: str) -> InvalidInputError:
    return InvalidInputError(
        "The money is in %(said)s, the client's balance in %(held)s.",
        "currency",
        said=said[:20],
        held=held,
    )


def _refuse(item: TaskItem, error: AppError) -> None:
    item.state, item.reason = "left_out", error.text
    item.details = {
        **item.details,
        "values": {name: audit.plain_value(value) for name, value in error.values.items()},
    }
