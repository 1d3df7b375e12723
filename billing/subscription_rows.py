"""The rows of subscriptions: found, locked, changed with their version, closed, told about."""

from datetime import date, timedelta
from uuid import UUID

from sqlalchemy import select

from billing import ledger, subscription_letters
from billing.models import ClientBalance
from billing.package_models import Subscription, SubscriptionPeriod
from core.clock import now
from core.db import Session
from core.errors import NotFoundError
from tenants import audit, events


def get_subscription(session: Session, subscription_id: UUID) -> Subscription:
    """Raises NotFoundError, also for one of another tenant."""
    found = session.scalar(select(Subscription).where(Subscription.id == subscription_id))
    if found is None:
        raise NotFoundError("Subscription not found.")
    return found


def lock_subscription(
    session: Session, subscription_id: UUID
) -> tuple[Subscription, ClientBalance]:
    """The row under its client's balance lock, read anew; raises NotFoundError."""
    balance = ledger.lock_balance(session, get_subscription(session, subscription_id).client_id)
    subscription = session.scalars(
        select(Subscription)
        .where(Subscription.id == subscription_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()
    return subscription, balance


def find_last_period(session: Session, subscription: Subscription) -> SubscriptionPeriod | None:
    """The latest period that was charged; None before the first."""
    return session.scalar(
        select(SubscriptionPeriod)
        .where(
            SubscriptionPeriod.reseller_id == subscription.reseller_id,
            SubscriptionPeriod.subscription_id == subscription.id,
        )
        .order_by(SubscriptionPeriod.number.desc())
        .limit(1)
    )


def days_left(period: SubscriptionPeriod, last_on: date) -> int:
    """The days of a period after `last_on`."""
    return min(max((period.last_on - last_on).days, 0), period.charged_days)


def archive(session: Session, subscription: Subscription, last_on: date, ending: str) -> None:
    """Close a locked subscription for good; its client is told, if it had begun."""
    had_begun = subscription.status == "active"
    subscription.ends_on = max(last_on, subscription.starts_on - timedelta(1))
    subscription.status = "archived"
    subscription.ending = ending
    subscription.archived_at = now()
    subscription.next_at = None
    touch(session, subscription, ending, {"ends_on": (None, subscription.ends_on)})
    if had_begun:
        subscription_letters.tell_ended(session, subscription)


def touch(
    session: Session,
    subscription: Subscription,
    action: str,
    changes: dict[str, tuple[object, object]],
) -> None:
    """Write a change of a locked subscription, and audit it."""
    subscription.version += 1
    session.flush()
    record(session, subscription, action, changes)


def record(
    session: Session,
    subscription: Subscription,
    action: str,
    changes: dict[str, tuple[object, object]],
) -> None:
    """What was done, for the audit log."""
    audit.record(
        session,
        reseller_id=subscription.reseller_id,
        client_id=subscription.client_id,
        action=action,
        object_type="subscription",
        object_id=subscription.id,
        object_label=subscription.package_name,
        changes=changes,
    )


def tell(
    session: Session, subscription: Subscription, code: str, level: str, text: events.EventText
) -> None:
    """What the system noticed of a subscription, once, for the events log."""
    events.record(
        session,
        reseller_id=subscription.reseller_id,
        client_id=subscription.client_id,
        level=level,  # type: ignore[arg-type]  # one of the event levels
        service="billing",
        code=code,
        text=text,
        object_type="client",
        object_id=subscription.client_id,
        dedupe_key=f"{code}:{subscription.id}",
    )
