"""The door for usage: posted once, summed exactly, included units first, late usage later."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from billing import ledger_check, tax_profiles
from billing.invoice_contents import list_lines
from billing.models import Transaction
from billing.package_models import UsageCharge
from billing.packages import Units
from billing.periods import period_for_dates
from billing.usage import UsageError, charge_for
from core.errors import ConflictError, InvalidInputError, NotFoundError
from core.ids import new_id
from core.zones import get_zone
from tests.billing.books import Books, at_once, open_books, utc
from tests.billing.plans import end, make_package, post, renew, subscribe, units, used

D = Decimal
TEN, ELEVEN = utc("2026-03-10T10:00:00"), utc("2026-03-10T11:00:00")


@pytest.fixture
def books(clean_database) -> Books:
    made = open_books("Acme", "acme", timezone="Europe/Berlin")
    made.save_billing(postpaid=True)
    return made


@pytest.fixture
def clock():
    with time_machine.travel(utc("2026-03-10T12:00:00"), tick=False) as held:
        yield held


def charges(books: Books) -> list[Transaction]:
    with books.work() as session:
        return list(
            session.scalars(
                select(Transaction)
                .where(Transaction.client_id == books.client.id)
                .where(Transaction.kind == "services_charge")
                .order_by(Transaction.dated_at, Transaction.description)
            )
        )


def usages(books: Books) -> list[UsageCharge]:
    with books.work() as session:
        return list(session.scalars(select(UsageCharge).order_by(UsageCharge.hour_at)))


def test_what_a_batch_says_of_one_hour_and_destination_is_one_charge(books, clock):
    posted = post(
        books,
        used(books, TEN, "60", "0.1"),
        used(books, TEN, "30.5", "0.2"),
        used(books, TEN, "10", "1", "France"),
        used(books, ELEVEN, "10", "1"),
        used(books, TEN, "3", "2", unit="unit"),
    )
    assert posted.charges == 4
    found = charges(books)
    assert sorted((one.description, one.quantity, one.net) for one in found) == [
        ("France", D(10), D(1)),
        ("Spain", D(3), D(2)),
        ("Spain", D(10), D(1)),
        ("Spain", D("90.5"), D("0.3")),
    ]
    assert {one.dated_at for one in found} == {TEN, ELEVEN}
    assert books.balances()[0] == D("-4.3")
    with books.work() as session:
        assert ledger_check.check_ledger(session, books.tenant.id).ok


def test_the_same_batch_posts_once_and_another_content_is_refused(books, clock):
    batch_id = new_id()
    assert post(books, used(books, TEN, "60", "1"), batch_id=batch_id).is_new
    assert not post(books, used(books, TEN, "60", "1"), batch_id=batch_id).is_new
    with pytest.raises(ConflictError):
        post(books, used(books, TEN, "60", "2"), batch_id=batch_id)
    assert books.balances()[0] == -1


def test_a_batch_that_comes_several_times_at_once_posts_once(books, clock):
    batch_id = new_id()
    results = at_once(
        *[lambda: post(books, used(books, TEN, "60", "1"), batch_id=batch_id) for _ in range(3)]
    )
    assert sorted(one.is_new for one in results) == [False, False, True]
    assert books.balances()[0] == -1


def test_a_row_that_cannot_be_taken_posts_nothing_of_its_batch(books, clock):
    good = used(books, TEN, "60", "1")
    for bad in (
        used(books, TEN + timedelta(minutes=1), "1", "1"),
        used(books, utc("2026-03-10T13:00:00"), "1", "1"),
        used(books, TEN, "0", "1"),
        used(books, TEN, "1", "-1"),
        used(books, TEN, "1", "0.0000001"),
        used(books, TEN, "1", "1", " "),
        used(books, TEN, "1", "1", "4111 1111 1111 1111"),
    ):
        with pytest.raises(UsageError) as caught:
            post(books, good, bad)
        assert caught.value.index == 1
    globex = open_books("Globex", "globex")
    with pytest.raises(NotFoundError):
        post(books, good, used(books, TEN, "1", "1", client_id=globex.client.id))
    assert (charges(books), usages(books)) == ([], [])


def test_taxes_are_those_of_the_client(books, clock):
    with books.work() as session:
        tax_profiles.create_profile(
            session,
            reseller_id=books.tenant.id,
            name="VAT",
            taxes=[("VAT", D(19), 1)],
            is_default=True,
        )
    post(
        books,
        used(books, TEN, "60", "1", tax_mode="excluding"),
        used(books, TEN, "60", "1.19", "France", tax_mode="including"),
    )
    assert [(one.net, one.tax) for one in charges(books)] == [(D(1), D("0.19"))] * 2


def test_included_units_are_taken_before_anything_is_charged(books, clock):
    package = make_package(
        books, units=(Units("", "second", D(100)), Units("Spain", "second", D(50)))
    )
    one = subscribe(books, package, date(2026, 3, 1))
    post(books, used(books, TEN, "40", "4"))
    # what is included for the very destination goes first
    assert units(books, one) == [("", D(100), D(0)), ("Spain", D(50), D(40))]
    assert charges(books) == []
    post(books, used(books, TEN, "210", "21"))
    assert units(books, one) == [("", D(100), D(100)), ("Spain", D(50), D(50))]
    assert [(row.quantity, row.net) for row in charges(books)] == [(D(100), D(10))]
    assert [(row.included, row.charged) for row in usages(books)] == [
        (D(40), D(0)),
        (D(110), D(10)),
    ]
    post(books, used(books, TEN, "1", "0.1", unit="unit"))
    assert len(charges(books)) == 2


def test_the_hour_decides_which_period_pays_also_when_it_comes_late(books, clock):
    package = make_package(books, units=(Units("", "second", D(100)),))
    one = subscribe(books, package, date(2026, 2, 10))
    # midnight in Berlin between the two periods
    before, after = utc("2026-03-09T22:00:00"), utc("2026-03-09T23:00:00")
    post(books, used(books, after, "70", "7"))
    post(books, used(books, before, "80", "8"))
    assert units(books, one) == [("", D(100), D(80)), ("", D(100), D(70))]
    clock.move_to(utc("2026-03-20T12:00:00"))
    end(books, "stop_now", one)
    clock.move_to(utc("2026-03-22T12:00:00"))
    post(books, used(books, utc("2026-03-20T23:00:00"), "10", "1"))
    assert [row.net for row in charges(books)] == [D(1)]


def test_usage_takes_units_of_a_period_that_no_sweep_has_seen_yet(books, clock):
    one = subscribe(books, make_package(books, units=(Units("", "second", D(100)),)))
    clock.move_to(utc("2026-04-11T12:00:00"))
    post(books, used(books, utc("2026-04-11T10:00:00"), "80", "8"))
    assert units(books, one) == [("", D(100), D(0)), ("", D(100), D(80))]
    assert renew(books) == 0


def test_the_package_with_the_lower_priority_pays_first(books, clock):
    later = make_package(books, "Later", units=(Units("", "second", D(100)),), priority=20)
    sooner = make_package(books, "Sooner", units=(Units("", "second", D(100)),), priority=5)
    one, two = subscribe(books, later, quantity=2), subscribe(books, sooner)
    post(books, used(books, TEN, "150", "15"))
    assert units(books, two) == [("", D(100), D(100))]
    assert units(books, one) == [("", D(200), D(50))]


def test_an_invoice_gathers_usage_by_destination_and_takes_late_usage_next_time(books, clock):
    zone = get_zone("Europe/Berlin")
    post(books, used(books, TEN, "60", "0.1"), used(books, ELEVEN, "30", "0.2"))
    post(books, used(books, ELEVEN, "30", "1", "France"))
    clock.move_to(utc("2026-04-02T12:00:00"))
    first = books.invoice(period_for_dates(date(2026, 3, 1), date(2026, 3, 31), zone))
    with books.work() as session:
        lines = list_lines(session, first.id)
    assert [(line.description, line.quantity, line.net) for line in lines] == [
        ("France", D(30), D(1)),
        ("Spain", D(90), D("0.3")),
    ]
    assert first.net == D("1.3")
    post(books, used(books, ELEVEN, "6", "0.7"))
    clock.move_to(utc("2026-05-02T12:00:00"))
    post(books, used(books, utc("2026-04-05T10:00:00"), "6", "1"))
    second = books.invoice(period_for_dates(date(2026, 4, 1), date(2026, 4, 30), zone))
    with books.work() as session:
        lines = list_lines(session, second.id)
    assert sorted((line.description, line.net) for line in lines) == [
        ("Spain", D(1)),
        ("Spain (2026-03-10)", D("0.7")),
    ]


def test_a_batch_needs_rows(books, clock):
    with pytest.raises(InvalidInputError):
        post(books)


NUMBERS = st.decimals("0.000001", "999999", places=6)


@given(rated=st.decimals("0", "999999", places=6), quantity=NUMBERS, taken=NUMBERS)
def test_what_is_charged_never_exceeds_the_price(rated, quantity, taken):
    included = min(taken, quantity)
    charged = charge_for(rated, quantity, included)
    assert 0 <= charged <= rated
    assert (charged == rated) if not included else True
    if included == quantity:
        assert charged == 0
    exact = rated * (quantity - included) / quantity
    assert abs(charged - exact) <= D("0.0000005")
