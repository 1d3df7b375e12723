"""Import of clients: a file is read, each row checked, and after a person's word written.

Three steps of one task: `read` makes an item of each row, `check` says what would become of it and
what is wrong in which column, `write` makes and changes clients. A client that a row makes has an
id derived from the task and the row, so that a row can make it once only.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal
from uuid import UUID, uuid5

from sqlalchemy import ARRAY, Integer, any_, cast, literal, update
from sqlalchemy.dialects.postgresql import JSONB

from core.db import Session
from core.errors import AppError, InvalidInputError
from core.names import sort_key
from core.sheet_reader import Sheet, read_rows
from payments.client_batches import create_wholes
from payments.client_import_matching import (
    SAME_ID_IN_FILE,
    SAME_NAME_IN_FILE,
    Match,
    Matcher,
    read_names,
)
from payments.client_import_rows import Mistake, Read, Reading, read_row
from payments.client_wholes import Whole, changes_of, lock_clients, save_whole
from tenants import audit, task_bytes, tasks
from tenants.task_models import Task, TaskItem
from tenants.tasks import GaveUpError

KIND = "import_clients"
MODES = ("create", "update", "both")
MOST_AT_ONCE = 20_000
"""Rows of an import that writes all or nothing: it is one transaction."""
CHECKED = 500
WRITTEN = 250
Beat = Callable[[int | None], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """How the file is to be taken. `fields` names a key for each column, empty: not taken."""

    fields: tuple[str, ...]
    mode: Literal["create", "update", "both"]
    match_by: Literal["id", "name"]
    all_or_nothing: bool
    empties_clear: bool
    locale: str

    def to_params(self) -> dict[str, Any]:
        return {
            "fields": list(self.fields),
            "mode": self.mode,
            "match_by": self.match_by,
            "all_or_nothing": self.all_or_nothing,
            "empties_clear": self.empties_clear,
            "locale": self.locale,
        }


def check_plan(plan: Plan) -> None:
    """Raises InvalidInputError for a matching that cannot work."""
    taken = [key for key in plan.fields if key]
    if not taken:
        raise InvalidInputError("Match at least one column.", "fields")
    twice = [key for key, times in Counter(taken).items() if times > 1]
    if twice:
        raise InvalidInputError("Two columns are matched with the same field.", "fields")
    if plan.mode not in MODES or plan.match_by not in ("id", "name"):
        raise InvalidInputError("Choose what to do with the rows.", "mode")
    if plan.mode != "update" and "name" not in taken:
        raise InvalidInputError("New clients need a name: match a column with it.", "fields")
    if plan.mode != "create" and plan.match_by not in taken:
        raise InvalidInputError("Match the column by which clients are found.", "fields")


def do_piece(session: Session, task: Task, beat: Beat) -> bool:
    """The next piece of the step the task is at; False when it waits for its person or is done."""
    plan = Plan(**{**task.params["plan"], "fields": tuple(task.params["plan"]["fields"])})
    if task.step == "read":
        return _read(session, task, plan)
    if task.step == "check":
        return _check(session, task, plan)
    if plan.all_or_nothing:
        return _write_all(session, task, plan, beat)
    return _write(session, task, plan)


def _read(session: Session, task: Task, plan: Plan) -> bool:
    content = task_bytes.get_bytes(session, task.id, "source")
    sheet = Sheet(**task.params["sheet"])
    tasks.delete_items(session, task.id)
    total, rows = 0, []
    seen: defaultdict[str, list[int]] = defaultdict(list)
    try:
        for line, cells in read_rows(content, sheet):
            total += 1
            values = {key: cell for key, cell in zip(plan.fields, cells, strict=False) if key}
            seen[_key_of(values, plan)].append(total)
            rows.append((total, {"line": line, "values": values}))
            if len(rows) == 1_000:
                tasks.add_rows(session, task, rows)
                rows = []
        tasks.add_rows(session, task, rows)
    except InvalidInputError as error:
        raise GaveUpError(error.text, **error.values) from error
    if not total:
        raise GaveUpError("The file has no rows below its headings.")
    if plan.all_or_nothing and total > MOST_AT_ONCE:
        raise GaveUpError(
            "All or nothing takes 20,000 rows at most. Import the good rows only, or split it."
        )
    _mark_twins(session, task, [n for key, found in seen.items() if key for n in found[1:]])
    task.total, task.done = total, 0
    for name in tasks.COUNTS:
        setattr(task, name, 0)
    tasks.change_step(session, task, "check")
    tasks.record_piece(session, task, done=0)
    return True


def _key_of(values: Mapping[str, str], plan: Plan) -> str:
    """What two rows of a file may not share, for one of them would undo the other."""
    if plan.mode != "create" and plan.match_by == "id":
        return values.get("id", "")
    return sort_key(values.get("name", ""))


def _mark_twins(session: Session, task: Task, numbers: Sequence[int]) -> None:
    session.execute(
        update(TaskItem)
        .where(TaskItem.task_id == task.id, TaskItem.n == any_(literal(numbers, ARRAY(Integer))))
        .values(payload=TaskItem.payload.op("||")(cast({"twin": True}, JSONB)))
        .execution_options(synchronize_session=False)
    )


def _check(session: Session, task: Task, plan: Plan) -> bool:
    items = tasks.take_items(session, task.id, limit=CHECKED, after=task.done)
    if not items:
        tasks.close_task(session, task, "checked")
        return False
    for item, match, read in _look_at(session, items, plan):
        _say_check(item, match, read, plan)
    session.flush()
    wrong = sum(item.state == "left_out" for item in items)
    last = items[-1].n
    tasks.record_piece(session, task, done=last - task.done, left_out=wrong)
    return True


def _say_check(item: TaskItem, match: Match, read: Read, _plan: Plan) -> None:
    mistakes = [*match.mistakes, *read.mistakes]
    if mistakes:
        item.state = "left_out"
        item.reason = mistakes[0].text
        item.details = {
            "values": _plain(mistakes[0].values),
            "mistakes": [
                {"field": one.field, "text": one.text, "values": _plain(one.values)}
                for one in mistakes
            ],
        }
        return
    will = "make" if match.before is None else "change"
    if match.before is not None and read.whole == match.before:
        will = "same"
    item.subject_id = None if match.before is None else match.before.id
    item.details = {"will": will, "warnings": list(match.warnings)}


def _write(session: Session, task: Task, plan: Plan) -> bool:
    items = tasks.take_items(session, task.id, limit=WRITTEN)
    if not items:
        task_bytes.delete_chunks(session, task.id, "source")
        tasks.close_task(session, task, "done")
        return False
    counts = _write_items(session, task, plan, items)
    tasks.record_piece(session, task, done=len(items), **counts)
    return True


def _write_all(session: Session, task: Task, plan: Plan, beat: Beat) -> bool:
    """Every row in this one transaction; the first that cannot be written undoes them all."""
    counts: Counter[str] = Counter()
    while items := tasks.take_items(session, task.id, limit=WRITTEN):
        counts.update(_write_items(session, task, plan, items))
        for item in items:
            if item.state in ("left_out", "failed"):
                raise GaveUpError(
                    "Nothing was imported. Line %(line)s: %(why)s",
                    line=item.payload.get("line", item.n),
                    why=item.reason % item.details.get("values", {}),
                )
        beat(sum(counts.values()))
    task_bytes.delete_chunks(session, task.id, "source")
    session.refresh(task)
    tasks.record_piece(session, task, done=task.total - task.done, **counts)
    tasks.close_task(session, task, "done")
    return False


def _write_items(
    session: Session, task: Task, plan: Plan, items: Sequence[TaskItem]
) -> dict[str, int]:
    looked = _look_at(session, items, plan, lock=True)
    new: list[tuple[UUID, Whole]] = []
    by_request: dict[UUID, TaskItem] = {}
    for item, match, read in looked:
        mistakes = [*match.mistakes, *read.mistakes]
        if mistakes:
            _end(item, "left_out", mistakes[0].text, mistakes[0].values)
        elif match.before is None:
            request_id = uuid5(task.id, str(item.n))
            new.append((request_id, read.whole))
            by_request[request_id] = item
        elif read.whole == match.before:
            _end(item, "unchanged", "It is so already.")
        else:
            _change(session, item, match.before, read.whole)
    ids = create_wholes(session, new)
    for request_id, item in by_request.items():
        item.subject_id = ids.get(request_id)
        _end(item, "made")
    session.flush()
    return dict(Counter(item.state for item in items))


def _change(session: Session, item: TaskItem, before: Whole, after: Whole) -> None:
    try:
        with session.begin_nested():
            save_whole(session, before, after)
    except AppError as error:
        _end(item, "left_out", error.text, error.values)
    else:
        item.subject_id = before.id
        _end(item, "changed", changes=changes_of(before, after))


def _look_at(
    session: Session, items: Sequence[TaskItem], plan: Plan, *, lock: bool = False
) -> list[tuple[TaskItem, Match, Read]]:
    """Each item with the client it is about, read over it."""
    names = read_names(session)
    reading = Reading(names, plan.locale, plan.empties_clear)
    matcher = Matcher(session, names, mode=plan.mode, match_by=plan.match_by)
    values = [item.payload["values"] for item in items]
    if lock:
        lock_clients(session, matcher.find_ids(values))
    found = matcher.match(values)
    found = [
        _with_twin(match, plan) if item.payload.get("twin") else match
        for item, match in zip(items, found, strict=True)
    ]
    return [
        (item, match, read_row(item.payload["values"], match.before or match.blank, reading))
        for item, match in zip(items, found, strict=True)
    ]


def _with_twin(match: Match, plan: Plan) -> Match:
    """A name twice in a file is a warning where both are made, else nobody knows which holds."""
    if plan.mode == "create":
        return replace(match, warnings=[*match.warnings, SAME_NAME_IN_FILE])
    text = SAME_ID_IN_FILE if plan.match_by == "id" else SAME_NAME_IN_FILE
    return replace(match, mistakes=[*match.mistakes, Mistake(plan.match_by, text)])


def _end(
    item: TaskItem,
    state: str,
    reason: str = "",
    values: Mapping[str, object] | None = None,
    changes: Mapping[str, tuple[object, object]] | None = None,
) -> None:
    item.state, item.reason = state, reason
    item.details = {
        **item.details,
        "values": _plain(values or {}),
        "changes": {
            name: [audit.plain_value(old), audit.plain_value(new)]
            for name, (old, new) in (changes or {}).items()
        },
    }


def _plain(values: Mapping[str, object]) -> dict[str, object]:
    return {name: audit.plain_value(value) for name, value in values.items()}
