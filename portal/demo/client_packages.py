"""Packages of the demo, who is subscribed to them, and usage through the usage door."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from random import Random
from uuid import UUID

from sqlalchemy import select

from billing import packages, subscriptions, usage
from billing.package_models import Package
from billing.packages import Terms, Units
from core.clock import now
from core.db import Session
from portal.demo import names
from portal.demo.plan import ClientPlan, ResellerPlan

_USAGE_DAYS = 40


def ensure_packages(session: Session, reseller_id: int, plan: ResellerPlan) -> Mapping[str, int]:
    """The packages that clients of the demo can have, by name; found again at a second run."""
    known = {
        name: package_id
        for name, package_id in session.execute(
            select(Package.name, Package.id).where(Package.reseller_id == reseller_id)
        )
    }
    for terms in _list_terms(plan):
        if terms.name not in known:
            known[terms.name] = packages.create_package(
                session, reseller_id=reseller_id, terms=terms
            ).id
    return known


def subscribe(
    session: Session,
    package_ids: Mapping[str, int],
    plan: ClientPlan,
    client_id: int,
    subscription_id: UUID,
    day: date,
) -> None:
    """A package for the client from `day` on; it waits where Available does not cover it."""
    name = ("Team minutes", "Hosted PBX seat", "Unlimited recording")[plan.number % 3]
    subscriptions.create_subscription(
        session,
        subscription_id=subscription_id,
        client_id=client_id,
        package_id=package_ids[name],
        starts_on=day,
        quantity=1 + plan.number % 4,
    )


def use(
    session: Session, reseller: ResellerPlan, plan: ClientPlan, client: tuple[int, int], batch: UUID
) -> None:
    """Some hours of calls of the last weeks, rated, as traffic will bring them."""
    reseller_id, client_id = client
    dice = Random(f"{reseller.code}:{plan.seed}:usage")  # noqa: S311 (variety, not a secret)
    last = datetime.combine(now().date(), time(8), UTC) - timedelta(days=2)
    rows = []
    for _number in range(8):
        text, rate = dice.choice(names.SERVICES)
        seconds = Decimal(dice.randint(600, 20_000))
        hour_at = last - timedelta(days=dice.randrange(_USAGE_DAYS), hours=dice.randrange(9))
        rows.append(
            usage.RatedUsage(
                client_id=client_id,
                hour_at=hour_at,
                destination=text,
                quantity=seconds,
                amount=(Decimal(rate) * seconds / 60 * reseller.price_level).quantize(
                    Decimal("0.0001")
                ),
            )
        )
    usage.post_usage(session, reseller_id=reseller_id, batch_id=batch, rows=rows)


def _list_terms(plan: ResellerPlan) -> list[Terms]:
    def price(amount: str) -> Decimal:
        return (Decimal(amount) * plan.price_level).quantize(Decimal("0.01"))

    return [
        Terms(
            "Team minutes",
            plan.currency,
            activation_fee=price("15"),
            periodic_fee=price("49"),
            alignment="calendar",
            prorate_stop=True,
            priority=5,
            units=(
                Units("", "second", Decimal(18_000)),
                Units("Calls to Spain, mobile", "second", Decimal(6_000)),
            ),
        ),
        Terms("Hosted PBX seat", plan.currency, periodic_fee=price("14.50")),
        Terms(
            "Unlimited recording",
            plan.currency,
            periodic_fee=price("7"),
            period_unit="week",
            period_count=2,
            renewals=25,
        ),
        Terms("Christmas line", plan.currency, periodic_fee=price("5"), status="archived"),
    ]
