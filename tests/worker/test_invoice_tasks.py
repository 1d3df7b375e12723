"""Invoices as tasks: runs, mass edits and ZIPs with workers that die: nothing twice, no gap."""

import io
import zipfile
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from uuid import UUID

import pytest
from sqlalchemy import func, select

from billing import invoice_tasks, ledger_check, payment_terms, transactions
from billing.client_billing import Billing, save_billing
from billing.invoice_models import Invoice
from billing.invoice_tasks import EDIT, RUN, ZIP
from billing.models import PaymentTerms
from core.clock import now
from core.ids import new_id
from core.tenancy import tenant_scope
from core.uow import unit_of_work
from tenants import task_bytes, tasks
from tenants.clients import get_client
from tenants.models import Client as ClientRow
from tests.factories.cast import Tenant, make_client, make_tenant
from tests.worker.test_tasks import kill_in_the_middle, queue, state_of, stored, work

__all__ = ["queue"]

D = Decimal


@pytest.fixture
def tenant(clean_database: None) -> Tenant:
    return make_tenant("Acme", "acme")


def make_due(tenant: Tenant, count: int, *, charged: bool = True) -> list[int]:
    """Clients with two months behind them that nobody invoiced."""
    first = (now() - timedelta(days=80)).date().replace(day=1)
    ids = [make_client(tenant, f"Client {number:03}").id for number in range(count)]
    with tenant_scope(tenant.scope), unit_of_work() as session:
        terms_id = payment_terms.create_terms(
            session, reseller_id=tenant.id, name="Monthly", day_of_month=1
        ).id
        for client_id in ids:
            client = get_client(session, client_id)
            save_billing(
                session,
                client,
                Billing(
                    payment_terms_id=terms_id,
                    autoinvoicing=True,
                    last_invoiced_on=first - timedelta(days=1),
                ),
            )
            if charged:
                for days in (3, 40):
                    transactions.create_charge(
                        session,
                        transaction_id=new_id(),
                        client_id=client_id,
                        amount=D("10"),
                        tax_mode="none",
                        dated_at=now().replace(year=first.year, month=first.month, day=1, hour=12)
                        + timedelta(days=days),
                    )
    return ids


def begin_run(tenant: Tenant) -> UUID:
    task_id = new_id()
    with tenant_scope(tenant.scope), unit_of_work() as session:
        task = tasks.create_task(session, task_id=task_id, kind=RUN, params={})
        tasks.add_clients(session, task, select(ClientRow.id.label("id")).order_by(ClientRow.id))
    return task_id


def begin(tenant: Tenant, kind: str, **params: object) -> UUID:
    task_id = new_id()
    with tenant_scope(tenant.scope), unit_of_work() as session:
        task = tasks.create_task(session, task_id=task_id, kind=kind, params=params)
        place = func.row_number().over(order_by=Invoice.running_number)
        ids = select(Invoice.id.label("id"), Invoice.number.label("number"), place.label("n"))
        invoice_tasks.add_invoices(session, task, ids, most=1000)
    return task_id


def prove(tenant: Tenant) -> None:
    with tenant_scope(tenant.scope), unit_of_work() as session:
        assert ledger_check.check_ledger(session, tenant.id).findings == {}


def assert_every_day_once(tenant: Tenant, ids: list[int]) -> None:
    made = stored(tenant, Invoice)
    assert sorted(one.running_number for one in made) == list(range(1, len(made) + 1))
    for client_id in ids:
        own = sorted((one for one in made if one.client_id == client_id), key=lambda i: i.starts_at)
        assert sum(one.total for one in own) == D(20)
        assert all(one.ends_at == two.starts_at for one, two in pairwise(own))


def test_a_run_invoices_every_period_and_says_what_it_left_out(tenant: Tenant):
    ids = make_due(tenant, 2)
    idle = make_due_nothing(tenant)
    task_id = begin_run(tenant)
    work(tenant, task_id)
    task = state_of(tenant, task_id)
    assert (task.state, task.made, task.left_out) == ("done", 2, 1)
    assert_every_day_once(tenant, ids)
    assert not [one for one in stored(tenant, Invoice) if one.client_id == idle]
    prove(tenant)
    again = begin_run(tenant)
    work(tenant, again)
    assert state_of(tenant, again).unchanged == 3


def make_due_nothing(tenant: Tenant) -> int:
    """A client that is due and was charged nothing."""
    client = make_client(tenant, "Idle")
    with tenant_scope(tenant.scope), unit_of_work() as session:
        terms = session.scalars(select(PaymentTerms.id)).one()
        save_billing(
            session,
            get_client(session, client.id),
            Billing(
                payment_terms_id=terms,
                autoinvoicing=True,
                last_invoiced_on=(now() - timedelta(days=80)).date(),
            ),
        )
    return client.id


@pytest.mark.fault
@pytest.mark.timeout(240)
def test_a_worker_killed_in_a_run_bills_every_instant_once(tenant: Tenant, queue, tmp_path):
    ids = make_due(tenant, 60)
    task_id = begin_run(tenant)
    kill_in_the_middle(tenant, queue, task_id, tmp_path / "log", 60)
    task = state_of(tenant, task_id)
    # a client that a scheduler has invoiced beside the run counts as done already
    assert task.made + task.unchanged == 60
    assert_every_day_once(tenant, ids)
    prove(tenant)


def test_a_mass_edit_changes_what_it_may_and_names_the_rest(tenant: Tenant):
    make_due(tenant, 2)
    work(tenant, begin_run(tenant))
    task_id = begin(tenant, EDIT, wish={"action": "void", "reason": "Wrong month"})
    work(tenant, task_id)
    task = state_of(tenant, task_id)
    assert (task.state, task.changed, task.left_out) == ("done", task.total, 0)
    assert {one.state for one in stored(tenant, Invoice)} == {"void"}
    issue = begin(tenant, EDIT, wish={"action": "issue", "reason": ""})
    work(tenant, issue)
    assert state_of(tenant, issue).left_out == task.total
    prove(tenant)


def test_a_zip_holds_the_stored_files(tenant: Tenant):
    make_due(tenant, 1)
    work(tenant, begin_run(tenant))
    task_id = begin(tenant, ZIP)
    work(tenant, task_id)
    assert state_of(tenant, task_id).state == "done"
    with tenant_scope(tenant.scope), unit_of_work() as session:
        content = task_bytes.get_bytes(session, task_id, "result")
    with zipfile.ZipFile(io.BytesIO(content)) as package:
        names = package.namelist()
        assert package.testzip() is None
        assert all(package.read(name).startswith(b"%PDF") for name in names)
    assert len(names) == len(stored(tenant, Invoice))
