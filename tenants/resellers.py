"""Resellers: the tenants, in a tree."""

from sqlalchemy import select
from sqlalchemy.orm import load_only

from core.currencies import get_currency
from core.db import Session
from core.errors import InvalidInputError, NotFoundError
from core.zones import get_zone
from tenants.models import Reseller


def create_reseller(
    session: Session,
    *,
    name: str,
    code: str,
    currency_code: str,
    timezone: str,
    parent: Reseller | None = None,
    **details: str,
) -> Reseller:
    """Make a tenant (platform role only). `details`: company fields of `Reseller`.

    Raises InvalidInputError for an unknown currency or time zone.
    """
    reseller = Reseller(
        name=name,
        code=code,
        currency=get_currency(currency_code).code,
        timezone=get_zone(timezone).key,
        parent_id=None if parent is None else parent.id,
        path=[],
        **details,
    )
    session.add(reseller)
    session.flush()
    reseller.path = [*(parent.path if parent is not None else []), reseller.id]
    session.flush()
    return reseller


def get_reseller(session: Session, reseller_id: int) -> Reseller:
    """Raises NotFoundError, also for a reseller outside the scope."""
    reseller = session.get(Reseller, reseller_id)
    if reseller is None:
        raise NotFoundError("Reseller not found.")
    return reseller


def list_family(session: Session, reseller_id: int) -> tuple[int, ...]:
    """The reseller and its descendants, itself first: the scope of its staff."""
    ids = session.scalars(
        select(Reseller.id).where(Reseller.path.contains([reseller_id])).order_by(Reseller.id)
    ).all()
    if reseller_id not in ids:
        raise NotFoundError("Reseller not found.")
    return (reseller_id, *(one for one in ids if one != reseller_id))


def list_resellers(session: Session) -> list[Reseller]:
    """Those of the scope, by name; for choosing one on a form."""
    return list(
        session.scalars(
            select(Reseller)
            .options(load_only(Reseller.name, Reseller.currency, Reseller.timezone))
            .order_by(Reseller.name, Reseller.id)
        )
    )


def check_choice(session: Session, reseller_id: int) -> Reseller:
    """The reseller chosen on a form; raises InvalidInputError when it is not in the scope."""
    reseller = session.get(Reseller, reseller_id)
    if reseller is None:
        raise InvalidInputError("Choose one of your resellers.", "reseller_id")
    return reseller
