"""Included units: what usage may take of the periods of a client's packages before it costs.

The hour decides: usage takes units of the periods that its hour begins in, also when it comes late.
First the package with the lower priority, then what is included for the very destination, then the
older period.
"""

from datetime import datetime
from decimal import Decimal

from sqlalchemy import and_, func, or_, select

from billing.package_models import SubscriptionPeriod, SubscriptionUnits
from core.db import Session
from core.money import EXACT


def take_units(
    session: Session,
    client_id: int,
    hour_at: datetime,
    destination: str,
    unit: str,
    quantity: Decimal,
) -> Decimal:
    """Take up to `quantity` units, of seconds or whatever `unit` says; how many were taken.

    The caller holds the client's balance, so that no two usages take the same units.
    """
    taken = Decimal(0)
    for row in _list_open(session, client_id, hour_at, destination, unit):
        part = min(EXACT.subtract(row.included, row.used), EXACT.subtract(quantity, taken))
        row.used = EXACT.add(row.used, part)
        taken = EXACT.add(taken, part)
        if taken == quantity:
            break
    if taken:
        session.flush()
    return taken


def _list_open(
    session: Session, client_id: int, hour_at: datetime, destination: str, unit: str
) -> list[SubscriptionUnits]:
    units, period = SubscriptionUnits, SubscriptionPeriod
    return list(
        session.scalars(
            select(units)
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
                period.client_id == client_id,
                period.starts_at <= hour_at,
                period.ends_at > hour_at,
                units.unit == unit,
                units.used < units.included,
                or_(units.destination == "", func.lower(units.destination) == destination.lower()),
            )
            .order_by(units.priority, units.destination.desc(), period.starts_at, units.id)
            .execution_options(populate_existing=True)
        )
    )
