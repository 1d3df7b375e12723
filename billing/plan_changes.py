"""Changing a client's package for another: from today on, with the difference shown before.

The old subscription ends with yesterday and the days left of its period are given back; the new
one begins today. Nothing of it happens when Available does not cover the difference.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

from sqlalchemy import select

from billing import ledger, subscriptions
from billing.package_models import Package, Subscription
from billing.subscription_endings import end_on
from billing.subscription_money import Part, quote_unused
from billing.subscription_rows import days_left, find_last_period, get_subscription
from billing.subscriptions import lock_current, quote
from core.clock import today
from core.db import Session
from core.errors import ConflictError, InvalidInputError, LimitError
from core.zones import get_zone
from tenants.clients import get_client


@dataclass(frozen=True, slots=True)
class Difference:
    """What a change would post, signed as charged, in `currency`; `total` is their sum."""

    currency: str
    parts: Sequence[Part]
    total: Decimal
    available: Decimal | None


def preview_change(
    session: Session, subscription_id: UUID, *, package_id: int, quantity: int
) -> Difference:
    """What changing now would give back and charge. Raises as `change_package` does."""
    subscription = get_subscription(session, subscription_id)
    package = _check(session, subscription, package_id, quantity)
    client = get_client(session, subscription.client_id)
    day = today(get_zone(subscription.timezone))
    parts: list[Part] = []
    period = find_last_period(session, subscription)
    if period is not None:
        left = days_left(period, day - timedelta(1))
        unused = quote_unused(session, subscription, period, left)
        parts += [] if unused is None else [unused]
    start = today(get_zone(client.timezone))
    parts += quote(session, client, package, quantity, start)
    balance = ledger.get_balance(session, client.id)
    return Difference(
        subscription.currency,
        parts,
        sum((part.total for part in parts), Decimal()),
        None if balance.postpaid else balance.live + balance.credit,
    )


def change_package(
    session: Session,
    subscription_id: UUID,
    *,
    new_id: UUID,
    version: int,
    package_id: int,
    quantity: int,
) -> Subscription:
    """End the subscription and begin the other one in one transaction; the new one.

    The same `new_id` gives the one made before. Raises NotFoundError, ConflictError, LimitError
    when Available does not cover the difference, InvalidInputError naming the field.
    """
    known = session.scalar(select(Subscription).where(Subscription.id == new_id))
    if known is not None:
        if known.package_id != package_id:
            raise ConflictError("This form was sent before with other content.")
        return known
    subscription = lock_current(session, subscription_id, version=version)
    _check(session, subscription, package_id, quantity)
    day = today(get_zone(subscription.timezone))
    end_on(session, subscription, day - timedelta(1), "changed", gives_back=True)
    made = subscriptions.create_subscription(
        session,
        subscription_id=new_id,
        client_id=subscription.client_id,
        package_id=package_id,
        quantity=quantity,
    )
    if made.status != "active":
        raise LimitError("Available does not cover the difference.")
    return made


def _check(session: Session, subscription: Subscription, package_id: int, quantity: int) -> Package:
    if subscription.status != "active":
        raise ConflictError("Only a subscription that has begun can be changed.")
    if (subscription.package_id, subscription.quantity) == (package_id, quantity):
        raise InvalidInputError("Choose another package or quantity.", "package_id")
    client = get_client(session, subscription.client_id)
    balance = ledger.get_balance(session, client.id)
    return subscriptions.check_offered(session, client, balance, package_id, quantity)
