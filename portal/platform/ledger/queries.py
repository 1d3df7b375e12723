"""Results of the ledger check: of every tenant, and of one in detail."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Text, case, cast, func, literal, select
from sqlalchemy.dialects.postgresql import array

from billing.models import LedgerCheck
from core.db import Session
from portal.keyset import Page, Place
from portal.platform import attention
from portal.tenant_pages import in_order, read_ids
from tenants.models import Reseller

HISTORY = 20


@dataclass(frozen=True, slots=True)
class CheckRow:
    """The last result of one tenant; `at` None: never checked."""

    id: int
    name: str
    code: str
    ok: bool | None
    at: datetime | None
    entries: int | None
    findings: dict[str, list[str]]
    is_overdue: bool


@dataclass(frozen=True, slots=True)
class Summary:
    """How the last results of all tenants stand."""

    tenants: int
    broken: int
    unchecked: int
    oldest_at: datetime | None


@dataclass(frozen=True, slots=True)
class Run:
    """How far a run has come: a check counts when its id is above the newest one at the start."""

    total: int
    done: int
    broken: int


def read_summary(session: Session) -> Summary:
    row = session.execute(
        select(
            func.count().label("tenants"),
            func.count().filter(attention.last_check(LedgerCheck.ok).is_(False)).label("broken"),
            func.count().filter(attention.last_check(LedgerCheck.ok).is_(None)).label("unchecked"),
            func.min(attention.last_check(LedgerCheck.at)).label("oldest_at"),
        ).select_from(Reseller)
    ).one()
    return Summary(row.tenants, row.broken, row.unchecked, row.oldest_at)


def read_checks(session: Session, place: Place) -> Page[CheckRow]:
    """A page of the tenants: what is wrong first, then what was never checked, then by name."""
    is_ok = attention.last_check(LedgerCheck.ok)
    rank = case((is_ok.is_(False), "0"), (is_ok.is_(None), "1"), else_="2")
    key: array[Any] = array([rank, func.lower(Reseller.name), cast(Reseller.id, Text)], type_=Text)
    page = read_ids(session, key, [], place)
    rows = session.execute(in_order(_select(), page.rows))
    return Page([_row(row) for row in rows], page.previous, page.next, page.count)


def find_check(session: Session, reseller_id: int) -> CheckRow | None:
    """The last result of one tenant; None when there is no such tenant."""
    row = session.execute(_select().where(Reseller.id == reseller_id)).one_or_none()
    return None if row is None else _row(row)


def list_history(session: Session, reseller_id: int) -> Sequence[LedgerCheck]:
    """The newest results of one tenant."""
    return session.scalars(
        select(LedgerCheck)
        .where(LedgerCheck.reseller_id == reseller_id)
        .order_by(LedgerCheck.id.desc())
        .limit(HISTORY)
    ).all()


def newest_check_id(session: Session) -> int:
    """The id after which a run that begins now counts its results."""
    return session.scalar(select(func.max(LedgerCheck.id))) or 0


def list_ids(session: Session) -> list[int]:
    return list(session.scalars(select(Reseller.id).order_by(Reseller.id)))


def read_run(session: Session, after_id: int, reseller_id: int | None) -> Run:
    """How many tenants, or whether the one, have a result since the run began."""
    tenants = select(func.count()).select_from(Reseller)
    since = select(LedgerCheck.reseller_id, LedgerCheck.ok).where(LedgerCheck.id > after_id)
    if reseller_id is not None:
        tenants = tenants.where(Reseller.id == reseller_id)
        since = since.where(LedgerCheck.reseller_id == reseller_id)
    found = since.subquery()
    done, broken = session.execute(
        select(
            func.count(found.c.reseller_id.distinct()),
            func.count(found.c.reseller_id.distinct()).filter(~found.c.ok),
        )
    ).one()
    return Run(session.scalar(tenants) or 0, done, broken)


def _select() -> Any:  # noqa: ANN401 (a query of many columns)
    newest = (
        select(LedgerCheck)
        .where(LedgerCheck.reseller_id == Reseller.id)
        .order_by(LedgerCheck.id.desc())
        .limit(1)
        .correlate(Reseller)
        .lateral("newest")
    )
    return select(
        Reseller.id,
        Reseller.name,
        Reseller.code,
        newest.c.ok,
        newest.c.at,
        newest.c.entries,
        newest.c.findings,
        attention.ledger_trouble().label("is_trouble"),
    ).outerjoin(newest, literal(True))


def _row(row: Any) -> CheckRow:  # noqa: ANN401 (a row of the query above)
    return CheckRow(
        id=row.id,
        name=row.name,
        code=row.code,
        ok=row.ok,
        at=row.at,
        entries=row.entries,
        findings=row.findings or {},
        is_overdue=row.is_trouble and bool(row.ok),
    )
