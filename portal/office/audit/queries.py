"""What the Audit log reads."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, or_, select

from core.db import Session
from core.errors import NotFoundError
from portal.keyset import Key, Order, Page, Place, read_page, walk
from portal.office.period import ANY_TIME, PeriodFilter
from tenants.models import AuditRecord, Client, Reseller
from tenants.record_models import AuditChain, AuditCheck

EXPORT_ROWS = 50_000
_BATCH = 2000


@dataclass(frozen=True, slots=True)
class Filters:
    """What the address asks for; `search` is in the person or the object's name."""

    search: str = ""
    client_id: int | None = None
    reseller_id: int | None = None
    object_type: str = "any"
    object_id: str = ""
    action: str = "any"
    person: str = ""
    ip: str = ""
    period: PeriodFilter = ANY_TIME

    @property
    def is_narrowed(self) -> bool:
        return self.period.is_set or self != Filters(period=self.period)


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One record; `changes` maps each field to what it was and what it is."""

    id: int
    at: datetime
    actor_kind: str
    actor_label: str
    on_behalf_of: str | None
    ip: str | None
    action: str
    object_type: str
    object_id: str
    object_label: str
    client_id: int | None
    changes: Mapping[str, Any]
    seal_no: int | None
    seal_hash: str | None
    reseller_id: int
    reseller_name: str = ""
    client_name: str = ""


@dataclass(frozen=True, slots=True)
class LastState:
    """An object as its records leave it; `is_deleted` when the last word was that it goes."""

    object_type: str
    object_id: str
    label: str
    client_id: int | None
    is_deleted: bool
    values: Mapping[str, Any]
    records: Sequence[AuditRow]
    is_whole: bool = True


@dataclass(frozen=True, slots=True)
class ChainState:
    """What is known of one reseller's chain."""

    reseller_id: int
    reseller_name: str
    seal_no: int
    check: AuditCheck | None = field(default=None)


_COLUMNS = tuple(
    getattr(AuditRecord, name)
    for name in AuditRow.__dataclass_fields__
    if name not in ("reseller_name", "client_name")
)
HISTORY_ROWS = 500


def read_records(session: Session, filters: Filters, place: Place) -> Page[AuditRow]:
    """One page, newest first."""
    walked = walk(
        select(AuditRecord.id.label("id")).where(*_conditions(filters)),
        owner=AuditRecord.reseller_id,
        order=Order([Key("id", int)], descending=True),
        place=place,
    )
    query = walked.decorate(
        *_COLUMNS,
        Reseller.name.label("reseller_name"),
        func.coalesce(Client.name, "").label("client_name"),
        keep=[
            (AuditRecord, AuditRecord.id == walked.picked.c.id, False),
            (Reseller, Reseller.id == AuditRecord.reseller_id, False),
            (Client, Client.id == AuditRecord.client_id, True),
        ],
    )
    return read_page(session, walked, query, _row)


def read_for_export(session: Session, filters: Filters) -> Iterator[AuditRow]:
    """The records of the list, newest first, some at a time; one more than EXPORT_ROWS tells that
    there are more.
    """
    before: int | None = None
    left = EXPORT_ROWS + 1
    while left > 0:
        query = _select().where(*_conditions(filters)).order_by(AuditRecord.id.desc())
        if before is not None:
            query = query.where(AuditRecord.id < before)
        rows = [_row(row) for row in session.execute(query.limit(min(_BATCH, left)))]
        yield from rows
        left -= len(rows)
        if len(rows) < _BATCH:
            return
        before = rows[-1].id


def get_record(session: Session, record_id: int) -> AuditRow:
    """Raises NotFoundError, also for a record of another tenant."""
    row = session.execute(_select().where(AuditRecord.id == record_id)).one_or_none()
    if row is None:
        raise NotFoundError("Record not found.")
    return _row(row)


