"""Reminders: each once per invoice and step, none for what is settled, and why."""

from datetime import date, timedelta

import pytest
import time_machine

from billing import invoice_voiding, payment_terms, reminders
from billing.correction_models import InvoiceReminder
from billing.invoice_models import Invoice
from billing.periods import period_for_dates
from core import jobs
from core.platform_uow import platform_unit_of_work
from core.zones import get_zone
from mail.models import MailMessage
from tenants.client_blocks import Company, save_company
from tenants.clients import get_client
from tests.billing.books import Books, at_once, utc
from worker.sweeps.reminders import find_due_reminders

ZONE = get_zone("America/New_York")
JANUARY = period_for_dates(date(2026, 1, 1), date(2026, 1, 31), ZONE)
# issued on 1 February in New York, due on 11 February
ISSUED_AT = utc("2026-02-01T12:00:00")
DUE_ON = date(2026, 2, 11)


@pytest.fixture
def reminded(acme: Books) -> Books:
    with acme.work() as session:
        terms_id = payment_terms.create_terms(
            session,
            reseller_id=acme.tenant.id,
            name="Monthly",
            day_of_month=1,
            grace_days=10,
            remind_before=[3, 1],
            remind_after=[2, 5],
        ).id
        save_company(
            session,
            get_client(session, acme.client.id),
            Company(main_email="client@orbit.example"),
        )
    acme.save_billing(payment_terms_id=terms_id)
    return acme


def invoiced(books: Books) -> Invoice:
    with time_machine.travel(ISSUED_AT, tick=False):
        books.charge("30", tax_mode="none", dated_at=utc("2026-01-10T12:00:00"))
        made = books.invoice(JANUARY)
    assert made is not None
    assert made.due_on == DUE_ON
    return made


def on(day: date):
    return time_machine.travel(utc(f"{day}T17:00:00"), tick=False)


def found() -> int:
    with platform_unit_of_work() as session:
        return find_due_reminders(session)


def remind(books: Books, invoice: Invoice) -> bool:
    with books.work() as session:
        return reminders.remind(session, invoice.id) is not None


def rows(books: Books) -> list[tuple[str, int, str]]:
    with books.work() as session:
        return sorted(
            (row.kind, row.days, row.state) for row in session.query(InvoiceReminder).all()
        )


@pytest.fixture(autouse=True)
def nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "_senders", [])


def test_each_step_is_mailed_once_on_its_day(reminded: Books):
    made = invoiced(reminded)
    sent = []
    for number in range(20):
        day = date(2026, 2, 1) + timedelta(number)
        with on(day):
            if found():
                assert remind(reminded, made)
                sent.append(day)
            assert found() == 0, "handled"
            assert not remind(reminded, made), "asked again, nothing goes out"
    assert sent == [DUE_ON + timedelta(days) for days in (-3, -1, 2, 5)]
    with reminded.work() as session:
        mails = session.query(MailMessage).order_by(MailMessage.created_at).all()
        assert [mail.kind for mail in mails] == ["reminder_before"] * 2 + ["reminder_after"] * 2
        assert made.number in mails[0].subject
        assert "30.00" in mails[3].body_text
    assert rows(reminded) == [
        ("after", 2, "sent"), ("after", 5, "sent"), ("before", 1, "sent"), ("before", 3, "sent"),
    ]  # fmt: skip


def test_two_workers_at_once_send_one(reminded: Books):
    made = invoiced(reminded)
    with on(DUE_ON + timedelta(2)):
        results = at_once(*[lambda: remind(reminded, made)] * 4)
    assert sorted(map(str, results)) == ["False", "False", "False", "True"]


def test_a_payment_or_voiding_stops_them(reminded: Books):
    made = invoiced(reminded)
    reminded.pay("30.00")
    with on(DUE_ON + timedelta(2)):
        assert found() == 0
        assert not remind(reminded, made)


def test_a_void_invoice_reminds_nobody(reminded: Books):
    made = invoiced(reminded)
    with reminded.work() as session:
        invoice_voiding.void_invoice(session, made.id, reason="Wrong")
    with on(DUE_ON + timedelta(2)):
        assert found() == 0
        assert not remind(reminded, made)


def test_after_a_standstill_only_the_latest_is_mailed(reminded: Books):
    made = invoiced(reminded)
    with on(DUE_ON + timedelta(6)):
        assert found() == 1
        assert remind(reminded, made)
        assert found() == 0
    assert rows(reminded) == [("after", 2, "passed"), ("after", 5, "sent")]


def test_what_came_due_long_ago_is_not_sent(reminded: Books):
    made = invoiced(reminded)
    with on(DUE_ON + timedelta(30)):
        assert found() == 0
        assert not remind(reminded, made)
    assert rows(reminded) == []


def test_days_are_those_of_the_clients_zone(reminded: Books):
    invoiced(reminded)
    with time_machine.travel(utc("2026-02-13T04:59:00"), tick=False):
        assert found() == 0, "still the twelfth in New York"
    with time_machine.travel(utc("2026-02-13T05:00:00"), tick=False):
        assert found() == 1


def test_without_an_address_it_is_told_and_not_tried_again(reminded: Books):
    made = invoiced(reminded)
    with reminded.work() as session:
        save_company(session, get_client(session, reminded.client.id), Company())
    with on(DUE_ON + timedelta(2)):
        assert not remind(reminded, made)
        assert found() == 0
    assert rows(reminded) == [("after", 2, "no_address")]


def test_the_page_tells_why(reminded: Books):
    made = invoiced(reminded)
    with on(DUE_ON + timedelta(2)):
        remind(reminded, made)
        with reminded.work() as session:
            plan = reminders.read_plan(session, made.id)
    assert plan.terms_name == "Monthly"
    told = [(step.kind, step.days, step.state, step.planned_on) for step in plan.steps]
    assert told == [
        ("before", 3, "planned", date(2026, 2, 8)),
        ("before", 1, "planned", date(2026, 2, 10)),
        ("after", 2, "sent", date(2026, 2, 13)),
        ("after", 5, "planned", date(2026, 2, 16)),
    ]
