"""Subscriptions: a client has a package, is charged for each of its periods once, until it ends.

All of it happens under the lock of the client's balance. A period's row, its charge and `next_at`
are written in one transaction: a worker that is killed has done nothing, and the sweep comes back.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from billing import ledger, packages, subscription_letters
from billing.models import ClientBalance, ClientBilling, PaymentTerms
from billing.package_models import Package, Subscription
from billing.periods import local_midnight
from billing.subscription_money import Part, charge_activation, charge_period, quote_start
from billing.subscription_periods import Cycle, Span, calendar_anchor, find_span
from billing.subscription_rows import (
    archive,
    find_last_period,
    lock_subscription,
    record,
    tell,
    touch,
)
from core.clock import now, today
from core.db import Session
from core.errors import ConflictError, InvalidInputError
from core.zones import get_zone
from tenants import events
from tenants.clients import get_client
from tenants.models import Client

MONEY_WAIT = timedelta(minutes=5)
"""A subscription that waits for money is looked at again after this."""
QUANTITY_LIMIT = 1_000_000
EARLIEST, FURTHEST = timedelta(days=366), timedelta(days=3660)


def create_subscription(
    session: Session,
    *,
    subscription_id: UUID,
    client_id: int,
    package_id: int,
    starts_on: date | None = None,
    quantity: int = 1,
) -> Subscription:
    """Subscribe a client from `starts_on` (its today when None); begun at once when that has come.

    It begins only when Available covers the activation and the first fee, else it waits. A day in
    the past charges its periods since. The same id gives the subscription made before. Raises
    NotFoundError, InvalidInputError naming the field, ConflictError.
    """
    known = session.scalar(select(Subscription).where(Subscription.id == subscription_id))
    if known is not None:
        if (known.client_id, known.package_id) != (client_id, package_id):
            raise ConflictError("This form was sent before with other content.")
        return known
    client = get_client(session, client_id)
    balance = ledger.lock_balance(session, client_id)
    if client.status == "deleted":
        raise ConflictError("This client is deleted.")
    package = check_offered(session, client, balance, package_id, quantity)
    zone = get_zone(client.timezone)
    day = starts_on or today(zone)
    if not today(zone) - EARLIEST <= day <= today(zone) + FURTHEST:
        raise InvalidInputError("Choose a day from a year ago to ten years from now.", "starts_on")
    subscription = session.scalar(
        insert(Subscription)
        .values(
            id=subscription_id,
            reseller_id=client.reseller_id,
            client_id=client.id,
            package_id=package.id,
            package_name=package.name,
            currency=balance.currency,
            quantity=quantity,
            status="pending",
            timezone=client.timezone,
            starts_on=day,
            anchor_on=_anchor(session, client, package, day),
            next_at=local_midnight(day, zone),
        )
        .on_conflict_do_nothing()
        .returning(Subscription)
        .execution_options(synchronize_session=False)
    )
    if subscription is None:
        # made between our look and our insert, perhaps by another tenant
        raise ConflictError("This form was sent before with other content.")
    record(
        session,
        subscription,
        "create",
        {"package": (None, package.name), "quantity": (None, quantity), "starts_on": (None, day)},
    )
    charge_due(session, client.id, subscription.id)
    return subscription


def charge_due(session: Session, client_id: int, only: UUID | None = None) -> int:
    """Do everything that is due for the client's subscriptions by now; how much was done.

    Called by whoever needs the periods to be there, for instance before usage takes units.
    """
    wanted = select(Subscription.id).where(
        Subscription.client_id == client_id,
        Subscription.status != "archived",
        Subscription.next_at <= now(),
    )
    if only is not None:
        wanted = wanted.where(Subscription.id == only)
    done = 0
    for one in session.scalars(wanted.order_by(Subscription.next_at, Subscription.id)).all():
        while take_turn(session, one):
            done += 1
    return done


def take_turn(session: Session, subscription_id: UUID) -> bool:
    """The next thing that is due: to begin, to charge one period, or to end; False for nothing.

    Raises NotFoundError.
    """
    subscription, balance = lock_subscription(session, subscription_id)
    client = get_client(session, subscription.client_id)
    at = now()
    if subscription.next_at is None or subscription.next_at > at:
        return False
    package = packages.get_package(session, subscription.package_id)
    if client.status == "deleted":
        archive(session, subscription, today(get_zone(subscription.timezone)), "stopped")
    elif subscription.status == "pending":
        return _begin(session, client, balance, subscription, package)
    else:
        _renew(session, subscription, package)
    return True


def quote(
    session: Session, client: Client, package: Package, quantity: int, day: date
) -> Sequence[Part]:
    """What would be charged at the beginning of a subscription from `day` on."""
    cycle = _cycle(package, _anchor(session, client, package, day))
    span = find_span(cycle, day, get_zone(client.timezone), 0)
    return quote_start(session, client, package, quantity, span)


def _begin(
    session: Session,
    client: Client,
    balance: ClientBalance,
    subscription: Subscription,
    package: Package,
) -> bool:
    day = subscription.starts_on
    if subscription.waits_for_money:
        # nobody pays for the days that it had to wait
        day = max(day, today(get_zone(subscription.timezone)))
    parts = quote(session, client, package, subscription.quantity, day)
    needed = sum((part.total for part in parts), Decimal())
    if not balance.postpaid and needed and balance.live + balance.credit < needed:
        _wait_for_money(session, subscription, needed)
        return False
    if day != subscription.starts_on:
        subscription.anchor_on = _anchor(session, client, package, day)
        subscription.starts_on = day
    subscription.waits_for_money = False
    subscription.status = "active"
    touch(session, subscription, "activate", {"starts_on": (None, subscription.starts_on)})
    charge_activation(session, subscription, package)
    _renew(session, subscription, package)
    subscription_letters.tell_begun(session, subscription)
    return True


def _renew(session: Session, subscription: Subscription, package: Package) -> None:
    """Charge the next period, or end the subscription where it has none."""
    last = find_last_period(session, subscription)
    number = 0 if last is None else last.number + 1
    span = _span(subscription, package, number)
    if last is not None and package.renewals is not None and number > package.renewals:
        archive(session, subscription, last.last_on, "ran_out")
        _tell_ran_out(session, subscription)
    elif subscription.ends_on is not None and span.first_on > subscription.ends_on:
        archive(session, subscription, subscription.ends_on, "stopped")
    else:
        charge_period(session, subscription, package, span)
        subscription.next_at = span.ends_at
        session.flush()
        subscription_letters.tell_renewed(session, subscription)


def _span(subscription: Subscription, package: Package, number: int) -> Span:
    cycle = _cycle(package, subscription.anchor_on)
    return find_span(cycle, subscription.starts_on, ZoneInfo(subscription.timezone), number)


def _cycle(package: Package, anchor_on: date) -> Cycle:
    return Cycle(package.period_unit, package.period_count, anchor_on)  # type: ignore[arg-type]


def _anchor(session: Session, client: Client, package: Package, day: date) -> date:
    """Where whole periods begin, by the package's alignment."""
    if package.alignment == "calendar":
        return calendar_anchor(
            package.period_unit,  # type: ignore[arg-type]  # held by the table's check
            package.period_count,
            day,
        )
    if package.alignment == "start":
        return day
    row = session.execute(
        select(PaymentTerms.day_of_month, ClientBilling.last_invoiced_on.label("last_on"))
        .join(
            ClientBilling,
            (ClientBilling.reseller_id == PaymentTerms.reseller_id)
            & (ClientBilling.payment_terms_id == PaymentTerms.id),
        )
        .where(ClientBilling.client_id == client.id)
    ).one_or_none()
    if row is None:
        raise InvalidInputError(
            "This package follows the payment terms, and the client has none.", "package_id"
        )
    if row.day_of_month is not None:
        return day.replace(day=row.day_of_month)
    return day if row.last_on is None else row.last_on + timedelta(days=1)


