"""The tab Packages of a client's page."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from flask.typing import ResponseReturnValue
from sqlalchemy import and_, case, func, select

from billing.package_models import (
    Package,
    Subscription,
    SubscriptionPeriod,
    SubscriptionUnits,
)
from core.clock import now
from core.db import Session
from portal.access import office_view
from portal.office.clients import tabs
from portal.office.clients.blueprint import bp
from portal.office.clients.page_queries import ClientHead
from tenants.permissions import Permission

MOST = 200


@dataclass(frozen=True, slots=True)
class SubscriptionRow:
    """One subscription; `fee` of a whole period, `left` units of the period under way."""

    subscription: Subscription
    period_count: int
    period_unit: str
    fee: Decimal
    left: Sequence[tuple[str, str, Decimal]]


@bp.get("/<int:client_id>/packages")
@office_view(Permission.PACKAGES_READ)
def packages(client_id: int) -> ResponseReturnValue:
    return tabs.draw(
        client_id, "packages", lambda session, head: {"rows": _list_rows(session, head)}
    )


def _list_rows(session: Session, head: ClientHead) -> list[SubscriptionRow]:
    """Those that are open first, then the newest."""
    rows = session.execute(
        select(Subscription, Package)
        .join(
            Package,
            and_(
                Package.reseller_id == Subscription.reseller_id,
                Package.id == Subscription.package_id,
            ),
        )
        .where(Subscription.reseller_id == head.reseller_id, Subscription.client_id == head.id)
        .order_by(case((Subscription.status == "archived", 1), else_=0), Subscription.id.desc())
        .limit(MOST)
    ).all()
    left = _read_left(session, head)
    return [
        SubscriptionRow(
            one,
            package.period_count,
            package.period_unit,
            package.periodic_fee * one.quantity,
            left.get(one.id, []),
        )
        for one, package in rows
    ]


def _read_left(session: Session, head: ClientHead) -> dict[Any, list[tuple[str, str, Decimal]]]:
    units, period = SubscriptionUnits, SubscriptionPeriod
    left = func.sum(units.included - units.used)
    rows = session.execute(
        select(units.subscription_id, units.destination, units.unit, left)
        .join(
            period,
            and_(
                period.reseller_id == units.reseller_id,
                period.client_id == units.client_id,
                period.subscription_id == units.subscription_id,
                period.number == units.number,
            ),
        )
        .where(
            units.reseller_id == head.reseller_id,
            units.client_id == head.id,
            period.starts_at <= now(),
            period.ends_at > now(),
        )
        .group_by(units.subscription_id, units.destination, units.unit)
        .order_by(units.destination, units.unit)
    )
    found: dict[Any, list[tuple[str, str, Decimal]]] = {}
    for subscription_id, destination, unit, quantity in rows:
        found.setdefault(subscription_id, []).append((destination, unit, quantity))
    return found
