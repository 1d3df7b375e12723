"""Keyset paging: a page begins beside a row, so it costs the same at any depth.

The walked index begins with `reseller_id`: every reseller of the scope is walked by itself for one
page at most, and the heads are merged.
"""

import base64
import json
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Any, Generic, TypeVar
from uuid import UUID

from flask import request
from sqlalchemy import (
    ARRAY,
    BigInteger,
    BindParameter,
    Boolean,
    DateTime,
    Select,
    Text,
    Uuid,
    bindparam,
    func,
    literal,
    select,
    true,
    tuple_,
)
from sqlalchemy.sql.selectable import LateralFromClause, Subquery
from sqlalchemy.types import TypeEngine

from core.db import Session
from core.tenancy import current_scope

PAGE_SIZE = 50
COUNT_LIMIT = 10_000

T = TypeVar("T")

# what a column of this type is written as in a place, and how it is read again
_READERS: dict[type, tuple[type, Callable[[Any], Any]]] = {
    int: (int, int),
    bool: (bool, bool),
    str: (str, str),
    UUID: (str, UUID),
    datetime: (str, datetime.fromisoformat),
}
_TYPES: dict[type, TypeEngine[Any]] = {
    int: BigInteger(),
    bool: Boolean(),
    str: Text(),
    UUID: Uuid(),
    datetime: DateTime(timezone=True),
}
_BIGINT = range(-(2**63), 2**63)
_NUMBERS = range(1, 10**12)

# what was counted and found to be more than COUNT_LIMIT, and until when that is believed: the
# answer changes nothing on the screen, and finding it out again costs as much as the page itself
_many: dict[Hashable, float] = {}
_KNOWN_S = 60.0
_MOST_KNOWN = 2_000


@dataclass(frozen=True, slots=True)
class Key:
    """One column of the order: its name in the picked rows, and its type."""

    name: str
    kind: type


