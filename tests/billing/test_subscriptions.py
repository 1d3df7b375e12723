"""Subscriptions: begun when there is money, each period charged once, ended and changed."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import pairwise

import pytest
import time_machine
from sqlalchemy import select

from billing import (
    ledger_check,
    packages,
    payment_terms,
    plan_changes,
    subscription_endings,
    subscription_money,
    tax_profiles,
    transactions,
)
from billing.models import Transaction
from core.errors import ConflictError, InvalidInputError, LimitError, NotFoundError
from core.ids import new_id
from core.platform_uow import platform_unit_of_work
from core.tenancy import tenant_scope
from tenants import clients
from tenants.clients import General, get_client
from tenants.models import Event
from tests.billing.books import Books, at_once, open_books, utc
from tests.billing.plans import (
    change,
    end,
    fees,
    make_package,
    periods,
    renew,
    stored,
    subscribe,
    units,
)
from worker.actors.billing import take_subscription_turn
from worker.sweeps.billing import find_due_subscriptions

D = Decimal


@pytest.fixture
def books(clean_database) -> Books:
    made = open_books("Acme", "acme", timezone="Europe/Berlin")
    made.save_billing(postpaid=True)
    return made


@pytest.fixture
def clock():
    with time_machine.travel(utc("2026-03-10T12:00:00"), tick=False) as held:
        yield held


def test_activation_and_the_first_period_are_charged_at_once(books, clock):
    package = make_package(books, activation_fee="5", periodic_fee="31")
    one = subscribe(books, package, quantity=2)
    assert sorted(fees(books)) == [D(10), D(62)]
    (period,) = periods(books, one)
    assert (period.first_on, period.last_on) == (date(2026, 3, 10), date(2026, 4, 9))
    # midnight in Berlin, before and after the clocks change
    assert period.starts_at == utc("2026-03-09T23:00:00")
    assert period.ends_at == utc("2026-04-09T22:00:00")
    assert stored(books, one).next_at == period.ends_at
    assert books.balances()[0] == D(-72)


def test_a_calendar_package_charges_the_days_that_are_left_of_the_month(books, clock):
    package = make_package(books, periodic_fee="31", alignment="calendar")
    one = subscribe(books, package)
    assert fees(books) == [D(22)]
    assert periods(books, one)[0].last_on == date(2026, 3, 31)
    clock.move_to(utc("2026-03-31T21:59:59"))
    assert renew(books) == 0
    clock.move_to(utc("2026-03-31T22:00:00"))
    assert renew(books) == 1
    assert renew(books) == 0
    assert fees(books) == [D(22), D(31)]


def test_without_proration_a_part_of_a_period_costs_the_whole_fee(books, clock):
    package = make_package(books, periodic_fee="31", alignment="calendar", prorate_start=False)
    one = subscribe(books, package)
    assert fees(books) == [D(31)]
    end(books, "cancel", one)
    # 22 days were paid with 31; the 21 after today go back
    assert fees(books) == [D("31"), D("-29.590909")]


def test_a_package_follows_the_payment_terms_of_the_client(books, clock):
    package = make_package(books, periodic_fee="31", alignment="terms")
    with pytest.raises(InvalidInputError, match="the client has none"):
        subscribe(books, package)
    with books.work() as session:
        terms_id = payment_terms.create_terms(
            session, reseller_id=books.tenant.id, name="Twentieth", day_of_month=20
        ).id
    books.save_billing(postpaid=True, payment_terms_id=terms_id)
    one = subscribe(books, package)
    assert periods(books, one)[0].last_on == date(2026, 3, 19)
    assert periods(books, one)[0].days == 28


def test_periods_that_were_missed_are_caught_up_once_each(books, clock):
    package = make_package(books, periodic_fee="10")
    one = subscribe(books, package, date(2026, 1, 31))
    assert [str(period.first_on) for period in periods(books, one)] == ["2026-01-31", "2026-02-28"]
    clock.move_to(utc("2026-07-01T00:00:00"))
    assert renew(books) == 4
    found = periods(books, one)
    assert [str(period.first_on) for period in found[2:]] == [
        "2026-03-31",
        "2026-04-30",
        "2026-05-31",
        "2026-06-30",
    ]
    assert all(a.ends_at == b.starts_at for a, b in pairwise(found))
    assert fees(books) == [D(10)] * 6


def test_renewals_run_out(books, clock):
    package = make_package(books, periodic_fee="10", renewals=1)
    one = subscribe(books, package)
    clock.move_to(utc("2026-12-01T00:00:00"))
    renew(books)
    assert fees(books) == [D(10), D(10)]
    assert (stored(books, one).status, stored(books, one).ending) == ("archived", "ran_out")
    assert str(stored(books, one).ends_on) == "2026-05-09"
    with books.work() as session:
        assert "subscription_ran_out" in session.scalars(select(Event.code)).all()


def test_it_begins_only_when_available_covers_it(books, clock):
    books.save_billing(postpaid=False, credit=D(4))
    package = make_package(books, activation_fee="5", periodic_fee="31")
    one = subscribe(books, package)
    assert (stored(books, one).status, fees(books)) == ("pending", [])
    clock.move_to(utc("2026-03-14T12:00:00"))
    assert renew(books) == 0
    books.pay("31.99")
    clock.move_to(utc("2026-03-14T12:05:00"))
    assert renew(books) == 0
    books.pay("0.01")
    clock.move_to(utc("2026-03-14T12:10:00"))
    assert renew(books) == 1
    # nobody pays for the days it waited
    assert str(stored(books, one).starts_on) == "2026-03-14"
    assert sorted(fees(books)) == [D(5), D(31)]
    with books.work() as session:
        codes = session.scalars(select(Event.code)).all()
        assert codes.count("subscription_waits") == 1


def test_one_that_begins_later_waits_for_its_day(books, clock):
    one = subscribe(books, make_package(books, periodic_fee="10"), date(2026, 4, 1))
    assert (stored(books, one).status, fees(books)) == ("pending", [])
    clock.move_to(utc("2026-03-31T22:00:00"))
    renew(books)
    assert (stored(books, one).status, fees(books)) == ("active", [D(10)])


def test_stopping_now_gives_back_only_when_the_package_says_so(books, clock):
    kept = subscribe(books, make_package(books, "Kept", periodic_fee="31"))
    end(books, "stop_now", kept)
    assert fees(books) == [D(31)]
    shared = subscribe(books, make_package(books, "Shared", periodic_fee="31", prorate_stop=True))
    clock.move_to(utc("2026-03-19T12:00:00"))
    end(books, "stop_now", shared)
    assert fees(books) == [D(31), D(31), D(-21)]
    assert stored(books, shared).ending == "stopped"
    assert periods(books, shared)[0].ends_at == utc("2026-03-19T23:00:00")
    assert periods(books, shared)[0].refunded == 21


def test_cancelling_gives_back_with_the_taxes_of_its_day(books, clock):
    with books.work() as session:
        profile = tax_profiles.create_profile(
            session,
            reseller_id=books.tenant.id,
            name="VAT",
            taxes=[("VAT", D(19), 1)],
            is_default=True,
        )
    one = subscribe(books, make_package(books, periodic_fee="31", tax_mode="excluding"))
    with books.work() as session:
        tax_profiles.update_profile(
            session, profile.id, name="VAT", taxes=[("VAT", D(7), 1)], is_default=True
        )
    clock.move_to(utc("2026-03-19T12:00:00"))
    end(books, "cancel", one)
    with books.work() as session:
        back = session.scalars(select(Transaction).where(Transaction.amount < 0)).one()
    assert (back.net, back.tax, back.total) == (D(-21), D("-3.99"), D("-24.99"))
    assert books.balances()[0] == D("-11.9")
    with books.work() as session:
        assert ledger_check.check_ledger(session, books.tenant.id).ok


def test_a_charge_that_staff_reversed_is_not_given_back_again(books, clock):
    one = subscribe(books, make_package(books, periodic_fee="31"))
    books.reverse(periods(books, one)[0].transaction_id)
    end(books, "cancel", one)
    assert books.balances()[0] == 0


def test_stopping_at_the_end_can_be_taken_back_until_then(books, clock):
    one = subscribe(books, make_package(books, periodic_fee="10"))
    end(books, "stop_at_end", one)
    assert str(stored(books, one).ends_on) == "2026-04-09"
    end(books, "resume", one)
    clock.move_to(utc("2026-04-10T00:00:00"))
    renew(books)
    assert fees(books) == [D(10), D(10)]
    end(books, "stop_at_end", one)
    clock.move_to(utc("2026-06-10T00:00:00"))
    renew(books)
    assert fees(books) == [D(10), D(10)]
    assert (stored(books, one).status, stored(books, one).ending) == ("archived", "stopped")
    with pytest.raises(ConflictError):
        end(books, "cancel", one)


def test_one_that_never_began_is_cancelled_without_money(books, clock):
    one = subscribe(books, make_package(books, periodic_fee="10"), date(2026, 4, 1))
    end(books, "cancel", one)
    assert (stored(books, one).status, fees(books)) == ("archived", [])


def test_a_change_posts_what_its_preview_said(books, clock):
    small = make_package(books, "Small", periodic_fee="31")
    large = make_package(books, "Large", periodic_fee="62", activation_fee="3")
    one = subscribe(books, small)
    clock.move_to(utc("2026-03-20T12:00:00"))
    with books.work() as session:
        preview = plan_changes.preview_change(session, one, package_id=large.id, quantity=1)
    assert [(part.name, part.total) for part in preview.parts] == [
        ("unused", D(-21)),
        ("activation", D(3)),
        ("period", D(62)),
    ]
    assert preview.total == 44
    before = books.balances()[0]
    new = new_id()
    version = stored(books, one).version
    change(books, one, large, new_id=new, version=version)
    change(books, one, large, new_id=new, version=version)
    assert books.balances()[0] == before - preview.total
    # not a moment is left out or in both
    assert periods(books, one)[0].ends_at == periods(books, new)[0].starts_at
    assert str(stored(books, one).ends_on) == "2026-03-19"


def test_a_change_that_available_does_not_cover_changes_nothing(books, clock):
    books.save_billing(postpaid=False, credit=D(31))
    one = subscribe(books, make_package(books, "Small", periodic_fee="31"))
    large = make_package(books, "Large", periodic_fee="62")
    with pytest.raises(LimitError):
        change(books, one, large)
    assert (stored(books, one).status, fees(books)) == ("active", [D(31)])


def test_a_deleted_client_is_charged_no_more(books, clock):
    one = subscribe(books, make_package(books, periodic_fee="10"))
    with books.work() as session:
        client = get_client(session, books.client.id)
        clients.update_client(
            session,
            client.id,
            version=client.version,
            general=General(client.name, client.currency, client.timezone, "deleted"),
        )
    clock.move_to(utc("2026-06-10T00:00:00"))
    renew(books)
    assert (stored(books, one).status, fees(books)) == ("archived", [D(10)])


def test_somebody_elses_package_and_another_currency_are_refused(books, clock):
    globex = open_books("Globex", "globex")
    foreign = make_package(globex, periodic_fee="1")
    with pytest.raises(InvalidInputError, match="Choose a package"):
        subscribe(books, foreign)
    with pytest.raises(InvalidInputError, match="in EUR"):
        subscribe(books, make_package(books, currency="EUR"))
    one = subscribe(books, make_package(books, "Mine"))
    with pytest.raises(NotFoundError), globex.work() as session:
        subscription_endings.cancel(session, one, version=1)


def test_what_subscriptions_rest_on_cannot_change(books, clock):
    package = make_package(books, periodic_fee="10", units=(packages.Units("", "second", D(60)),))
    one = subscribe(books, package)
    with books.work() as session:
        terms = packages.get_terms(session, packages.get_package(session, package.id))

    def save(version, **changes):
        with books.work() as session:
            packages.update_package(
                session, package.id, version=version, terms=replace(terms, **changes)
            )

    with pytest.raises(InvalidInputError):
        save(1, period_count=2)
    save(1, periodic_fee=D(12))
    with pytest.raises(packages.StalePackageError):
        save(1, periodic_fee=D(13))
    clock.move_to(utc("2026-04-10T00:00:00"))
    renew(books)
    assert fees(books) == [D(10), D(12)]
    assert units(books, one) == [("", D(60), D(0)), ("", D(60), D(0))]
    with books.work() as session, pytest.raises(ConflictError):
        packages.delete_package(session, package.id)


def test_the_sweep_finds_what_is_due_and_two_workers_charge_once(books, clock):
    one = subscribe(books, make_package(books, periodic_fee="10"))
    clock.move_to(utc("2026-05-10T12:00:00"))
    with platform_unit_of_work() as session:
        assert find_due_subscriptions(session) == 1

    def work():
        with tenant_scope(books.tenant.scope):
            take_subscription_turn(str(one))

    assert at_once(work, work, work) == [None, None, None]
    assert [period.number for period in periods(books, one)] == [0, 1, 2]
    assert fees(books) == [D(10)] * 3
    with platform_unit_of_work() as session:
        assert find_due_subscriptions(session) == 0


@pytest.mark.parametrize("place", ["period", "charge", "units"])
def test_a_worker_that_dies_leaves_no_period_missing_and_none_double(
    books, clock, monkeypatch, place
):
    package = make_package(books, periodic_fee="10", units=(packages.Units("", "second", D(60)),))
    one = subscribe(books, package)
    clock.move_to(utc("2026-08-10T12:00:00"))
    target = {"period": "SubscriptionPeriod", "units": "_include_units"}.get(place)

    class Killed(BaseException):
        """As a process that ends: nothing catches it."""

    whole = transactions.create_charge if target is None else getattr(subscription_money, target)
    calls = []

    def dying(*args, **kwargs):
        calls.append(1)
        if len(calls) % 2:
            if place == "charge":
                whole(*args, **kwargs)
            raise Killed
        return whole(*args, **kwargs)

    owner = transactions if target is None else subscription_money
    monkeypatch.setattr(owner, target or "create_charge", dying)
    for _ in range(12):
        try:
            with tenant_scope(books.tenant.scope):
                take_subscription_turn(str(one))
        except Killed:
            continue
    assert [period.number for period in periods(books, one)] == list(range(6))
    assert fees(books) == [D(10)] * 6
    assert len(units(books, one)) == 6
