"""Which rate holds on a day, what it makes of an amount, and that none is never one."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing import currencies, exchange_rates, transactions
from billing.currencies import Precision
from billing.exchange_rates import HeldRate, NoExchangeRateError, apply_rate, rate_on
from billing.invoice_contents import read_contents
from core.clock import now
from core.errors import ConflictError, InvalidInputError, NotFoundError
from core.ids import new_id
from tenants.stamps import make_stamp
from tests.billing.books import Books

D = Decimal
DAY = date(2026, 3, 10)


@pytest.fixture
def books(acme: Books) -> Books:
    with acme.work() as session:
        for code in ("EUR", "JPY"):
            currencies.save_currency(
                session,
                reseller_id=acme.tenant.id,
                code=code,
                precision=currencies.usual_precision(code),
                stamp=None,
            )
    return acme


def give(books: Books, rate: str, day: date = DAY, pair: str = "EUR USD") -> int:
    source, target = pair.split()
    with books.work() as session:
        return exchange_rates.create_rate(
            session,
            reseller_id=books.tenant.id,
            from_currency=source,
            to_currency=target,
            day=day,
            rate=D(rate),
        ).id


def held(books: Books, day: date, pair: str = "EUR USD") -> HeldRate:
    with books.work() as session:
        return rate_on(session, books.tenant.id, *pair.split(), day)


def test_the_newest_rate_at_or_before_the_day_holds(books: Books):
    give(books, "1.10", DAY)
    give(books, "1.20", DAY + timedelta(days=5))
    assert held(books, DAY).rate == D("1.10")
    assert held(books, DAY + timedelta(days=4)).rate == D("1.10")
    assert held(books, DAY + timedelta(days=5)).rate == D("1.20")
    assert held(books, date(2199, 1, 1)).rate == D("1.20")


def test_without_a_rate_a_conversion_is_refused(books: Books):
    give(books, "1.10", DAY)
    for day, pair in ((DAY - timedelta(days=1), "EUR USD"), (DAY, "EUR JPY")):
        with pytest.raises(NoExchangeRateError) as refused:
            held(books, day, pair)
        assert day.isoformat() in refused.value.message
    assert held(books, DAY, "JPY JPY") == HeldRate("JPY", "JPY", D(1), None)


def test_the_way_back_is_the_inverse_unless_a_rate_of_its_own_is_as_new(books: Books):
    give(books, "1.25", DAY)
    assert held(books, DAY, "USD EUR") == HeldRate("USD", "EUR", D("0.8"), DAY, is_inverse=True)
    give(books, "0.79", DAY, "USD EUR")
    assert held(books, DAY, "USD EUR").rate == D("0.79")
    give(books, "1.6", DAY + timedelta(days=1))
    assert held(books, DAY + timedelta(days=1), "USD EUR").rate == D("0.625")


def test_a_conversion_keeps_both_sides_and_rounds_once_at_the_target(books: Books):
    give(books, "162.345", pair="EUR JPY")
    with books.work() as session:
        made = exchange_rates.convert(session, books.tenant.id, D("10.00"), "EUR", "JPY", DAY)
        exact = exchange_rates.convert(
            session, books.tenant.id, D("0.000001"), "EUR", "JPY", DAY, places=6
        )
    assert (made.original, made.amount, made.rate.rate) == (D("10.00"), D(1623), D("162.345"))
    assert exact.amount == D("0.000162")


@given(
    st.decimals(-(10**6), 10**6, places=6),
    st.decimals(D("0.0000000001"), D(10**6), places=10),
    st.sampled_from(["JPY", "EUR", "KWD", "CLF"]),
)
def test_a_conversion_mirrors_and_is_within_half_a_unit(amount: D, rate: D, currency: str):
    rate_held = HeldRate("USD", currency, rate, DAY)
    places = {"JPY": 0, "EUR": 2, "KWD": 3, "CLF": 4}[currency]
    made = apply_rate(amount, rate_held)
    assert made == -apply_rate(-amount, rate_held)
    assert abs(made - amount * rate) <= D(5).scaleb(-places - 1)


@pytest.mark.parametrize(
    ("rate", "pair", "day", "field"),
    [
        ("0", "EUR USD", DAY, "rate"),
        ("-1", "EUR USD", DAY, "rate"),
        ("1e10", "EUR USD", DAY, "rate"),
        ("0.00000000001", "EUR USD", DAY, "rate"),
        ("1", "EUR EUR", DAY, "to_currency"),
        ("1", "GBP USD", DAY, "from_currency"),
        ("1", "EUR USD", date(1900, 1, 1), "day"),
    ],
)
def test_a_rate_that_cannot_be_is_refused_at_its_field(books: Books, rate, pair, day, field):
    with pytest.raises(InvalidInputError) as refused:
        give(books, rate, day, pair)
    assert refused.value.field == field


def test_a_day_has_one_rate_and_saying_it_twice_makes_one(books: Books):
    assert give(books, "1.1") == give(books, "1.10")
    with pytest.raises(InvalidInputError):
        give(books, "1.2")


def test_a_rate_is_corrected_over_what_was_shown_and_deleted(books: Books, globex: Books):
    give(books, "1.0", DAY - timedelta(days=30))
    rate_id = give(books, "1.1")
    with books.work() as session:
        shown = make_stamp(exchange_rates.facts(exchange_rates.get_rate(session, rate_id)))
    with books.work() as session:
        exchange_rates.update_rate(session, rate_id, rate=D("1.2"), stamp=shown)
    with books.work() as session, pytest.raises(ConflictError):
        exchange_rates.update_rate(session, rate_id, rate=D("1.3"), stamp=shown)
    assert held(books, DAY).rate == D("1.2")
    with globex.work() as session, pytest.raises(NotFoundError):
        exchange_rates.delete_rate(session, rate_id)
    with books.work() as session:
        exchange_rates.delete_rate(session, rate_id)
    assert held(books, DAY).rate == D("1.0")


def test_what_is_used_has_a_precision_and_cannot_be_removed(books: Books, globex: Books):
    reseller_id = books.tenant.id
    give(books, "1.1")
    with books.work() as session:
        found = currencies.list_currencies(session, reseller_id)
        assert [(one.code, one.is_own, one.rates) for one in found] == [
            ("USD", True, 1), ("EUR", False, 1), ("JPY", False, 0)
        ]  # fmt: skip
        assert currencies.precision_of(session, reseller_id, "KWD") == Precision(6, 6, 3)
        with pytest.raises(ConflictError):
            currencies.remove_currency(session, reseller_id, "EUR")
        currencies.remove_currency(session, reseller_id, "JPY")
        with pytest.raises(NotFoundError):
            currencies.remove_currency(session, reseller_id, "JPY")
        assert currencies.list_codes(session, reseller_id) == {"USD", "EUR"}


@pytest.mark.parametrize(
    ("precision", "field"),
    [
        (Precision(6, 6, 1), "total_places"),
        (Precision(6, 7, 0), "detail_places"),
        (Precision(11, 6, 0), "rate_places"),
    ],
)
def test_yen_are_not_paid_in_fractions(books: Books, precision: Precision, field: str):
    with books.work() as session, pytest.raises(InvalidInputError) as refused:
        currencies.save_currency(
            session, reseller_id=books.tenant.id, code="JPY", precision=precision, stamp=None
        )
    assert refused.value.field == field


def test_an_invoice_is_rounded_to_the_decimals_that_totals_shall_have(books: Books):
    with books.work() as session:
        currencies.save_currency(
            session,
            reseller_id=books.tenant.id,
            code="USD",
            precision=Precision(6, 6, 1),
            stamp=make_stamp(currencies.facts(currencies.usual_precision("USD"))),
        )
    with books.work() as session:
        transactions.create_charge(
            session,
            transaction_id=new_id(),
            client_id=books.client.id,
            amount=D("10.46"),
            tax_mode="none",
        )
    with books.work() as session:
        totals = read_contents(session, books.client.id, "USD", now() + timedelta(1)).totals
    assert (totals.net, totals.rounding, totals.total) == (D("10.46"), D("0.04"), D("10.5"))
