"""Aging of what is open on a day, and revenue by day and month with rates that may be missing."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from billing import aging, credit_notes, invoice_voiding, revenue
from billing.aging import BUCKETS, AgingWish, bucket_of
from billing.invoices import issue
from billing.periods import period_for_dates
from billing.revenue import RevenueWish
from core.errors import InvalidInputError
from core.ids import new_id
from core.zones import get_zone
from tests.billing.books import Books, utc

UTC = get_zone("UTC")


def owe(books: Books, amount: str, month: int):
    """An issued invoice of a month of 2026 for one charge without tax."""
    first = date(2026, month, 1)
    books.charge(amount, dated_at=utc(f"2026-{month:02}-05 12:00"), tax_mode="none")
    last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    made = books.invoice(period_for_dates(first, last, UTC))
    with books.work() as session:
        return issue(session, made.id)


def aged(books: Books, on: date, **details):
    with books.work() as session:
        return aging.read_aging(session, AgingWish(on, "UTC", **details))


@pytest.mark.parametrize(
    ("late", "bucket"),
    [(-5, "not_due"), (0, "not_due"), (1, "to_30"), (30, "to_30"), (31, "to_60"), (60, "to_60"),
     (61, "to_90"), (90, "to_90"), (91, "over_90"), (4000, "over_90")],
)  # fmt: skip
def test_the_bucket_of_an_invoice(late, bucket):
    assert bucket_of(late) == bucket


def test_an_invoice_moves_through_every_bucket_and_each_opens_into_it(acme):
    invoice = owe(acme, "100", 1)
    for late in (0, 1, 30, 31, 60, 61, 90, 91):
        on = invoice.due_on + timedelta(days=late)
        (part,) = aged(acme, on)
        assert part.total.total == Decimal(100)
        assert {name: one for name, one in part.total.amounts.items() if one} == {
            bucket_of(late): Decimal(100)
        }
        for bucket in BUCKETS:
            with acme.work() as session:
                behind = aging.list_invoices(
                    session, AgingWish(on, "UTC"), currency="USD", bucket=bucket
                )
            assert sum((one.open for one in behind), Decimal()) == part.total.amounts[bucket]
            assert [one.days_late for one in behind] in ([], [late])


def test_a_day_of_the_past_is_told_as_it_was(acme):
    invoice = owe(acme, "100", 1)
    acme.pay("30", dated_at=utc("2026-03-10 12:00"))
    rest = acme.pay("70", dated_at=utc("2026-04-10 12:00"))
    totals = {
        on: [part.total.total for part in aged(acme, on)]
        for on in (
            invoice.invoice_on - timedelta(days=1),
            date(2026, 3, 9),
            date(2026, 3, 10),
            date(2026, 4, 10),
        )
    }
    assert list(totals.values()) == [[], [Decimal(100)], [Decimal(70)], []]
    # taken off again today: it was paid until then
    acme.reverse(rest)
    assert aged(acme, date(2026, 4, 11)) == []
    (part,) = aged(acme, date(2100, 1, 1))
    assert part.total.total == Decimal(70)


def test_drafts_and_what_is_paid_are_not_in_it_and_clients_stand_by_what_they_owe(acme, globex):
    small, paid = acme.with_client("Small"), acme.with_client("Paid")
    owe(acme, "100", 1)
    owe(small, "10", 1)
    owe(paid, "50", 1)
    paid.pay("50", dated_at=utc("2026-02-10 12:00"))
    owe(globex, "999", 1)
    draft = acme.with_client("Draft")
    draft.charge("5", dated_at=utc("2026-01-05 12:00"))
    draft.invoice(period_for_dates(date(2026, 1, 1), date(2026, 1, 31), UTC), autoinvoice=False)
    (part,) = aged(acme, date(2026, 6, 1))
    assert [(row.client_name, row.total) for row in part.rows] == [
        (acme.client.name, Decimal(100)),
        ("Small", Decimal(10)),
    ]
    (part,) = aged(acme, date(2026, 6, 1), client_id=small.client.id)
    assert part.total.total == Decimal(10)


def test_credit_notes_and_voids_count_from_the_day_they_were_made(acme):
    credited, voided = owe(acme, "100", 1), owe(acme, "60", 2)
    with acme.work() as session:
        credit_notes.create_credit_note(
            session,
            credit_note_id=new_id(),
            invoice_id=credited.id,
            amount=Decimal(40),
            reason="Too much",
        )
        invoice_voiding.void_invoice(session, voided.id, reason="Wrong client")
    before, after = date(2026, 6, 1), date(2100, 1, 1)
    assert [part.total.total for part in aged(acme, before)] == [Decimal(160)]
    assert [part.total.total for part in aged(acme, after)] == [Decimal(60)]


def sold(books: Books, convert=lambda amount, currency, day: None, **details):
    asked = {
        "first_on": date(2026, 1, 15),
        "last_on": date(2026, 3, 10),
        "timezone": "UTC",
        "group": "month",
        "currency": "USD",
    }
    with books.work() as session:
        return revenue.read_revenue(session, RevenueWish(**(asked | details)), convert)


def test_revenue_tax_and_payments_by_month_and_by_day(acme):
    acme.charge("10.5", dated_at=utc("2026-01-15 00:00"), tax_mode="none")
    acme.charge("99", dated_at=utc("2026-01-14 23:59"), tax_mode="none")
    acme.charge("20", dated_at=utc("2026-02-28 23:59"), tax_mode="none")
    acme.pay("7", dated_at=utc("2026-02-01 00:00"))
    found = sold(acme)
    assert [(row.first_on, row.revenue, row.paid) for row in found.rows] == [
        (date(2026, 1, 15), Decimal("10.5"), 0),
        (date(2026, 2, 1), Decimal(20), Decimal(7)),
        (date(2026, 3, 1), 0, 0),
    ]
    assert (found.total.revenue, found.total.paid) == (Decimal("30.5"), Decimal(7))
    by_day = sold(acme, group="day")
    assert len(by_day.rows) == 55
    assert by_day.total == found.total


def test_foreign_money_is_brought_over_at_the_rate_of_its_day_and_what_has_none_is_named(acme):
    euro = acme.with_client("Euro", currency="EUR")
    euro.charge("10", dated_at=utc("2026-02-01 12:00"), tax_mode="none")
    euro.charge("10", dated_at=utc("2026-02-02 12:00"), tax_mode="none")
    euro.charge("10", dated_at=utc("2026-02-03 12:00"), tax_mode="none")
    acme.charge("12", dated_at=utc("2026-02-03 12:00"), tax_mode="none")
    rates = {date(2026, 2, 1): Decimal("1.1"), date(2026, 2, 2): Decimal("1.2")}

    def convert(amount, currency, day):
        assert currency == "EUR"
        return amount * rates[day] if day in rates else None

    found = sold(acme, convert)
    assert found.total.revenue == Decimal(35)
    (missing,) = found.missing
    assert (missing.currency, missing.first_on, missing.revenue) == (
        "EUR",
        date(2026, 2, 3),
        Decimal(10),
    )
    assert [(one.name, one.revenue) for one in found.top] == [
        ("Euro", Decimal(23)),
        (acme.client.name, Decimal(12)),
    ]


def test_a_reversed_charge_and_another_tenants_count_nothing(acme, globex):
    globex.charge("50", dated_at=utc("2026-02-01 12:00"))
    assert sold(acme).total.revenue == 0
    with pytest.raises(InvalidInputError):
        sold(acme, first_on=date(2026, 5, 1))
    with pytest.raises(InvalidInputError):
        sold(acme, last_on=date(2029, 5, 1))
