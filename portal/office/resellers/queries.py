"""What the tree of resellers shows, and the facts at the head of one."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, Text, cast, func, or_, select
from sqlalchemy.orm import aliased

from billing.models import ClientBalance
from core.db import Session
from core.tenancy import current_scope
from portal.keyset import Page, Place
from portal.tenant_pages import in_order, read_ids, tree_key
from tenants.models import Client, Reseller, User

STATUSES = ("active", "suspended")


@dataclass(frozen=True, slots=True)
class Filters:
    """What the address asks for; empty is everything."""

    search: str = ""
    status: str = ""

    @property
    def is_narrowed(self) -> bool:
        return bool(self.search or self.status)


@dataclass(frozen=True, slots=True)
class Sums:
    """The balances of a reseller's clients in one currency, added up."""

    currency: str
    available: Decimal
    live: Decimal
    fixed: Decimal


@dataclass(frozen=True, slots=True)
class ResellerRow:
    """One line of the tree; `depth` counts from the own company, which is 0."""

    id: int
    name: str
    code: str
    depth: int
    status: str
    is_trading: bool
    currency: str
    active_clients: int
    clients: int
    staff: int
    sums: list[Sums]


@dataclass(frozen=True, slots=True)
class About:
    """What stands at the head of a reseller's page."""

    parent: str | None
    clients: int
    staff: int
    beneath: int
    created_at: datetime


def read_resellers(session: Session, filters: Filters, place: Place) -> Page[ResellerRow]:
    """One page of the own company and the tree beneath it."""
    page = read_ids(session, tree_key(), _conditions(filters), place)
    above = aliased(Reseller)
    # those above the own company are outside the scope and not seen: a row is closed by what is
    stopped = (
        select(above.id)
        .where(above.id == func.any(Reseller.path), above.status != "active")
        .correlate(Reseller)
        .exists()
    )
    query = select(
        Reseller.id,
        Reseller.name,
        Reseller.code,
        func.cardinality(Reseller.path).label("depth"),
        Reseller.status,
        (~stopped).label("is_trading"),
        Reseller.currency,
        _clients(Client.status == "active").label("active_clients"),
        _clients(Client.status != "deleted").label("clients"),
        _staff().label("staff"),
        _sums().label("sums"),
    )
    rows = session.execute(in_order(query, page.rows)).all()
    home = current_scope().home_reseller_id
    own_depth = session.scalar(select(func.cardinality(Reseller.path)).where(Reseller.id == home))
    return Page([_row(row, own_depth or 1) for row in rows], page.previous, page.next, page.count)


def list_parents(session: Session) -> list[tuple[int, str]]:
    """Active resellers of the scope to choose a parent from, indented by their depth."""
    rows = session.execute(
        select(Reseller.id, Reseller.name, func.cardinality(Reseller.path))
        .where(Reseller.status == "active")
        .order_by(tree_key())
    ).all()
    lowest = min((depth for _one, _name, depth in rows), default=1)
    return [(one, "\u2003" * (depth - lowest) + name) for one, name, depth in rows]


def read_about(session: Session, reseller: Reseller) -> About:
    """The facts of one reseller; the parent's name only where it is in the scope."""
    parent = None
    if reseller.parent_id is not None:
        parent = session.scalar(select(Reseller.name).where(Reseller.id == reseller.parent_id))
    row = session.execute(
        select(_clients(Client.status != "deleted"), _staff()).where(Reseller.id == reseller.id)
    ).one()
    beneath = session.scalar(
        select(func.count())
        .select_from(Reseller)
        .where(Reseller.path.contains([reseller.id]), Reseller.id != reseller.id)
    )
    return About(parent, row[0], row[1], beneath or 0, reseller.created_at)


def _conditions(filters: Filters) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if filters.search:
        found.append(
            or_(
                Reseller.name.icontains(filters.search, autoescape=True),
                Reseller.code.icontains(filters.search, autoescape=True),
                Reseller.company_name.icontains(filters.search, autoescape=True),
            )
        )
    if filters.status:
        found.append(Reseller.status == filters.status)
    return found


def _clients(*conditions: ColumnElement[bool]) -> ScalarSelect[int]:
    return (
        select(func.count(Client.id))
        .where(Client.reseller_id == Reseller.id, *conditions)
        .correlate(Reseller)
        .scalar_subquery()
    )


def _staff() -> ScalarSelect[int]:
    return (
        select(func.count(User.id))
        .where(User.reseller_id == Reseller.id)
        .correlate(Reseller)
        .scalar_subquery()
    )


def _sums() -> ScalarSelect[Any]:
    """A JSON object of [available, live, fixed] by currency; postpaid clients count by Live."""
    balance = ClientBalance
    credit = func.sum(balance.credit).filter(~balance.postpaid)
    sums = (
        select(
            balance.currency,
            func.jsonb_build_array(
                cast(func.sum(balance.live) + func.coalesce(credit, 0), Text),
                cast(func.sum(balance.live), Text),
                cast(func.sum(balance.fixed), Text),
            ).label("amounts"),
        )
        .where(balance.reseller_id == Reseller.id)
        .group_by(balance.currency)
        .correlate(Reseller)
        .lateral("sums")
    )
    return (
        select(func.jsonb_object_agg(sums.c.currency, sums.c.amounts))
        .select_from(sums)
        .correlate(Reseller)
        .scalar_subquery()
    )


def _row(row: Any, own_depth: int) -> ResellerRow:  # noqa: ANN401 (a row of the query above)
    sums = [
        Sums(currency, *(Decimal(one) for one in amounts))
        for currency, amounts in sorted((row.sums or {}).items())
    ]
    values = {name: getattr(row, name) for name in ResellerRow.__dataclass_fields__}
    return ResellerRow(**{**values, "depth": row.depth - own_depth, "sums": sums})
