"""The client's own subscriptions: its database role sees no others, and no package."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import case, select
from sqlalchemy.dialects.postgresql import distinct_on

from billing.package_models import Subscription, SubscriptionPeriod, SubscriptionUnits
from core.db import Session

MOST = 100


@dataclass(frozen=True, slots=True)
class PackageCard:
    """One subscription with its latest period and what that includes."""

    subscription: Subscription
    period: SubscriptionPeriod | None
    units: Sequence[SubscriptionUnits]


def list_packages(session: Session) -> list[PackageCard]:
    """Those that go on first, then the newest."""
    rows = session.scalars(
        select(Subscription)
        .order_by(case((Subscription.status == "archived", 1), else_=0), Subscription.id.desc())
        .limit(MOST)
    ).all()
    ids = [one.id for one in rows]
    periods: dict[UUID, SubscriptionPeriod] = {
        period.subscription_id: period
        for period in session.scalars(
            select(SubscriptionPeriod)
            .ext(distinct_on(SubscriptionPeriod.subscription_id))
            .where(SubscriptionPeriod.subscription_id.in_(ids))
            .order_by(SubscriptionPeriod.subscription_id, SubscriptionPeriod.number.desc())
        )
    }
    units: dict[tuple[UUID, int], list[SubscriptionUnits]] = {}
    for one in session.scalars(
        select(SubscriptionUnits)
        .where(SubscriptionUnits.subscription_id.in_(ids))
        .order_by(SubscriptionUnits.destination, SubscriptionUnits.unit)
    ):
        units.setdefault((one.subscription_id, one.number), []).append(one)
    return [
        PackageCard(
            one,
            periods.get(one.id),
            units.get((one.id, periods[one.id].number), []) if one.id in periods else [],
        )
        for one in rows
    ]
