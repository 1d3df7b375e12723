"""How a subscription ends: now, at the end of its period, cancelled; what is given back then."""

from datetime import date, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from billing import packages, subscriptions
from billing.package_models import Subscription, SubscriptionPeriod
from billing.subscription_money import Part, give_back, quote_unused
from billing.subscription_periods import Span, cut
from billing.subscription_rows import archive, days_left, find_last_period, touch
from core.clock import today
from core.db import Session
from core.zones import get_zone


def stop_at_end(session: Session, subscription_id: UUID, *, version: int) -> Subscription:
    """The period under way is the last one; nothing is given back. A pending one ends at once."""
    subscription = subscriptions.lock_current(session, subscription_id, version=version)
    period = find_last_period(session, subscription)
    if period is None:
        archive(session, subscription, subscription.starts_on - timedelta(1), "cancelled")
        return subscription
    subscription.ends_on = period.last_on
    touch(session, subscription, "stop_at_end", {"ends_on": (None, period.last_on)})
    return subscription


def resume(session: Session, subscription_id: UUID, *, version: int) -> Subscription:
    """Take back that it stops at the end of its period; it renews again."""
    subscription = subscriptions.lock_current(session, subscription_id, version=version)
    before = subscription.ends_on
    subscription.ends_on = None
    touch(session, subscription, "renew", {"ends_on": (before, None)})
    return subscription


def stop_now(session: Session, subscription_id: UUID, *, version: int) -> Subscription:
    """Today is its last day; the days left are given back when the package prorates at a stop."""
    return _end_today(session, subscription_id, version=version, is_cancelled=False)


def cancel(session: Session, subscription_id: UUID, *, version: int) -> Subscription:
    """Today is its last day, and the days left are given back whatever the package says."""
    return _end_today(session, subscription_id, version=version, is_cancelled=True)


def quote_end(session: Session, subscription: Subscription) -> Part | None:
    """What would be given back for the days after today; None for nothing."""
    period = find_last_period(session, subscription)
    if period is None:
        return None
    last_on = today(get_zone(subscription.timezone))
    return quote_unused(session, subscription, period, days_left(period, last_on))


def _end_today(
    session: Session, subscription_id: UUID, *, version: int, is_cancelled: bool
) -> Subscription:
    subscription = subscriptions.lock_current(session, subscription_id, version=version)
    package = packages.get_package(session, subscription.package_id)
    if subscription.status == "pending":
        archive(session, subscription, subscription.starts_on - timedelta(1), "cancelled")
        return subscription
    last_on = today(get_zone(subscription.timezone))
    end_on(
        session,
        subscription,
        last_on,
        "cancelled" if is_cancelled else "stopped",
        gives_back=is_cancelled or package.prorate_stop,
    )
    return subscription


def end_on(
    session: Session, subscription: Subscription, last_on: date, ending: str, *, gives_back: bool
) -> Part | None:
    """End a locked subscription with `last_on`; what was given back of its period."""
    period = find_last_period(session, subscription)
    part = None
    if period is not None:
        if gives_back:
            part = give_back(session, subscription, period, days_left(period, last_on))
        _cut_period(session, subscription, period, last_on)
        last_on = min(last_on, period.last_on)
    archive(session, subscription, last_on, ending)
    return part


def _cut_period(
    session: Session, subscription: Subscription, period: SubscriptionPeriod, last_on: date
) -> None:
    """Usage after the last day takes no included units of this period."""
    zone = ZoneInfo(subscription.timezone)
    whole = Span(
        period.number, period.first_on, period.last_on, period.starts_at, period.ends_at, 1
    )
    short = cut(whole, last_on, zone)
    period.ends_at = min(short.ends_at, period.ends_at)
    session.flush()