@dataclass(frozen=True, slots=True)
class Order:
    """By which keys, all in one direction; the last one is unique."""

    keys: Sequence[Key]
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page begins: after a row, or before one; the list's head when both are empty."""

    after: str = ""
    before: str = ""

    @property
    def is_head(self) -> bool:
        return not self.after and not self.before


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Rows in order; `previous` and `next` are places, empty where the list ends.

    `count` stops at COUNT_LIMIT; None when nobody asked. `first` is the number of the first row,
    counted from 1 while paging: None when the place does not say, and only a help to the reader,
    for rows may have come and gone before it.
    """

    rows: Sequence[T]
    previous: str = ""
    next: str = ""
    count: int | None = None
    first: int | None = None


@dataclass(frozen=True)
class Walk:
    """A page's ids, picked by walking an index; join the rest of the row to `picked`.

    The place is a parameter of the statement: one that was put together before serves every place
    of its kind by `at`.
    """

    order: Order
    place: Place
    family: Subquery
    picked: LateralFromClause
    is_reversed: bool = False
    size: int = PAGE_SIZE
    counted: Select[Any] = field(kw_only=True)
    first: int | None = None
    params: Mapping[str, Any] = field(default_factory=dict)

    def at(self, place: Place) -> "Walk":
        """The same walk from another place of the same kind."""
        values, number = _read(place.before or place.after, self.order.keys)
        return replace(
            self,
            place=place if values is not None else Place(),
            first=_first(number, self.size, is_head=values is None, is_reversed=self.is_reversed),
            params={f"place_{i}": value for i, value in enumerate(values or ())},
        )

    @cached_property
    def counting(self) -> Select[Any]:
        """How many there are, up to one more than COUNT_LIMIT."""
        limited = self.counted.order_by(None).limit(COUNT_LIMIT + 1).subquery()
        return select(func.count()).select_from(limited)

    def decorate(self, *columns: Any, keep: Sequence[Any] = ()) -> Select[Any]:  # noqa: ANN401 (SQLAlchemy's own columns)
        """The page's rows with `columns`; the keys come along for the places.

        `keep`: (table, condition, is outer) for each join from the picked ids on.
        """
        keys = [self.picked.c[key.name].label(f"key_{key.name}") for key in self.order.keys]
        descending = self.order.descending != self.is_reversed
        ordered = [self.picked.c[key.name] for key in self.order.keys]
        query = select(*columns, *keys).select_from(self.family).join(self.picked, true())
        for table, condition, is_outer in keep:
            # joined by the query itself: the narrowing to a reseller then stays in ON
            query = query.join(table, condition, isouter=is_outer)
        return query.order_by(*(one.desc() if descending else one.asc() for one in ordered)).limit(
            self.size + 1
        )


def kind_of_place(place: Place, keys: Sequence[Key]) -> str:
    """after, before, or head, where what cannot be read leads too."""
    values, _number = _read(place.before or place.after, keys)
    if values is None:
        return "head"
    return "before" if place.before else "after"


def read_place() -> Place:
    """The place that the address names."""
    return Place(request.args.get("after", ""), request.args.get("before", ""))


def walk(
    pick: Any,  # noqa: ANN401 (a select of any columns)
    *,
    owner: Any,  # noqa: ANN401 (a column of any table)
    order: Order,
    place: Place,
    reseller_ids: Sequence[int] | None = None,
    size: int = PAGE_SIZE,
) -> Walk:
    """Pick a page of `pick`, whose columns carry the names of the keys.

    `owner` is the reseller's column of the walked table; `reseller_ids` narrows the scope.
    """
    way = kind_of_place(place, order.keys)
    prepared = prepare_walk(
        pick, owner=owner, order=order, way=way, reseller_ids=reseller_ids, size=size
    )
    return prepared.at(place)


def prepare_walk(
    pick: Any,  # noqa: ANN401 (as above)
    *,
    owner: Any,  # noqa: ANN401
    order: Order,
    way: str,
    reseller_ids: Sequence[int] | None = None,
    size: int = PAGE_SIZE,
) -> Walk:
    """A walk for every place of one kind (`kind_of_place`): ask it `at` a place before use."""
    ids = list(current_scope().reseller_ids if reseller_ids is None else reseller_ids)
    family = select(
        func.unnest(literal(ids, ARRAY(BigInteger))).column_valued("owner_id").label("owner_id")
    ).subquery("family")
    columns = [pick.selected_columns[key.name] for key in order.keys]
    is_reversed = way == "before"
    descending = order.descending != is_reversed
    picked = pick.where(owner == family.c.owner_id).correlate(family)
    if way != "head":
        here, there = tuple_(*columns), tuple_(*_place_parameters(order.keys))
        picked = picked.where(here < there if descending else here > there)
    picked = picked.order_by(*(one.desc() if descending else one.asc() for one in columns))
    return Walk(
        order,
        Place(),
        family,
        picked.limit(size + 1).lateral("picked"),
        is_reversed,
        size,
        counted=pick.where(owner.in_(ids)),
    )


def _place_parameters(keys: Sequence[Key]) -> list[BindParameter[Any]]:
    return [bindparam(f"place_{i}", type_=_TYPES[key.kind]) for i, key in enumerate(keys)]


def read_page(
    session: Session,
    walked: Walk,
    query: Select[Any],
    make: Callable[[Any], T],
    *,
    known: Hashable | None = None,
) -> Page[T]:
    """Run the one query of the list; `make` turns a database row into the screen's own.

    `known` names what is counted, filters included: that it is more than COUNT_LIMIT is then
    remembered for a minute.
    """
    found = session.execute(query, walked.params).all()
    has_more = len(found) > walked.size
    rows = list(found[: walked.size])
    if walked.is_reversed:
        rows.reverse()
    is_head = walked.place.is_head
    has_previous = has_more if walked.is_reversed else not is_head
    has_next = walked.is_reversed or has_more
    names = [f"key_{key.name}" for key in walked.order.keys]
    first = walked.first
    last = None if first is None else first + len(rows) - 1
    return Page(
        [make(row) for row in rows],
        previous=_write(rows[0], names, first) if rows and has_previous else "",
        next=_write(rows[-1], names, last) if rows and has_next else "",
        count=len(rows) if is_head and not has_more else _count(session, walked, known),
        first=first,
    )


def _count(session: Session, walked: Walk, known: Hashable | None) -> int:
    # the scope is part of the name: what one tenant counted is nothing to another
    key = None if known is None else (current_scope().reseller_ids, known)
    if key is not None and _many.get(key, 0.0) > time.monotonic():
        return COUNT_LIMIT + 1
    count = session.scalar(walked.counting) or 0
    if key is not None and count > COUNT_LIMIT:
        if len(_many) >= _MOST_KNOWN:
            _many.clear()
        _many[key] = time.monotonic() + _KNOWN_S
    return count


def forget_counts() -> None:
    """Count anew what was found to be many."""
    _many.clear()


def _first(number: int | None, size: int, *, is_head: bool, is_reversed: bool) -> int | None:
    """The number of a page's first row, when the row beside it has `number`."""
    if is_head:
        return 1
    if number is None:
        return None
    return max(1, number - size) if is_reversed else number + 1


def _write(row: Any, names: Sequence[str], number: int | None) -> str:  # noqa: ANN401 (a row of any query)
    values = [getattr(row, name) for name in names]
    plain = [one if isinstance(one, int | str) else _text(one) for one in values]
    if number is not None:
        plain.append(number)
    text = json.dumps(plain, ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _read(cursor: str, keys: Sequence[Key]) -> tuple[list[Any] | None, int | None]:
    """The values of a place and its row's number, if it has one.

    None for a text that is no place: the list then begins at its head.
    """
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        values = json.loads(text) if text else None
        if not isinstance(values, list) or not 0 <= len(values) - len(keys) <= 1:
            return None, None
        number = values[len(keys)] if len(values) > len(keys) else None
        if number is not None and (type(number) is not int or number not in _NUMBERS):
            return None, None
        at = [_read_value(key, value) for key, value in zip(keys, values, strict=False)]
    except ValueError:
        return None, None
    return at, number


def _read_value(key: Key, value: object) -> Any:  # noqa: ANN401 (as the key says)
    """Raises ValueError for what no row of ours was ever written as."""
    written, read = _READERS[key.kind]
    is_sane = type(value) is written and not (isinstance(value, str) and "\x00" in value)
    if not is_sane or (type(value) is int and value not in _BIGINT):
        raise ValueError("not a value of this key")
    found = read(value)
    if isinstance(found, datetime) and found.tzinfo is None:
        raise ValueError("an instant without a zone")
    return found
