"""Full Delete: the person is gone everywhere, the books stay right and whole."""

import json
from datetime import timedelta
from decimal import Decimal

import psycopg
import pytest
from sqlalchemy import func, select, text, update
from sqlalchemy.exc import DBAPIError

from billing import invoice_mailing, invoices, ledger, ledger_check, transactions
from billing.client_billing import Billing
from billing.invoice_models import Invoice
from billing.models import LedgerLine
from billing.periods import period_for_dates
from core.clock import now
from core.db import Session
from core.errors import ConflictError, InvalidInputError, NotFoundError, TemporaryError
from core.ids import new_id
from core.tenancy import tenant_scope
from core.uow import unit_of_work
from core.zones import get_zone
from mail.models import MailMessage
from mail.queue import MailKind, queue_mail
from payments import client_erasure, wallets
from payments.auto_payment import AutoPayment
from payments.models import GatewayCustomer, Refill, SavedCard
from tenants import client_blocks, client_files, client_notes, events, task_bytes, tasks
from tenants.client_blocks import Company
from tenants.clients import get_client
from tenants.models import AuditRecord, Event, File
from tenants.task_models import TaskChunk, TaskItem
from tests.billing.books import at_once
from tests.factories import cast
from tests.payments.till import Till, open_till

PERSON = "Canaryperson"


@pytest.fixture
def till(clean_database, settings, gateway_process) -> Till:
    gateway_process.behave()
    return open_till(
        gateway_process,
        settings,
        company=Company(
            company_name=f"{PERSON} Ltd",
            main_email=f"main@{PERSON.lower()}.example",
            billing_email=f"bills@{PERSON.lower()}.example",
            address=f"1 {PERSON} Road",
            tax_id=f"T{PERSON}",
        ),
        billing=Billing(credit=Decimal(50)),
        auto=AutoPayment(enabled=True, extra_amount=Decimal(5)),
    )


@pytest.fixture
def busy(till: Till) -> Till:
    """Money, an invoice with its mail, a card that paid, and all that staff keep."""
    card = till.save_card()
    till.pay("100.00")
    till.owe("30.50")
    till.charge(till.request(card, "12.00"))
    zone = get_zone("America/New_York")
    day = now().astimezone(zone).date()
    with till.work() as session:
        invoice = invoices.create_invoice(
            session,
            invoice_id=new_id(),
            client_id=till.client.id,
            period=period_for_dates(day - timedelta(days=9), day, zone),
            autoinvoice=True,
        )
        assert invoice is not None
        invoices.store_file(session, invoice.id)
        invoice_mailing.mail_invoice(session, invoice.id)
        client = get_client(session, till.client.id)
        client_blocks.save_tags(session, client, ["vip"])
        client_notes.create_note(session, client.id, note_id=new_id(), body=f"{PERSON} likes tea")
        client_files.create_client_file(
            session,
            client.id,
            file_id=new_id(),
            name=f"{PERSON}.txt",
            content=f"Contract with {PERSON}".encode(),
        )
        events.record(
            session,
            reseller_id=till.tenant.id,
            client_id=client.id,
            level="info",
            service="test",
            code="test",
            text=f"{PERSON} was seen",
        )
        queue_mail(
            session,
            reseller_id=till.tenant.id,
            client_id=client.id,
            kind=MailKind.REPORT,
            dedupe_key="report",
            to_address=f"bills@{PERSON.lower()}.example",
            subject=f"Dear {PERSON}",
            body_text=f"Dear {PERSON}",
        )
        bring_again(session, till.client.id)
        export_all(session)
    return till


def bring_again(session: Session, client_id: int) -> None:
    """An import that has changed the client, as it stands for a week."""
    sheet = {"kind": "csv", "encoding": "utf-8", "delimiter": ",", "headings": ["Name"]}
    params = {"sheet": {**sheet, "samples": [[PERSON]]}, "refused": []}
    task = tasks.create_task(
        session, task_id=new_id(), kind="import_clients", params=params, state="done"
    )
    task_bytes.put_bytes(session, task, "source", f"Name\n{PERSON}".encode())
    tasks.add_rows(session, task, [(1, {"line": 2, "values": {"name": PERSON}})])
    session.execute(
        update(TaskItem)
        .where(TaskItem.task_id == task.id)
        .values(subject_id=client_id, state="changed", details={"changes": {"name": ["", PERSON]}})
    )


