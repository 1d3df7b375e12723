"""What runs by itself stands still for a suspended reseller, and is caught up afterwards."""

from datetime import date
from decimal import Decimal

import pytest
import time_machine
from sqlalchemy import func, insert, select

from core.ids import new_id
from core.platform_uow import platform_unit_of_work
from core.tenancy import Actor, tenant_scope
from payments.auto_payment import AutoPayment
from payments.models import Refill, SavedCard
from tenants import resellers
from tests.billing.books import Books, utc
from tests.billing.test_autoinvoicing import begin
from tests.factories.cast import Client, Tenant, make_client, make_tenant
from tests.portal.platform import rows
from worker.actors.billing import invoice_client
from worker.actors.payments import auto_charge
from worker.sweeps import billing, payments

ADMIN = Actor("platform", 1, "admin@platform.example")
FEBRUARY = utc("2026-02-02T12:00:00")


@pytest.fixture
def debtor(acme: Tenant) -> Client:
    """A client with a saved card whose automatic charge is due."""
    client = make_client(acme, "Debtor", auto=AutoPayment(True, Decimal(10)))
    account_id = rows.add_gateway(client)
    with platform_unit_of_work() as session:
        session.execute(
            insert(SavedCard).values(
                id=new_id(),
                reseller_id=acme.id,
                client_id=client.id,
                gateway_account_id=account_id,
                customer_ref="1",
                method_ref="2",
                brand="Visa",
                last_four="4242",
                is_default=True,
            )
        )
    return client


@pytest.fixture
def books(clean_database: None) -> Books:
    return begin()


def suspend(reseller_id: int) -> None:
    with platform_unit_of_work() as session:
        assert resellers.suspend(session, reseller_id, reason="Unpaid", actor=ADMIN)


def reactivate(reseller_id: int) -> None:
    with platform_unit_of_work() as session:
        assert resellers.reactivate(session, reseller_id, reason="Paid", actor=ADMIN)


def due_charges() -> int:
    with platform_unit_of_work() as session:
        return payments.find_due_clients(session)


def due_invoices() -> int:
    with platform_unit_of_work() as session:
        return billing.find_due_clients(session)


def refills() -> int:
    with platform_unit_of_work() as session:
        return session.scalar(select(func.count()).select_from(Refill))


def test_no_card_is_charged_by_itself(acme, debtor):
    assert due_charges() == 1
    suspend(acme.id)
    assert due_charges() == 0
    with tenant_scope(acme.scope):
        auto_charge(debtor.id)
    assert refills() == 0
    reactivate(acme.id)
    assert due_charges() == 1
    with tenant_scope(acme.scope):
        auto_charge(debtor.id)
    assert refills() == 1


def test_no_card_is_charged_beneath_a_suspended_reseller(acme, debtor):
    with platform_unit_of_work() as session:
        above = make_tenant("Above", "above")
        session.get(resellers.Reseller, acme.id).path = [above.id, acme.id]
    suspend(above.id)
    assert due_charges() == 0


def test_no_invoice_is_made_and_all_are_caught_up_afterwards(books):
    books.charge("1", dated_at=utc("2026-01-15T00:00:00"))
    with time_machine.travel(FEBRUARY, tick=False):
        assert due_invoices() == 1
        suspend(books.tenant.id)
        assert due_invoices() == 0
        with tenant_scope(books.tenant.scope):
            invoice_client(books.client.id)
    assert books.stored_invoices() == []
    reactivate(books.tenant.id)
    with time_machine.travel(utc("2026-03-02T12:00:00"), tick=False):
        assert due_invoices() == 1
        with tenant_scope(books.tenant.scope):
            invoice_client(books.client.id)
    [made] = books.stored_invoices()
    assert made.last_on == date(2026, 1, 31)
    assert books.billing_row().last_invoiced_on == date(2026, 2, 28)
