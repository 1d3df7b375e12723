"""A reseller whose rows fail, or that has very many, keeps no other reseller waiting."""

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import insert, select, update

from billing import payment_terms
from billing.client_billing import Billing, save_billing
from billing.models import ClientBilling, PaymentAccount
from core import jobs
from core.clock import now, today
from core.errors import InvariantError
from core.ids import new_id
from core.jobs import Job
from core.platform_uow import platform_unit_of_work
from core.tenancy import tenant_scope
from core.zones import get_zone
from mail.models import MailMessage
from payments.models import GatewayAccount, GatewayEvent, Refill
from tenants.clients import get_client
from tenants.models import Event
from tests.billing.books import Books, open_books
from tests.factories import cast
from worker import sweeps
from worker.actors import billing as actors
from worker.sweeps import billing, mail, payments

MANY = sweeps.BATCH + 50


@pytest.fixture
def sent() -> list[Job]:
    sent: list[Job] = []
    jobs.configure(sent.append)
    yield sent
    jobs._senders.clear()


@pytest.fixture
def tenants(clean_database):
    return cast.make_tenant("Acme", "acme"), cast.make_tenant("Globex", "globex")


def rows(tenant: cast.Tenant, count: int, waiting_since: timedelta) -> list[dict[str, object]]:
    at = now() - waiting_since
    return [{"reseller_id": tenant.id, "at": at + timedelta(milliseconds=n)} for n in range(count)]


def served(sent: list[Job], tenant: cast.Tenant) -> int:
    return sum(job.reseller_id == tenant.id for job in sent)


def add_account(session, tenant: cast.Tenant) -> int:
    return session.scalar(
        insert(GatewayAccount)
        .values(
            reseller_id=tenant.id,
            gateway="authorizenet",
            name="Cards",
            payment_account_id=session.scalar(general_account(tenant)),
            currency="USD",
            live=False,
            credentials={},
            webhook_token=str(new_id()),
        )
        .returning(GatewayAccount.id)
    )


def general_account(tenant: cast.Tenant):
    return select(PaymentAccount.id).where(PaymentAccount.reseller_id == tenant.id).limit(1)


def add_refills(session, tenant: cast.Tenant, count: int, since: timedelta) -> None:
    client = cast.make_client(tenant, f"Client {tenant.id}", login=f"login{tenant.id}")
    account_id = add_account(session, tenant)
    session.execute(
        insert(Refill),
        [
            {
                "id": new_id(),
                "reseller_id": row["reseller_id"],
                "client_id": client.id,
                "source": "panel",
                "method": "hosted_page",
                "gateway_account_id": account_id,
                "amount": Decimal(10),
                "currency": "USD",
                "state": "requested",
                "next_look_at": row["at"],
            }
            for row in rows(tenant, count, since)
        ],
    )


def add_events(session, tenant: cast.Tenant, count: int, since: timedelta) -> None:
    account_id = add_account(session, tenant)
    session.execute(
        insert(GatewayEvent),
        [
            {
                "reseller_id": row["reseller_id"],
                "gateway_account_id": account_id,
                "event_id": str(new_id()),
                "kind": "charge_created",
                "gateway_ref": "1",
                "attempt_key": "KEY",
                "next_look_at": row["at"],
            }
            for row in rows(tenant, count, since)
        ],
    )


def add_mail(session, tenant: cast.Tenant, count: int, since: timedelta) -> None:
    session.execute(
        insert(MailMessage),
        [
            {
                "id": new_id(),
                "reseller_id": row["reseller_id"],
                "kind": "report",
                "dedupe_key": str(new_id()),
                "message_id": f"<{new_id()}@example.net>",
                "from_address": "a@example.net",
                "to_address": "b@example.net",
                "subject": "S",
                "body_text": "T",
                "next_attempt_at": row["at"],
            }
            for row in rows(tenant, count, since)
        ],
    )


@pytest.mark.parametrize(
    ("add", "find"),
    [
        (add_refills, payments.find_waiting_refills),
        (add_events, payments.find_unhandled_events),
        (add_mail, mail.find_waiting_mail),
    ],
)
def test_hundreds_of_older_rows_of_one_reseller_leave_room_for_another(tenants, sent, add, find):
    acme, globex = tenants
    with platform_unit_of_work() as session:
        add(session, acme, MANY, timedelta(days=2))
        add(session, globex, 3, timedelta(hours=1))
    with platform_unit_of_work() as session:
        assert find(session) == sweeps.BATCH
    assert (served(sent, acme), served(sent, globex)) == (sweeps.BATCH - 3, 3)


# A client whose automatic invoice fails each time


@pytest.fixture
def books(clean_database) -> Books:
    return open_books("Acme", "acme")


def test_an_invoice_that_fails_is_put_off_and_told(books: Books, monkeypatch):
    def fail(_session, _client_id):
        raise InvariantError("The lines do not fit.")

    monkeypatch.setattr(actors.autoinvoicing, "invoice_next_period", fail)
    for _ in range(2):
        with tenant_scope(books.tenant.scope), pytest.raises(InvariantError):
            actors.invoice_client(books.client.id)
    with books.work() as session:
        row = session.scalars(
            select(ClientBilling).where(ClientBilling.client_id == books.client.id)
        ).one()
        (event,) = session.scalars(select(Event).where(Event.code == "invoice_failed"))
    assert row.retry_at > now() + timedelta(minutes=4)
    assert "The lines do not fit." in event.text


def test_a_client_put_off_is_found_again_when_its_time_has_come(books: Books, sent):
    with books.work() as session:
        terms = payment_terms.create_terms(
            session, reseller_id=books.tenant.id, name="Daily", every_days=1, grace_days=0
        )
        client = get_client(session, books.client.id)
        save_billing(
            session,
            client,
            Billing(
                autoinvoicing=True,
                payment_terms_id=terms.id,
                last_invoiced_on=today(get_zone(client.timezone)) - timedelta(days=3),
            ),
        )

    def found() -> int:
        with platform_unit_of_work() as session:
            return billing.find_due_clients(session)

    def put_off(span: timedelta) -> None:
        with books.work() as session:
            session.execute(
                update(ClientBilling)
                .where(ClientBilling.client_id == books.client.id)
                .values(retry_at=now() + span)
            )

    assert found() == 1
    put_off(timedelta(minutes=5))
    assert found() == 0
    put_off(-timedelta(seconds=1))
    assert found() == 1