def get_last_state(session: Session, object_type: str, object_id: str) -> LastState:
    """What the object's records say of it, the newest word for each field.

    Raises NotFoundError when there is no record of it, or it is another tenant's.
    """
    rows = session.execute(
        _select()
        .where(AuditRecord.object_type == object_type, AuditRecord.object_id == object_id)
        .order_by(AuditRecord.id.desc())
        .limit(HISTORY_ROWS + 1)
    ).all()
    if not rows:
        raise NotFoundError("Record not found.")
    records = [_row(row) for row in rows[:HISTORY_ROWS]]
    values: dict[str, Any] = {}
    for record in reversed(records):
        for name, (before, after) in record.changes.items():
            # what a deletion wrote as gone was its value until then
            is_gone = record.action in ("delete", "full_delete") and after is None
            values[name] = before if is_gone else after
    newest = records[0]
    return LastState(
        object_type,
        object_id,
        newest.object_label,
        newest.client_id,
        newest.action in ("delete", "full_delete"),
        values,
        records,
        is_whole=len(rows) <= HISTORY_ROWS,
    )


def read_chains(session: Session, reseller_ids: Sequence[int]) -> list[ChainState]:
    """Each reseller's chain with its last proof, those that break first."""
    newest = (
        select(func.max(AuditCheck.id))
        .where(AuditCheck.reseller_id == Reseller.id)
        .correlate(Reseller)
        .scalar_subquery()
    )
    rows = session.execute(
        select(Reseller.id, Reseller.name, func.coalesce(AuditChain.seal_no, 0), AuditCheck)
        .outerjoin(AuditChain, AuditChain.reseller_id == Reseller.id)
        .outerjoin(AuditCheck, AuditCheck.id == newest)
        .where(Reseller.id.in_(reseller_ids))
        .order_by(AuditCheck.ok, Reseller.name)
    )
    return [ChainState(*row) for row in rows]


def list_actions(session: Session) -> list[str]:
    """Those that were recorded lately."""
    latest = select(AuditRecord.action).order_by(AuditRecord.id.desc()).limit(2000).subquery()
    return list(session.scalars(select(latest.c.action).distinct().order_by(latest.c.action)))


def _select() -> Select[Any]:
    return (
        select(
            *_COLUMNS,
            Reseller.name.label("reseller_name"),
            func.coalesce(Client.name, "").label("client_name"),
        )
        .join(Reseller, Reseller.id == AuditRecord.reseller_id)
        .outerjoin(Client, Client.id == AuditRecord.client_id)
    )


def _row(row: Any) -> AuditRow:  # noqa: ANN401 (a row of any of these queries)
    return AuditRow(**{name: getattr(row, name) for name in AuditRow.__dataclass_fields__})


def _conditions(filters: Filters) -> list[ColumnElement[bool]]:
    text, person = filters.search.lower(), filters.person.lower()
    wanted: list[tuple[object, ColumnElement[bool]]] = [
        (filters.client_id, AuditRecord.client_id == filters.client_id),
        (filters.reseller_id, AuditRecord.reseller_id == filters.reseller_id),
        (filters.object_type != "any", AuditRecord.object_type == filters.object_type),
        (filters.object_id, AuditRecord.object_id == filters.object_id),
        (filters.action != "any", AuditRecord.action == filters.action),
        (filters.ip, AuditRecord.ip.startswith(filters.ip, autoescape=True)),
        (
            person,
            or_(
                func.lower(AuditRecord.actor_label).contains(person, autoescape=True),
                func.lower(AuditRecord.on_behalf_of).contains(person, autoescape=True),
            ),
        ),
        (
            text,
            or_(
                func.lower(AuditRecord.actor_label).contains(text, autoescape=True),
                func.lower(AuditRecord.object_label).contains(text, autoescape=True),
                AuditRecord.object_id == filters.search,
            ),
        ),
    ]
    asked = [condition for is_asked, condition in wanted if is_asked]
    return [*asked, *filters.period.instant_conditions(AuditRecord.at)]