def check_offered(
    session: Session, client: Client, balance: ClientBalance, package_id: int, quantity: int
) -> Package:
    """The package, when the client can be subscribed to it; raises InvalidInputError."""
    if not 1 <= quantity <= QUANTITY_LIMIT:
        raise InvalidInputError(
            "Enter a number from %(least)s to %(most)s.", "quantity", least=1, most=QUANTITY_LIMIT
        )
    package = session.scalar(
        select(Package).where(Package.id == package_id, Package.reseller_id == client.reseller_id)
    )
    if package is None:
        raise InvalidInputError("Choose a package.", "package_id")
    if package.status != "active":
        raise InvalidInputError("This package is no longer offered.", "package_id")
    if package.currency != balance.currency:
        raise InvalidInputError(
            "The package is in %(package)s, the client in %(client)s.",
            "package_id",
            package=package.currency,
            client=balance.currency,
        )
    return package


def _wait_for_money(session: Session, subscription: Subscription, needed: Decimal) -> None:
    is_first = not subscription.waits_for_money
    subscription.waits_for_money = True
    subscription.next_at = now() + MONEY_WAIT
    session.flush()
    if is_first:
        tell(
            session,
            subscription,
            "subscription_waits",
            "warning",
            events.EventText(
                "The subscription to %(package)s waits until Available covers %(needed)s.",
                package=subscription.package_name,
                needed=(needed, subscription.currency),
            ),
        )


def _tell_ran_out(session: Session, subscription: Subscription) -> None:
    tell(
        session,
        subscription,
        "subscription_ran_out",
        "info",
        events.EventText(
            "The subscription to %(package)s has had its last renewal and is over.",
            package=subscription.package_name,
        ),
    )


def lock_current(session: Session, subscription_id: UUID, *, version: int) -> Subscription:
    """Locked for a change of an open subscription, with everything that was due done.

    Raises NotFoundError, ConflictError when it has ended or somebody changed it since.
    """
    subscription, _balance = lock_subscription(session, subscription_id)
    if subscription.status == "archived":
        raise ConflictError("This subscription has ended already.")
    if subscription.version != version:
        raise ConflictError("Somebody has changed this subscription meanwhile. Look at it again.")
    if subscription.status == "active":
        charge_due(session, subscription.client_id, subscription.id)
        subscription, _balance = lock_subscription(session, subscription_id)
        if subscription.status == "archived":
            raise ConflictError("This subscription has ended already.")
    return subscription
