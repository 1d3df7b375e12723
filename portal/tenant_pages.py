"""Pages of resellers by keyset: a page begins beside a reseller, whose id is the place."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, Text, cast, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import aliased

from core.db import Session
from portal.keyset import PAGE_SIZE, Page, Place
from tenants.models import Reseller


def tree_key() -> ColumnElement[Any]:
    """Names from the root down to the reseller: sorted by it, each stands beneath its parent."""
    above = aliased(Reseller)
    return (
        select(
            func.array_agg(
                func.lower(above.name) + literal("\x01") + cast(above.id, Text)
            ).aggregate_order_by(func.cardinality(above.path))
        )
        .where(above.id == func.any(Reseller.path))
        .correlate(Reseller)
        .scalar_subquery()
    )


def read_ids(
    session: Session,
    key: ColumnElement[Any],
    conditions: Sequence[ColumnElement[bool]],
    place: Place,
    size: int = PAGE_SIZE,
) -> Page[int]:
    """One page of the ids of the resellers that fit, in the order of `key`, an array of texts."""
    is_back = bool(place.before)
    cursor = _find_key(session, key, place.before or place.after)
    query = select(Reseller.id).where(*conditions)
    if cursor is not None:
        at = literal(cursor, ARRAY(Text))
        query = query.where(key < at if is_back else key > at)
    found = session.scalars(query.order_by(key.desc() if is_back else key).limit(size + 1)).all()
    ids = list(found[:size])
    if is_back:
        ids.reverse()
    has_more = len(found) > size
    has_previous = has_more if is_back else cursor is not None
    has_next = is_back or has_more
    counted = select(func.count()).select_from(Reseller).where(*conditions)
    return Page(
        ids,
        previous=str(ids[0]) if ids and has_previous else "",
        next=str(ids[-1]) if ids and has_next else "",
        count=session.scalar(counted),
    )


def in_order(query: Select[*tuple[Any, ...]], ids: Sequence[int]) -> Select[*tuple[Any, ...]]:
    """`query` for these resellers only, in the order of the page."""
    return query.where(Reseller.id.in_(ids)).order_by(
        func.array_position(literal(list(ids), ARRAY(Reseller.id.type)), Reseller.id)
    )


def _find_key(session: Session, key: ColumnElement[Any], place: str) -> list[str] | None:
    if not place.isdecimal() or len(place) > 18:
        return None
    found: list[str] | None = session.scalar(select(key).where(Reseller.id == int(place)))
    return found
