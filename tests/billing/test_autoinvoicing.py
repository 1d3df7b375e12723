"""Automatic invoices: boundaries in many zones, catching up, two schedulers, killed between."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
import time_machine
from sqlalchemy import event, select, update

from billing import ledger_check, payment_terms
from billing.autoinvoicing import Skipped, invoice_next_period, run_client
from billing.client_billing import Billing, save_billing
from billing.invoice_models import Invoice
from core import jobs
from core.platform_uow import platform_unit_of_work
from core.tenancy import tenant_scope
from core.zones import get_zone
from tenants import clients
from tenants.clients import General, get_client
from tenants.models import Client, Event
from tests.billing.books import Books, at_once, open_books, utc
from worker.actors.billing import finish_invoice, invoice_client
from worker.sweeps.billing import find_due_clients, find_unfinished_invoices

D = Decimal

# Midnight is skipped in Cairo, Santiago and Beirut on the days clocks change; Lord Howe moves by
# half an hour; Apia left out 2011-12-30; Kathmandu is on quarters.
ZONES = [
    "UTC",
    "America/New_York",
    "Europe/Berlin",
    "Africa/Cairo",
    "America/Santiago",
    "Asia/Beirut",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Pacific/Apia",
]


def begin(timezone: str = "UTC", *, last_on: date = date(2025, 12, 31), **rule) -> Books:
    """Books of a client that is invoiced by itself since the day after `last_on`."""
    books = open_books("Acme", "acme", timezone=timezone)
    with books.work() as session:
        terms_id = payment_terms.create_terms(
            session, reseller_id=books.tenant.id, name="Terms", **(rule or {"day_of_month": 1})
        ).id
    books.save_billing(payment_terms_id=terms_id, autoinvoicing=True, last_invoiced_on=last_on)
    return books


def run(books: Books, at: datetime) -> list[Invoice]:
    with time_machine.travel(at, tick=False), books.work() as session:
        return run_client(session, books.client.id)


@pytest.mark.parametrize("timezone", ZONES)
@pytest.mark.parametrize("rule", [{"day_of_month": 1}, {"day_of_month": 31}, {"every_days": 7}])
def test_each_boundary_makes_one_invoice_without_gap_or_overlap(
    clean_database, timezone: str, rule: dict
):
    first = date(2026, 2, 20)
    books = begin(timezone, last_on=first - timedelta(1), **rule)
    zone = ZoneInfo(timezone)
    for number in range(0, 90, 3):
        day = first + timedelta(number)
        noon = datetime(day.year, day.month, day.day, 12, tzinfo=zone)
        books.charge("1", tax_mode="none", dated_at=noon)
    run(books, utc("2026-05-21T00:00:00"))
    made = books.stored_invoices()
    assert len(made) == {1: 3, 31: 3, None: 12}[rule.get("day_of_month")]
    assert all(one.ends_at == two.starts_at for one, two in pairwise(made))
    assert all(one.last_on + timedelta(1) == two.first_on for one, two in pairwise(made))
    assert made[0].first_on == first
    for one in made:
        assert one.invoice_on == one.last_on + timedelta(1)
        assert one.invoiced_at == one.ends_at
        assert one.invoiced_at.astimezone(zone).date() == one.invoice_on
        if "every_days" in rule:
            assert one.last_on - one.first_on == timedelta(6)
        else:
            assert one.invoice_on.day == min(rule["day_of_month"], 28)
        days = [
            number
            for number in range(0, 90, 3)
            if one.first_on <= first + timedelta(number) <= one.last_on
        ]
        assert one.total == len(days)
    assert books.billing_row().last_invoiced_on == made[-1].last_on
    assert books.billing_row().billed_until == made[-1].ends_at


def test_nothing_is_due_a_second_before_the_boundary(clean_database):
    books = begin("America/New_York")
    books.charge("1", tax_mode="none", dated_at=utc("2026-01-15T12:00:00"))
    assert books.billing_row().next_invoice_at == utc("2026-02-01T05:00:00")
    assert run(books, utc("2026-02-01T04:59:59")) == []
    assert len(run(books, utc("2026-02-01T05:00:00"))) == 1
    assert books.billing_row().next_invoice_at == utc("2026-03-01T05:00:00")


def test_missed_periods_are_caught_up_in_order(clean_database):
    books = begin()
    for month in (1, 2, 3):
        books.charge(f"{month}", tax_mode="none", dated_at=utc(f"2026-{month:02}-10T00:00:00"))
    made = run(books, utc("2026-06-15T00:00:00"))
    assert [(one.invoice_on, one.total, one.running_number) for one in made] == [
        (date(2026, 2, 1), D(1), 1),
        (date(2026, 3, 1), D(2), 2),
        (date(2026, 4, 1), D(3), 3),
    ]
    assert [(one.balance_before, one.balance_after) for one in made] == [
        (D(0), D(-1)),
        (D(-1), D(-3)),
        (D(-3), D(-6)),
    ]
    # April and May held nothing to bill
    assert books.billing_row().last_invoiced_on == date(2026, 5, 31)


def test_a_period_without_charges_moves_on_and_leaves_an_event(clean_database):
    books = begin()
    with time_machine.travel(utc("2026-02-01T00:00:00"), tick=False), books.work() as session:
        assert isinstance(invoice_next_period(session, books.client.id), Skipped)
        assert invoice_next_period(session, books.client.id) is None
    assert books.billing_row().last_invoiced_on == date(2026, 1, 31)
    assert books.stored_invoices() == []
    with books.work() as session:
        event = session.scalars(select(Event)).one()
    assert (event.code, event.client_id) == ("invoice_skipped", books.client.id)


def test_less_than_the_smallest_coin_waits_for_the_next_invoice(clean_database):
    books = begin()
    books.charge("0.004", tax_mode="none", dated_at=utc("2026-01-10T00:00:00"))
    assert run(books, utc("2026-02-01T00:00:00")) == []
    books.charge("1.001", tax_mode="none", dated_at=utc("2026-02-10T00:00:00"))
    made = run(books, utc("2026-03-01T00:00:00"))
    assert [(one.first_on, one.net, one.total) for one in made] == [
        (date(2026, 2, 1), D("1.005"), D("1.01"))
    ]
    with books.work() as session:
        assert session.scalars(select(Event)).one().code == "invoice_carried"


def test_twenty_charges_take_as_many_statements_as_one(clean_database):
    books = begin()
    books.charge("5", dated_at=utc("2026-01-10T00:00:00"))
    for day in range(1, 21):
        books.charge("5", dated_at=utc(f"2026-02-{day:02}T00:00:00"))

    def count_statements() -> int:
        asked = []
        with books.work() as session:
            engine = session.get_bind()
            listener = lambda *told: asked.append(told[2])  # noqa: E731
            event.listen(engine, "before_cursor_execute", listener)
            try:
                assert isinstance(invoice_next_period(session, books.client.id), Invoice)
            finally:
                event.remove(engine, "before_cursor_execute", listener)
        return len(asked)

    with time_machine.travel(utc("2026-03-01T00:00:00"), tick=False):
        of_one, of_twenty = count_statements(), count_statements()
    # the first one begins the number series too
    assert of_twenty <= of_one <= 26


def test_two_schedulers_at_once_make_one_invoice_a_boundary(clean_database):
    books = begin()
    for month in (1, 2, 3):
        books.charge("5", tax_mode="none", dated_at=utc(f"2026-{month:02}-10T00:00:00"))

    def schedule():
        with tenant_scope(books.tenant.scope):
            invoice_client(books.client.id)

    with time_machine.travel(utc("2026-04-01T00:00:00"), tick=False):
        assert at_once(*[schedule] * 5) == [None] * 5
    made = books.stored_invoices()
    assert [(one.running_number, one.total) for one in made] == [(1, D(5)), (2, D(5)), (3, D(5))]
    assert books.balances()[1] == D(-15)


def test_a_worker_killed_before_its_commit_leaves_nothing_and_the_next_one_goes_on(
    clean_database,
):
    books = begin()
    for month in (1, 2):
        books.charge("5", tax_mode="none", dated_at=utc(f"2026-{month:02}-10T00:00:00"))

    class KilledError(Exception):
        pass

    def die_after_first():
        with books.work() as session:
            invoice_next_period(session, books.client.id)
        with books.work() as session:
            assert isinstance(invoice_next_period(session, books.client.id), Invoice)
            raise KilledError

    with time_machine.travel(utc("2026-03-01T00:00:00"), tick=False):
        with pytest.raises(KilledError):
            die_after_first()
        assert len(books.stored_invoices()) == 1
        assert books.billing_row().last_invoiced_on == date(2026, 1, 31)
        assert [one.running_number for one in run(books, utc("2026-03-01T00:00:00"))] == [2]
    with books.work() as session:
        assert ledger_check.check_ledger(session, books.tenant.id).findings == {}


def test_a_worker_killed_before_the_file_is_found_by_the_sweep(clean_database):
    books = begin()
    books.charge("5", tax_mode="none", dated_at=utc("2026-01-10T00:00:00"))
    [made] = run(books, utc("2026-02-01T00:00:00"))
    sent = []
    jobs.configure(sent.append)
    try:
        for at, found in (("2026-02-01T00:00:10", 0), ("2026-02-01T00:05:00", 1)):
            with time_machine.travel(utc(at), tick=False), platform_unit_of_work() as session:
                assert find_unfinished_invoices(session) == found
    finally:
        jobs._senders.clear()
    assert [(job.name, job.args) for job in sent] == [
        ("billing.finish_invoice", {"invoice_id": str(made.id)})
    ]
    with tenant_scope(books.tenant.scope):
        finish_invoice(**sent[0].args)
        finish_invoice(**sent[0].args)
    [finished] = books.stored_invoices()
    assert finished.state == "normal"
    with platform_unit_of_work() as session:
        assert find_unfinished_invoices(session) == 0


def test_the_sweep_finds_due_clients_of_every_tenant_but_no_deleted_one(clean_database):
    books = begin()
    gone = books.with_client("Gone")
    row = books.billing_row()
    gone.save_billing(
        payment_terms_id=row.payment_terms_id,
        autoinvoicing=True,
        last_invoiced_on=date(2025, 12, 31),
    )
    with gone.work() as session:
        session.execute(update(Client).where(Client.id == gone.client.id).values(status="deleted"))
    sent = []
    jobs.configure(sent.append)
    try:
        for at, found in (("2026-01-31T23:59:59", 0), ("2026-02-01T05:00:00", 1)):
            with time_machine.travel(utc(at), tick=False), platform_unit_of_work() as session:
                assert find_due_clients(session) == found
    finally:
        jobs._senders.clear()
    assert [(job.reseller_id, job.args) for job in sent] == [
        (books.tenant.id, {"client_id": books.client.id})
    ]


def test_a_change_of_zone_leaves_no_gap_and_bills_nothing_twice(clean_database):
    books = begin("America/New_York")
    books.charge("1", tax_mode="none", dated_at=utc("2026-01-15T00:00:00"))
    run(books, utc("2026-02-02T00:00:00"))
    with books.work() as session:
        client = get_client(session, books.client.id)
        clients.update_client(
            session,
            client.id,
            version=client.version,
            general=General(client.name, client.currency, "Asia/Tokyo"),
        )
        save_billing(
            session,
            client,
            Billing(
                payment_terms_id=books.billing_row().payment_terms_id,
                autoinvoicing=True,
                last_invoiced_on=date(2026, 1, 31),
            ),
        )
    assert books.billing_row().next_invoice_at == utc("2026-02-28T15:00:00")
    books.charge("2", tax_mode="none", dated_at=utc("2026-02-15T00:00:00"))
    run(books, utc("2026-03-01T00:00:00"))
    one, two = books.stored_invoices()
    assert (one.ends_at, one.timezone) == (utc("2026-02-01T05:00:00"), "America/New_York")
    assert (two.starts_at, two.ends_at) == (one.ends_at, utc("2026-02-28T15:00:00"))
    assert two.timezone == "Asia/Tokyo"


def test_changed_terms_move_the_next_boundary_of_their_clients(clean_database):
    books = begin()
    with books.work() as session:
        payment_terms.update_terms(
            session, books.billing_row().payment_terms_id, name="Terms", every_days=10
        )
    assert books.billing_row().next_invoice_at == utc("2026-01-11T00:00:00")
    books.charge("1", tax_mode="none", dated_at=utc("2026-01-05T00:00:00"))
    [made] = run(books, utc("2026-01-11T00:00:00"))
    assert (made.first_on, made.last_on) == (date(2026, 1, 1), date(2026, 1, 10))


def test_switched_on_without_a_date_it_begins_with_the_clients_present_day(clean_database):
    books = begin("Asia/Tokyo")
    terms_id = books.billing_row().payment_terms_id
    other = books.with_client("Other", timezone="Asia/Tokyo")
    with time_machine.travel(utc("2026-03-14T20:00:00"), tick=False):
        other.save_billing(payment_terms_id=terms_id, autoinvoicing=True)
    assert other.billing_row().last_invoiced_on == date(2026, 3, 14)


def test_autoinvoicing_that_is_off_makes_nothing(clean_database):
    books = begin()
    books.charge("1", tax_mode="none", dated_at=utc("2026-01-05T00:00:00"))
    books.save_billing(last_invoiced_on=date(2025, 12, 31))
    assert books.billing_row().next_invoice_at is None
    assert run(books, utc("2026-06-01T00:00:00")) == []


def test_last_invoiced_set_forward_takes_what_was_left_behind(clean_database):
    books = begin()
    books.charge("1", tax_mode="none", dated_at=utc("2026-01-05T00:00:00"))
    row = books.billing_row()
    books.save_billing(
        payment_terms_id=row.payment_terms_id,
        autoinvoicing=True,
        last_invoiced_on=date(2026, 2, 28),
    )
    [made] = run(books, utc("2026-04-01T00:00:00"))
    assert (made.first_on, made.total) == (date(2026, 3, 1), D(1))


def test_a_day_that_a_zone_skipped_is_neither_billed_nor_missed(clean_database):
    books = begin("Pacific/Apia", last_on=date(2011, 12, 27), every_days=1)
    zone = get_zone("Pacific/Apia")
    for day in (28, 29, 31):
        books.charge("1", tax_mode="none", dated_at=datetime(2011, 12, day, 12, tzinfo=zone))
    run(books, utc("2012-01-02T00:00:00"))
    made = books.stored_invoices()
    assert [one.total for one in made] == [D(1)] * 3
    assert all(one.ends_at == two.starts_at for one, two in pairwise(made))