def export_all(session: Session) -> None:
    task = tasks.create_task(
        session, task_id=new_id(), kind="export_clients", params={}, state="done"
    )
    task.result_size = 12
    task_bytes.put_bytes(session, task, "result", PERSON.encode())


def erase(till: Till, name: str | None = None) -> client_erasure.Erased:
    with till.work() as session:
        return client_erasure.erase_client(
            session, till.client.id, typed_name=till.client.name if name is None else name
        )


def books(till: Till) -> object:
    """Every figure of the tenant's books: balances, lines, invoices and what was paid on them."""
    with till.work() as session:
        balance = ledger.get_balance(session, till.client.id)
        lines = session.execute(
            select(LedgerLine.account, func.count(), func.sum(LedgerLine.amount))
            .group_by(LedgerLine.account)
            .order_by(LedgerLine.account)
        ).all()
        invoiced = session.execute(
            select(Invoice.number, Invoice.total, Invoice.paid, Invoice.state).order_by(
                Invoice.number
            )
        ).all()
        return (balance.live, balance.fixed, balance.credit, list(lines), list(invoiced))


def rows_with(till: Till, postgres, word: str) -> dict[str, int]:
    """In which tables the word still stands, as a superuser sees them."""
    with psycopg.connect(
        host=str(postgres.socket_dir), user="postgres", dbname="portal"
    ) as connection:
        tables = connection.execute(
            "select relname from pg_class where relkind = 'r'"
            " and relnamespace = 'public'::regnamespace"
        ).fetchall()
        found = {}
        for (table,) in tables:
            (count,) = connection.execute(
                f"select count(*) from \"{table}\" t where t::text ilike '%{word}%'"
            ).fetchone()
            if count:
                found[table] = count
        return found


def test_the_books_are_the_same_to_the_cent_and_still_proven(busy: Till):
    before = books(busy)
    erase(busy)
    assert books(busy) == before
    assert busy.books_are_right()
    with busy.work() as session:
        assert ledger_check.check_ledger(session, busy.tenant.id).ok


def test_nothing_but_invoices_and_the_sealed_log_tells_who_it_was(busy: Till, postgres):
    assert {"client_companies", "mail_messages", "events", "files"} <= set(
        rows_with(busy, postgres, PERSON)
    )
    erase(busy)
    wallets.forget_wallets(busy.work, busy.open_gateway, busy.client.id)
    # invoices are kept by law, and what was done is never changed in the audit log
    assert set(rows_with(busy, postgres, PERSON)) == {"invoices", "audit_log"}
    left = rows_with(busy, postgres, busy.client.name)
    assert set(left) <= {"invoices", "audit_log"}, left
    with busy.work() as session:
        assert session.scalar(select(func.count()).select_from(TaskChunk)) == 0


def test_the_file_of_an_invoice_stays_byte_for_byte(busy: Till):
    with busy.work() as session:
        (invoice,) = session.scalars(select(Invoice)).all()
        before = invoices.store_file(session, invoice.id).content
    erase(busy)
    with busy.work() as session:
        assert invoices.store_file(session, invoice.id).content == before
        assert session.scalar(select(func.count()).select_from(File)) == 1


def test_the_log_says_what_went_and_not_what_it_said(busy: Till):
    gone = erase(busy).gone
    assert gone["notes"] == gone["tags"] == gone["company"] == gone["saved_cards"] == 1
    assert gone["mails"] >= 2
    assert gone["exports"] == gone["task_items"] == 1
    with busy.work() as session:
        (record,) = session.scalars(
            select(AuditRecord).where(AuditRecord.action == "full_delete")
        ).all()
    assert record.object_label == f"Deleted client #{busy.client.id}"
    assert record.changes["notes"] == [1, 0]
    assert PERSON not in json.dumps(record.changes)


def test_removing_twice_removes_once(busy: Till):
    assert erase(busy).is_new
    assert not erase(busy, "whatever").is_new


def test_two_at_once_remove_it_once(busy: Till):
    results = at_once(lambda: erase(busy), lambda: erase(busy))
    assert sorted(one.is_new for one in results) == [False, True], results
    assert busy.books_are_right()


def test_another_name_than_the_shown_one_removes_nothing(busy: Till):
    for typed in ("", "client of acme", busy.client.name + "x"):
        with pytest.raises(InvalidInputError) as refused:
            erase(busy, typed)
        assert refused.value.field == "typed"
    with busy.work() as session:
        assert get_client(session, busy.client.id).erased_at is None


