"""Import of rated usage from a file: every row is checked, then all of it is posted or nothing.

Two steps of one task: `check` makes an item of each row and says what is wrong in which column,
`post` posts the file through the usage door in one transaction. The batch's id comes from the
file's own bytes, so that the same file posts once, however often it is uploaded.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid5

from sqlalchemy import select, update

from billing.usage import MOST_CHARGES, RatedUsage, UsageError, check_usage, post_usage
from core.db import Session
from core.errors import AppError, InvalidInputError
from core.money import parse_amount
from core.names import sort_key
from core.sheet_reader import Sheet, read_rows
from tenants import audit, task_bytes, tasks
from tenants.models import Client
from tenants.task_models import Task, TaskItem
from tenants.tasks import GaveUpError

KIND = "import_usage"
FIELDS = ("client", "hour", "destination", "quantity", "amount", "unit", "tax_mode")
NEEDED = FIELDS[:5]
_UNITS = {"": "second", "s": "second", "sec": "second", "second": "second", "seconds": "second",
          "unit": "unit", "units": "unit"}  # fmt: skip
_TAX_MODES = {"": "excluding", "excluding": "excluding", "excl": "excluding", "net": "excluding",
              "including": "including", "incl": "including", "gross": "including",
              "none": "none", "no": "none", "exempt": "none"}  # fmt: skip
_AT_ONCE = 1_000
Beat = Callable[[int | None], None]


@dataclass(frozen=True, slots=True)
class _Clients:
    """The clients of the scope that the file names, by id and by name; a name may be of several."""

    by_id: Mapping[int, int]
    by_name: Mapping[str, Sequence[int]]


def check_fields(fields: Sequence[str]) -> None:
    """Raises InvalidInputError for a matching of columns that cannot work."""
    taken = [key for key in fields if key]
    if any(key not in FIELDS for key in taken):
        raise InvalidInputError("Choose one from the list.", "fields")
    if any(times > 1 for times in Counter(taken).values()):
        raise InvalidInputError("Two columns are matched with the same field.", "fields")
    if any(key not in taken for key in NEEDED):
        raise InvalidInputError(
            "Match columns with client, hour, destination, quantity and amount.", "fields"
        )


def file_id(content: bytes) -> str:
    """What names a file by its bytes alone."""
    return str(uuid5(NAMESPACE_OID, hashlib.sha256(content).hexdigest()))


def do_piece(session: Session, task: Task, _beat: Beat) -> bool:
    """The step that the task is at; False: it waits for its person or is at its end."""
    if task.step == "check":
        _check(session, task)
    else:
        _write(session, task)
    return False


def _check(session: Session, task: Task) -> None:
    content = task_bytes.get_bytes(session, task.id, "source")
    tasks.delete_items(session, task.id)
    rows = list(_read(content, task))
    if not rows:
        raise GaveUpError("The file has no rows below its headings.")
    if len(rows) > MOST_CHARGES:
        raise GaveUpError("A file of usage has 20,000 rows at most. Split it.")
    clients = _read_clients(session, [values.get("client", "") for _line, values in rows])
    wrong = 0
    items = []
    for n, (line, values) in enumerate(rows, 1):
        mistake = _find_mistake(values, clients, task.params["locale"])
        wrong += mistake is not None
        items.append(_item(task, n, {"line": line, "values": values}, mistake))
    for start in range(0, len(items), _AT_ONCE):
        session.add_all(items[start : start + _AT_ONCE])
        session.flush()
    task.total, task.done = len(rows), 0
    for name in tasks.COUNTS:
        setattr(task, name, 0)
    session.flush()
    tasks.record_piece(session, task, done=len(rows), left_out=wrong)
    tasks.close_task(session, task, "checked")


def _write(session: Session, task: Task) -> None:
    items = list(
        session.scalars(select(TaskItem).where(TaskItem.task_id == task.id).order_by(TaskItem.n))
    )
    if any(item.state != "waiting" for item in items):
        raise GaveUpError("Some rows are wrong: nothing can be imported as a whole.")
    clients = _read_clients(session, [item.payload["values"]["client"] for item in items])
    by_reseller: defaultdict[int, list[RatedUsage]] = defaultdict(list)
    places: defaultdict[int, list[TaskItem]] = defaultdict(list)
    for item in items:
        try:
            row = _as_usage(item.payload["values"], clients, task.params["locale"])
        except InvalidInputError as error:
            raise _gave_up(item, error) from error
        reseller_id = clients.by_id[row.client_id]
        by_reseller[reseller_id].append(row)
        places[reseller_id].append(item)
    new = _post(session, task, by_reseller, places)
    state = "made" if new else "unchanged"
    session.execute(
        update(TaskItem)
        .where(TaskItem.task_id == task.id)
        .values(state=state, reason="" if new else "It is so already.")
        .execution_options(synchronize_session=False)
    )
    task_bytes.delete_chunks(session, task.id, "source")
    tasks.record_piece(session, task, done=len(items), **{state: len(items)})
    tasks.close_task(session, task, "done")


def _post(
    session: Session,
    task: Task,
    by_reseller: Mapping[int, Sequence[RatedUsage]],
    places: Mapping[int, Sequence[TaskItem]],
) -> bool:
    """Through the door, a batch for each reseller; whether any of it is new."""
    is_new = False
    for reseller_id in sorted(by_reseller):
        batch_id = uuid5(UUID(task.params["file"]), str(reseller_id))
        try:
            posted = post_usage(
                session, reseller_id=reseller_id, batch_id=batch_id, rows=by_reseller[reseller_id]
            )
        except UsageError as error:
            raise _gave_up(places[reseller_id][error.index], error) from error
        except AppError as error:
            raise GaveUpError(error.text, **error.values) from error
        is_new = is_new or posted.is_new
    return is_new


def _gave_up(item: TaskItem, error: AppError) -> GaveUpError:
    return GaveUpError(
        "Nothing was imported. Line %(line)s: %(why)s",
        line=item.payload.get("line", item.n),
        why=error.message,
    )


def _read(content: bytes, task: Task) -> Iterable[tuple[int, dict[str, str]]]:
    fields: Sequence[str] = task.params["fields"]
    try:
        for line, cells in read_rows(content, Sheet(**task.params["sheet"])):
            yield line, {key: cell for key, cell in zip(fields, cells, strict=False) if key}
    except InvalidInputError as error:
        raise GaveUpError(error.text, **error.values) from error


def _read_clients(session: Session, named: Iterable[str]) -> _Clients:
    """Those of the scope, in two queries however many rows there are."""
    texts = {text.strip() for text in named}
    ids = [int(text) for text in texts if text.isdecimal() and len(text) < 19]
    names = [sort_key(text) for text in texts]
    by_id: dict[int, int] = {}
    by_name: defaultdict[str, list[int]] = defaultdict(list)
    for wanted in (Client.id.in_(ids), Client.name_key.in_(names)):
        rows = session.execute(
            select(Client.id, Client.reseller_id, Client.name_key).where(
                wanted, Client.status != "deleted"
            )
        )
        for row in rows:
            by_id[row.id] = row.reseller_id
            if row.id not in by_name[row.name_key]:
                by_name[row.name_key].append(row.id)
    return _Clients(by_id, by_name)


def _find_mistake(
    values: Mapping[str, str], clients: _Clients, locale: str
) -> InvalidInputError | None:
    try:
        check_usage(_as_usage(values, clients, locale))
    except InvalidInputError as error:
        return error
    return None


def _as_usage(values: Mapping[str, str], clients: _Clients, locale: str) -> RatedUsage:
    """The row as the door takes it; raises InvalidInputError naming the column."""
    return RatedUsage(
        client_id=_find_client(values.get("client", "").strip(), clients),
        hour_at=_as_hour(values.get("hour", "").strip()),
        destination=values.get("destination", ""),
        quantity=_as_number(values.get("quantity", ""), locale, "quantity"),
        amount=_as_number(values.get("amount", ""), locale, "amount"),
        unit=_as_one_of(values.get("unit", ""), _UNITS, "unit"),  # type: ignore[arg-type]
        tax_mode=_as_one_of(values.get("tax_mode", ""), _TAX_MODES, "tax_mode"),  # type: ignore[arg-type]
    )


def _find_client(text: str, clients: _Clients) -> int:
    if text.isdecimal() and len(text) < 19 and int(text) in clients.by_id:
        return int(text)
    found = clients.by_name.get(sort_key(text), ())
    if len(found) > 1:
        raise InvalidInputError("Several clients have this name: give the ID.", "client")
    if not text or not found:
        raise InvalidInputError("There is no such client.", "client")
    return found[0]


def _as_hour(text: str) -> datetime:
    try:
        hour_at = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidInputError(
            "Write the hour like 2026-11-23T14:00, in UTC or with its offset.", "hour"
        ) from error
    return hour_at if hour_at.tzinfo is not None else hour_at.replace(tzinfo=UTC)


def _as_number(text: str, locale: str, field: str) -> Decimal:
    try:
        return parse_amount(text, locale)
    except InvalidInputError as error:
        raise InvalidInputError(error.text, field, **error.values) from error


def _as_one_of(text: str, known: Mapping[str, str], field: str) -> str:
    found = known.get(text.strip().lower())
    if found is None:
        raise InvalidInputError("Choose one from the list.", field)
    return found


def _item(
    task: Task, n: int, payload: dict[str, Any], mistake: InvalidInputError | None
) -> TaskItem:
    item = TaskItem(task_id=task.id, reseller_id=task.reseller_id, n=n, payload=payload, details={})
    item.state = "waiting"
    if mistake is not None:
        values = {name: audit.plain_value(value) for name, value in mistake.values.items()}
        item.state, item.reason = "left_out", mistake.text
        item.details = {
            "values": values,
            "mistakes": [{"field": mistake.field, "text": mistake.text, "values": values}],
        }
    return item
