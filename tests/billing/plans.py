"""Short words for tests of packages and subscriptions."""

from datetime import date
from decimal import Decimal
from uuid import UUID

from sqlalchemy import select

from billing import packages, plan_changes, subscription_endings, subscriptions, usage
from billing.models import Transaction
from billing.package_models import Package, Subscription, SubscriptionPeriod, SubscriptionUnits
from core.ids import new_id
from tests.billing.books import Books

D = Decimal


def make_package(books: Books, name: str = "Flat", **details) -> Package:
    details = {"currency": "USD", "tax_mode": "none", **details}
    for fee in ("activation_fee", "periodic_fee"):
        details[fee] = D(details.get(fee, 0))
    with books.work() as session:
        return packages.create_package(
            session, reseller_id=books.tenant.id, terms=packages.Terms(name=name, **details)
        )


def subscribe(books: Books, package: Package, starts_on: date | None = None, **details) -> UUID:
    subscription_id = details.pop("subscription_id", None) or new_id()
    with books.work() as session:
        subscriptions.create_subscription(
            session,
            subscription_id=subscription_id,
            client_id=books.client.id,
            package_id=package.id,
            starts_on=starts_on,
            **details,
        )
    return subscription_id


def stored(books: Books, subscription_id: UUID) -> Subscription:
    with books.work() as session:
        return session.scalars(select(Subscription).where(Subscription.id == subscription_id)).one()


def periods(books: Books, subscription_id: UUID) -> list[SubscriptionPeriod]:
    with books.work() as session:
        return list(
            session.scalars(
                select(SubscriptionPeriod)
                .where(SubscriptionPeriod.subscription_id == subscription_id)
                .order_by(SubscriptionPeriod.number)
            )
        )


def fees(books: Books) -> list[Decimal]:
    """What package fees were posted, in order, negative when given back."""
    with books.work() as session:
        return list(
            session.scalars(
                select(Transaction.amount)
                .where(Transaction.client_id == books.client.id, Transaction.kind == "package_fee")
                .order_by(Transaction.created_at, Transaction.dated_at, Transaction.amount)
            )
        )


def units(books: Books, subscription_id: UUID) -> list[tuple[str, Decimal, Decimal]]:
    with books.work() as session:
        return [
            (row.destination, row.included, row.used)
            for row in session.scalars(
                select(SubscriptionUnits)
                .where(SubscriptionUnits.subscription_id == subscription_id)
                .order_by(SubscriptionUnits.number, SubscriptionUnits.destination)
            )
        ]


def renew(books: Books) -> int:
    with books.work() as session:
        return subscriptions.charge_due(session, books.client.id)


def end(books: Books, how: str, subscription_id: UUID) -> Subscription:
    step = getattr(subscription_endings, how)
    with books.work() as session:
        return step(session, subscription_id, version=stored(books, subscription_id).version)


def change(books: Books, subscription_id: UUID, package: Package, quantity: int = 1, **details):
    with books.work() as session:
        return plan_changes.change_package(
            session,
            subscription_id,
            new_id=details.pop("new_id", None) or new_id(),
            version=details.pop("version", None) or stored(books, subscription_id).version,
            package_id=package.id,
            quantity=quantity,
        )


def used(books: Books, hour, quantity, amount, destination="Spain", **details):
    return usage.RatedUsage(
        client_id=details.pop("client_id", books.client.id),
        hour_at=hour,
        destination=destination,
        quantity=D(quantity),
        amount=D(amount),
        **{"tax_mode": "none", **details},
    )


def post(books: Books, *rows, batch_id: UUID | None = None) -> usage.PostedUsage:
    with books.work() as session:
        return usage.post_usage(
            session, reseller_id=books.tenant.id, batch_id=batch_id or new_id(), rows=rows
        )