@pytest.mark.parametrize("state", ["requested", "processing", "held", "unknown"])
def test_while_money_is_under_way_it_is_refused_with_the_reason(busy: Till, state: str):
    with busy.work() as session:
        refill = session.scalars(select(Refill)).one()
        refill.state = state
    with pytest.raises(ConflictError, match="under way"):
        erase(busy)
    with busy.work() as session:
        assert get_client(session, busy.client.id).name == busy.client.name


def test_while_a_mail_is_being_sent_it_is_refused(busy: Till):
    with busy.work() as session:
        session.execute(text("update mail_messages set state = 'sending'"))
    with pytest.raises(ConflictError, match="being sent"):
        erase(busy)


def test_what_waits_in_the_mail_queue_is_not_sent_and_not_mailed_anew(busy: Till):
    erase(busy)
    with busy.work() as session:
        assert set(session.scalars(select(MailMessage.state))) == {"deleted"}
        again = queue_mail(
            session,
            reseller_id=busy.tenant.id,
            kind=MailKind.REPORT,
            dedupe_key="report",
            to_address="who@client.example",
            subject="Again",
            body_text="Again",
        )
    assert again is None


def test_the_gateway_forgets_the_client_and_its_cards(busy: Till):
    ref = busy.customer_ref()
    erase(busy)
    with busy.work() as session:
        account = session.get_one(wallets.GatewayAccount, busy.account_id)
        gateway = busy.open_gateway(account)
    assert gateway.list_methods(ref).value, "the gateway is asked after the commit, not before"

    for _ in range(2):
        wallets.forget_wallets(busy.work, busy.open_gateway, busy.client.id)

    assert not gateway.list_methods(ref).value
    gateway.close()
    with busy.work() as session:
        assert session.scalars(select(GatewayCustomer)).all() == []
        assert {card.customer_ref for card in session.scalars(select(SavedCard))} == {""}


def test_a_silent_gateway_is_asked_again_later(busy: Till):
    erase(busy)
    busy.sandbox.misbehave("drop_after", call="deleteCustomerProfileRequest", times=2)
    with pytest.raises(TemporaryError):
        wallets.forget_wallets(busy.work, busy.open_gateway, busy.client.id)
    with busy.work() as session:
        assert session.scalars(select(GatewayCustomer)).all()
    busy.sandbox.behave()
    wallets.forget_wallets(busy.work, busy.open_gateway, busy.client.id)
    with busy.work() as session:
        assert session.scalars(select(GatewayCustomer)).all() == []


def test_a_look_at_the_cards_brings_none_of_them_back(busy: Till):
    erase(busy)
    assert busy.sync() == []
    with busy.work() as session:
        assert {card.last_four for card in session.scalars(select(SavedCard))} == {""}


def test_the_wallet_of_a_client_that_is_kept_is_not_touched(busy: Till):
    wallets.forget_wallets(busy.work, busy.open_gateway, busy.client.id)
    assert len(busy.sync()) == 1


def test_the_job_is_asked_for_and_found_again(busy: Till, sent_jobs):
    sent_jobs.clear()
    erase(busy)
    assert [job.name for job in sent_jobs if job.name == wallets.JOB] == [wallets.JOB]


def test_money_that_comes_late_is_still_booked(busy: Till):
    """A refund or a correction after Full Delete has to stand in the books."""
    erase(busy)
    with busy.work() as session:
        payment = session.scalars(
            select(transactions.Transaction.id).where(
                transactions.Transaction.type == "payment",
                transactions.Transaction.total == Decimal(100),
            )
        ).one()
        transactions.reverse(session, payment, reversal_id=new_id(), reason="Bounced")
    assert busy.books_are_right()


def test_a_client_of_another_tenant_cannot_be_removed(busy: Till):
    stranger = cast.make_tenant("Globex", "globex")
    with (
        pytest.raises(NotFoundError),
        tenant_scope(stranger.scope),
        unit_of_work() as session,
    ):
        client_erasure.erase_client(session, busy.client.id, typed_name=busy.client.name)


def test_events_and_files_of_others_cannot_be_deleted_at_all(busy: Till):
    """The database itself lets go only of what Full Delete removes."""
    for statement in ("delete from events", "delete from files"):
        with pytest.raises(DBAPIError, match="append-only"), busy.work() as session:
            session.execute(text(statement))
    with busy.work() as session:
        assert session.scalar(select(func.count()).select_from(Event))
