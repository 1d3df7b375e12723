"""What happened to a client before its panel is opened: charges, payments, an invoice."""

from datetime import timedelta
from decimal import Decimal
from uuid import UUID

from billing import invoices, payment_accounts, periods, tax_profiles, transactions
from core.clock import now, today
from core.ids import new_id
from core.zones import get_zone
from tests.payments.till import Till

ZONE = "America/New_York"


def charge(till: Till, amount: str, description: str = "", *, days_ago: float = 0, **more) -> UUID:
    charge_id = new_id()
    with till.work() as session:
        transactions.create_charge(
            session,
            transaction_id=charge_id,
            client_id=till.client.id,
            amount=Decimal(amount),
            description=description,
            dated_at=now() - timedelta(days=days_ago),
            **more,
        )
    return charge_id


def pay(till: Till, amount: str, description: str = "", *, days_ago: float = 0, **more) -> UUID:
    payment_id = new_id()
    with till.work() as session:
        transactions.create_payment(
            session,
            transaction_id=payment_id,
            client_id=till.client.id,
            amount=Decimal(amount),
            payment_account_id=payment_accounts.get_general(session, till.tenant.id).id,
            description=description,
            dated_at=now() - timedelta(days=days_ago),
            **more,
        )
    return payment_id


def reverse(till: Till, transaction_id: UUID) -> UUID:
    reversal_id = new_id()
    with till.work() as session:
        transactions.reverse(
            session, transaction_id, reversal_id=reversal_id, reason="Entered twice"
        )
    return reversal_id


def add_tax(till: Till, name: str = "VAT", percent: str = "19") -> None:
    with till.work() as session:
        tax_profiles.create_profile(
            session,
            reseller_id=till.tenant.id,
            name=name,
            taxes=[(name, Decimal(percent), 1)],
            is_default=True,
        )


def invoice(till: Till, *, days_ago: int = 10, length: int = 20, with_file: bool = False) -> UUID:
    """An issued invoice for the charges up to `days_ago`, dated at its end."""
    zone = get_zone(ZONE)
    boundary_on = today(zone) - timedelta(days=days_ago)
    first_on = boundary_on - timedelta(days=length)
    period = periods.Period(
        first_on,
        boundary_on - timedelta(days=1),
        periods.local_midnight(first_on, zone),
        periods.local_midnight(boundary_on, zone),
        boundary_on,
    )
    with till.work() as session:
        made = invoices.create_invoice(
            session,
            invoice_id=new_id(),
            client_id=till.client.id,
            period=period,
            autoinvoice=True,
        )
        assert made is not None
        if with_file:
            invoices.store_file(session, made.id)
        return made.id
