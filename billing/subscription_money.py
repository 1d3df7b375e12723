"""What a subscription costs and gives back: quotes with their formulas, charges and credits.

A fee is charged at the beginning of its period. What is left of it is given back as a negative
package fee with the very taxes of the charge, so that the two meet to the last digit.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import insert, select

from billing import ledger, transactions
from billing.ledger import EntryKind
from billing.models import Transaction
from billing.package_models import (
    Package,
    PackageUnits,
    Subscription,
    SubscriptionPeriod,
    SubscriptionUnits,
)
from billing.subscription_periods import Span, share_of
from billing.taxes import TaxedAmount, TaxMode, TaxRate, compute_taxes
from billing.transaction_rows import author, client_taxes, tax_details
from core.clock import now
from core.db import Session
from core.errors import InvariantError
from core.money import EXACT
from tenants import audit
from tenants.models import Client


@dataclass(frozen=True, slots=True)
class Part:
    """One amount of a quote: `amount` = `fee` × `days` ÷ `of_days`, half-up at six places.

    Amounts are as charged, negative when given back; `name` is activation, period or unused.
    """

    name: str
    package: str
    fee: Decimal
    days: int
    of_days: int
    amount: Decimal
    net: Decimal
    tax: Decimal
    total: Decimal


def period_fee(package: Package, quantity: int) -> Decimal:
    """The fee of a whole period for the whole quantity."""
    return EXACT.multiply(package.periodic_fee, Decimal(quantity))


def charged_of(package: Package, span: Span) -> tuple[int, int]:
    """How many days of how many the fee of this period is charged for.

    Without proration the days that are held are all that the fee pays for.
    """
    return span.held_days, span.days if package.prorate_start else span.held_days


def quote_start(
    session: Session, client: Client, package: Package, quantity: int, span: Span
) -> list[Part]:
    """What is charged when a subscription begins with `span`, with the taxes of now."""
    mode = TaxMode(package.tax_mode)
    activation = EXACT.multiply(package.activation_fee, Decimal(quantity))
    days, of_days = charged_of(package, span)
    fee = period_fee(package, quantity)
    parts = [("activation", activation, 1, 1), ("period", fee, days, of_days)]
    quoted = []
    for name, whole, held, of_held in parts:
        amount = share_of(whole, held, of_held)
        if amount:
            taxed = client_taxes(session, client, amount, mode)
            quoted.append(_part(name, package.name, whole, held, of_held, amount, taxed))
    return quoted


def quote_unused(
    session: Session, subscription: Subscription, period: SubscriptionPeriod, days_left: int
) -> Part | None:
    """What is given back for the last `days_left` days of a charged period; None for nothing."""
    charge = _find_standing(session, period)
    if charge is None or days_left <= 0:
        return None
    amount = min(share_of(period.fee, days_left, period.days), period.amount - period.refunded)
    if amount <= 0:
        return None
    taxed = compute_taxes(-amount, _rates_of(charge), TaxMode(charge.tax_mode))
    return _part(
        "unused", subscription.package_name, period.fee, days_left, period.days, -amount, taxed
    )


def charge_activation(session: Session, subscription: Subscription, package: Package) -> None:
    """Once per subscription, dated now; a package without such a fee charges nothing."""
    fee = EXACT.multiply(package.activation_fee, Decimal(subscription.quantity))
    if fee:
        transactions.create_charge(
            session,
            transaction_id=uuid5(subscription.id, "activation"),
            client_id=subscription.client_id,
            amount=fee,
            kind="package_fee",
            tax_mode=package.tax_mode,  # type: ignore[arg-type]  # held by the table's check
            dated_at=now(),
            description=f"{package.name}: activation",
            quantity=Decimal(subscription.quantity),
        )


def charge_period(
    session: Session, subscription: Subscription, package: Package, span: Span
) -> SubscriptionPeriod:
    """Write the period with its charge and its included units; its number exists once."""
    fee = period_fee(package, subscription.quantity)
    days, of_days = charged_of(package, span)
    amount = share_of(fee, days, of_days)
    transaction_id: UUID | None = None
    if amount:
        transaction_id = transactions.create_charge(
            session,
            transaction_id=uuid5(subscription.id, f"period:{span.number}"),
            client_id=subscription.client_id,
            amount=amount,
            kind="package_fee",
            tax_mode=package.tax_mode,  # type: ignore[arg-type]  # held by the table's check
            dated_at=span.starts_at,
            description=f"{package.name}, {span.first_on} – {span.last_on}",
            quantity=Decimal(subscription.quantity),
        ).id
    owner: dict[str, Any] = {
        "reseller_id": subscription.reseller_id,
        "client_id": subscription.client_id,
        "subscription_id": subscription.id,
        "number": span.number,
    }
    period = SubscriptionPeriod(
        **owner,
        first_on=span.first_on,
        last_on=span.last_on,
        starts_at=span.starts_at,
        ends_at=span.ends_at,
        fee=fee,
        days=of_days,
        charged_days=days,
        amount=amount,
        refunded=Decimal(0),
        transaction_id=transaction_id,
    )
    session.add(period)
    session.flush()
    _include_units(session, subscription, package, (days, of_days), owner)
    return period


def _include_units(
    session: Session,
    subscription: Subscription,
    package: Package,
    part: tuple[int, int],
    owner: dict[str, Any],
) -> None:
    """Included units follow the fee: a part of the period has the same part of them."""
    rows = [
        {
            **owner,
            "destination": one.destination,
            "unit": one.unit,
            "priority": package.priority,
            "included": share_of(EXACT.multiply(one.quantity, subscription.quantity), *part),
        }
        for one in session.scalars(
            select(PackageUnits).where(
                PackageUnits.reseller_id == package.reseller_id,
                PackageUnits.package_id == package.id,
            )
        )
    ]
    if rows:
        session.execute(insert(SubscriptionUnits), rows)


def give_back(
    session: Session, subscription: Subscription, period: SubscriptionPeriod, days_left: int
) -> Part | None:
    """Credit what is left of a period, once; the caller holds the client's balance."""
    part = quote_unused(session, subscription, period, days_left)
    charge = _find_standing(session, period)
    if part is None or charge is None:
        return None
    taxed = compute_taxes(part.amount, _rates_of(charge), TaxMode(charge.tax_mode))
    credit = Transaction(
        id=uuid5(subscription.id, f"unused:{period.number}"),
        reseller_id=subscription.reseller_id,
        client_id=subscription.client_id,
        type="charge",
        kind="package_fee",
        status="approved",
        amount=part.amount,
        quantity=Decimal(1),
        tax_mode=charge.tax_mode,
        net=taxed.net,
        tax=taxed.tax,
        total=taxed.gross,
        currency=subscription.currency,
        tax_details=tax_details(taxed),
        dated_at=now(),
        description=f"{subscription.package_name}: unused {days_left}/{period.days}",
        author=author(),
    )
    session.add(credit)
    session.flush()
    posted = ledger.post(
        session,
        ledger.Posting(
            reseller_id=credit.reseller_id,
            client_id=credit.client_id,
            kind=EntryKind.CHARGE,
            source_id=credit.id,
            currency=credit.currency,
            effective_at=credit.dated_at,
            description=credit.description,
            lines=ledger.charge_lines(credit.net, credit.tax),
        ),
    )
    if posted is None:
        raise InvariantError("an unused part was given back before")
    credit.ledger_entry_id = posted.entry_id
    period.refunded = EXACT.add(period.refunded, -part.amount)
    session.flush()
    audit.record(
        session,
        reseller_id=credit.reseller_id,
        client_id=credit.client_id,
        action="create",
        object_type="transaction",
        object_id=credit.id,
        object_label=credit.description,
        changes={"amount": (None, credit.amount), "tax_mode": (None, credit.tax_mode)},
    )
    return part


def _find_standing(session: Session, period: SubscriptionPeriod) -> Transaction | None:
    """The charge of a period, unless somebody has reversed it by hand."""
    if period.transaction_id is None:
        return None
    if transactions.find_reversal(session, period.transaction_id) is not None:
        return None
    return transactions.get_transaction(session, period.transaction_id)


def _rates_of(charge: Transaction) -> list[TaxRate]:
    """The taxes as they were when it was charged."""
    return [
        TaxRate(tax["name"], Decimal(tax["percent"]), tax["priority"])
        for tax in charge.tax_details.get("taxes", ())
    ]


def _part(
    name: str,
    package: str,
    fee: Decimal,
    days: int,
    of_days: int,
    amount: Decimal,
    taxed: TaxedAmount,
) -> Part:
    return Part(name, package, fee, days, of_days, amount, taxed.net, taxed.tax, taxed.gross)
