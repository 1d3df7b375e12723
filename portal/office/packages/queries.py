"""What the screens of packages and subscriptions read."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import and_, func, select

from billing import packages
from billing.package_models import (
    Package,
    PackageUnits,
    Subscription,
    SubscriptionPeriod,
    SubscriptionUnits,
)
from core.db import Session
from core.errors import NotFoundError
from tenants.models import Client, Reseller

SHOWN = ("current", "archived", "all")
MOST = 500


@dataclass(frozen=True, slots=True)
class PackageRow:
    """One line of the list; `subscriptions` are those that have not ended."""

    package: Package
    reseller: str
    subscriptions: int
    is_used: bool
    units: Sequence[tuple[str, str, Any]]


@dataclass(frozen=True, slots=True)
class SubscriptionPage:
    """A subscription with everything that was charged for it."""

    subscription: Subscription
    package: Package
    client: str
    periods: Sequence[SubscriptionPeriod]
    units: Sequence[SubscriptionUnits]


def list_packages(session: Session, shown: str) -> list[PackageRow]:
    """The packages of the scope, by reseller and name."""
    open_ones = func.count().filter(Subscription.status != "archived")
    counts = (
        select(
            Subscription.reseller_id,
            Subscription.package_id,
            open_ones.label("open"),
            func.count().label("every"),
        )
        .group_by(Subscription.reseller_id, Subscription.package_id)
        .subquery()
    )
    wanted = (
        select(Package, Reseller.name, counts.c.open, counts.c.every)
        .join(Reseller, Reseller.id == Package.reseller_id)
        .outerjoin(
            counts,
            and_(counts.c.reseller_id == Package.reseller_id, counts.c.package_id == Package.id),
        )
        .order_by(Reseller.name, func.lower(Package.name))
        .limit(MOST)
    )
    if shown == "current":
        wanted = wanted.where(Package.status != "archived")
    elif shown == "archived":
        wanted = wanted.where(Package.status == "archived")
    rows = session.execute(wanted).all()
    units: dict[int, list[tuple[str, str, Any]]] = {}
    for one in session.scalars(
        select(PackageUnits)
        .where(PackageUnits.package_id.in_([row[0].id for row in rows]))
        .order_by(PackageUnits.destination, PackageUnits.unit)
    ):
        units.setdefault(one.package_id, []).append((one.destination, one.unit, one.quantity))
    return [
        PackageRow(row[0], row[1], row[2] or 0, bool(row[3]), units.get(row[0].id, []))
        for row in rows
    ]


def exists_same(session: Session, reseller_id: int, terms: packages.Terms) -> bool:
    """Whether this very package exists: the form was sent twice."""
    name = " ".join(terms.name.split())
    package = session.scalar(
        select(Package).where(
            Package.reseller_id == reseller_id, func.lower(Package.name) == func.lower(name)
        )
    )
    if package is None:
        return False
    known = packages.get_terms(session, package)
    return (known.name, known.periodic_fee, known.activation_fee, known.currency) == (
        name,
        terms.periodic_fee,
        terms.activation_fee,
        terms.currency,
    ) and len(known.units) == len(terms.units)


def read_subscription(session: Session, subscription_id: UUID) -> SubscriptionPage:
    """Raises NotFoundError, also for one of another tenant."""
    row = session.execute(
        select(Subscription, Package, Client.name)
        .join(
            Package,
            and_(
                Package.reseller_id == Subscription.reseller_id,
                Package.id == Subscription.package_id,
            ),
        )
        .join(
            Client,
            and_(
                Client.reseller_id == Subscription.reseller_id,
                Client.id == Subscription.client_id,
            ),
        )
        .where(Subscription.id == subscription_id)
    ).one_or_none()
    if row is None:
        raise NotFoundError("Subscription not found.")
    periods = session.scalars(
        select(SubscriptionPeriod)
        .where(SubscriptionPeriod.subscription_id == subscription_id)
        .order_by(SubscriptionPeriod.number.desc())
        .limit(MOST)
    ).all()
    units = session.scalars(
        select(SubscriptionUnits)
        .where(SubscriptionUnits.subscription_id == subscription_id)
        .order_by(SubscriptionUnits.number.desc(), SubscriptionUnits.destination)
        .limit(MOST)
    ).all()
    return SubscriptionPage(row[0], row[1], row[2], periods, units)
