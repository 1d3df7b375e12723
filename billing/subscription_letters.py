"""Letters about subscriptions: begun, renewed, changed for another package, ended.

Each is a row of the mail queue in the transaction of what it tells, at most once, and only while
the reseller has the letter switched on. Who has no address gets none: the panel shows the same.
"""

from datetime import timedelta
from decimal import Decimal

from sqlalchemy import select

from billing.models import Transaction
from billing.package_models import Subscription, SubscriptionPeriod
from core.clock import today
from core.db import Session
from core.errors import InvalidInputError
from core.zones import get_zone
from mail import letter_switches
from mail import templates as mail_templates
from mail.queue import MailKind, portal_address, queue_mail
from tenants.client_blocks import get_company
from tenants.clients import get_client
from tenants.models import Reseller

LATE = timedelta(days=2)
"""A period that began longer ago is caught up in silence."""


def tell_begun(session: Session, subscription: Subscription) -> None:
    """It has begun with its first period; in the place of another one that was changed for it."""
    before = _find_changed(session, subscription)
    if before is None:
        _queue(session, subscription, "started", "started")
    else:
        _queue(session, subscription, "changed", "started", package_before=before)


def tell_renewed(session: Session, subscription: Subscription) -> None:
    """Its next period was charged."""
    period = _last_period(session, subscription)
    if period is None or period.number == 0:
        return
    if period.first_on >= today(get_zone(subscription.timezone)) - LATE:
        _queue(session, subscription, "renewed", f"renewed:{period.number}")


def tell_ended(session: Session, subscription: Subscription) -> None:
    """It is over; not told of one that was changed for another, whose letter says so."""
    if subscription.ending != "changed":
        _queue(session, subscription, "ended", "ended")


def _queue(
    session: Session, subscription: Subscription, what: str, event: str, **more: str
) -> None:
    name = f"subscription_{what}"
    client = get_client(session, subscription.client_id)
    if client.status == "deleted" or not letter_switches.is_sent(
        session, subscription.reseller_id, name
    ):
        return
    reseller = session.scalars(select(Reseller).where(Reseller.id == client.reseller_id)).one()
    company = get_company(session, client.id)
    period = _last_period(session, subscription)
    variables: dict[str, object] = {
        "client_name": company.company_name or client.name,
        "sender_name": reseller.company_name or reseller.name,
        "package_name": subscription.package_name,
        "quantity": subscription.quantity,
        "first_on": subscription.starts_on if period is None else period.first_on,
        "last_on": subscription.starts_on if period is None else period.last_on,
        "fee": _fee(session, period),
        "currency": subscription.currency,
        "panel_url": f"{portal_address(reseller.portal_host)}/clients/packages",
        **more,
    }
    if what == "ended":
        variables["ends_on"] = subscription.ends_on
    letter = mail_templates.write(
        session,
        reseller_id=subscription.reseller_id,
        name=name,
        locale=company.locale or reseller.locale,
        variables=variables,
    )
    try:
        queue_mail(
            session,
            reseller_id=subscription.reseller_id,
            client_id=subscription.client_id,
            kind=MailKind.SUBSCRIPTION,
            dedupe_key=f"subscription:{subscription.id}:{event}",
            to_address=company.billing_email or company.main_email,
            subject=letter.subject,
            body_text=letter.text,
            body_html=letter.html,
        )
    except InvalidInputError:
        # no address that mail can reach: nothing of the subscription depends on this letter
        return


def _find_changed(session: Session, subscription: Subscription) -> str | None:
    """The package that was changed for this one, a moment before."""
    return session.scalar(
        select(Subscription.package_name)
        .where(
            Subscription.client_id == subscription.client_id,
            Subscription.id != subscription.id,
            Subscription.ending == "changed",
            Subscription.ends_on == subscription.starts_on - timedelta(1),
        )
        .order_by(Subscription.archived_at.desc())
        .limit(1)
    )


def _last_period(session: Session, subscription: Subscription) -> SubscriptionPeriod | None:
    return session.scalar(
        select(SubscriptionPeriod)
        .where(
            SubscriptionPeriod.reseller_id == subscription.reseller_id,
            SubscriptionPeriod.subscription_id == subscription.id,
        )
        .order_by(SubscriptionPeriod.number.desc())
        .limit(1)
    )


def _fee(session: Session, period: SubscriptionPeriod | None) -> Decimal:
    """What the period cost, with its tax; nothing where it was free."""
    if period is None or period.transaction_id is None:
        return Decimal(0)
    total = session.scalar(select(Transaction.total).where(Transaction.id == period.transaction_id))
    return Decimal(0) if total is None else total
