"""Letters about subscriptions: each once, in its transaction, and off where a reseller wants."""

from datetime import date

import pytest
import time_machine
from sqlalchemy import select

from mail import letter_switches
from mail.models import MailMessage
from tenants.models import ClientCompany
from tests.billing import plans
from tests.billing.books import Books, utc

NOW = utc("2026-03-10T15:00:00")


@pytest.fixture
def books(acme: Books) -> Books:
    acme.save_billing(postpaid=True)
    with acme.work() as session:
        row = session.scalar(select(ClientCompany).where(ClientCompany.client_id == acme.client.id))
        if row is None:
            row = ClientCompany(reseller_id=acme.tenant.id, client_id=acme.client.id)
            session.add(row)
        row.billing_email = row.main_email = "billing@client.example"
    return acme


def subjects(books: Books) -> list[str]:
    with books.work() as session:
        wanted = select(MailMessage).where(MailMessage.kind == "subscription")
        return sorted(one.subject for one in session.scalars(wanted))


def test_begun_renewed_and_ended_are_told_once_each(books: Books):
    package = plans.make_package(books, "Flat", periodic_fee="49.90", renewals=1)
    with time_machine.travel(NOW, tick=False):
        one = plans.subscribe(books, package, date(2026, 3, 10))
        plans.subscribe(books, package, date(2026, 3, 10), subscription_id=one)
    assert subjects(books) == ["Your package Flat has begun"]
    with books.work() as session:
        text = session.scalars(select(MailMessage)).one().body_text
    assert "49.90 USD for March 10, 2026 to April 9, 2026" in text
    with time_machine.travel(utc("2026-04-10T15:00:00"), tick=False):
        plans.renew(books)
    assert subjects(books) == ["Your package Flat goes on", "Your package Flat has begun"]
    with time_machine.travel(utc("2026-05-10T15:00:00"), tick=False):
        plans.renew(books)
    assert "Your package Flat has ended" in subjects(books)


def test_periods_that_are_caught_up_are_not_told(books: Books):
    package = plans.make_package(books, "Flat", periodic_fee="5")
    with time_machine.travel(NOW, tick=False):
        plans.subscribe(books, package, date(2025, 12, 1))
    assert subjects(books) == ["Your package Flat has begun"]


def test_a_change_is_one_letter(books: Books):
    small, large = (plans.make_package(books, name, periodic_fee="5") for name in ("S", "L"))
    with time_machine.travel(NOW, tick=False):
        one = plans.subscribe(books, small, date(2026, 3, 1))
        plans.change(books, one, large)
    assert subjects(books) == ["Your package S has begun", "Your package is now L"]


def test_what_is_switched_off_is_not_sent_and_no_address_stops_nothing(books: Books):
    package = plans.make_package(books, "Flat")
    with books.work() as session:
        letter_switches.switch_letter(session, books.tenant.id, "subscription_started", on=False)
    with time_machine.travel(NOW, tick=False):
        plans.subscribe(books, package, date(2026, 3, 10))
    assert subjects(books) == []
    other = books.with_client("Without an address")
    other.save_billing(postpaid=True)
    with time_machine.travel(NOW, tick=False):
        one = plans.subscribe(other, package, date(2026, 3, 10))
    assert plans.stored(other, one).status == "active"
