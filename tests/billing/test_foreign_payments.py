"""Payments that came in another currency: converted once, with both sides and the rate kept."""

from datetime import date
from decimal import Decimal

import pytest

from billing import currencies, exchange_rates, foreign_payments, ledger_check, transactions
from billing.exchange_rates import NoExchangeRateError
from billing.models import Transaction
from core.errors import ConflictError, InvalidInputError
from core.ids import new_id
from tests.billing.books import Books, utc

D = Decimal
DAY = utc("2026-03-10T12:00:00")


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
        for day, rate in ((date(2026, 3, 1), "1.0625"), (date(2026, 3, 11), "2")):
            exchange_rates.create_rate(
                session,
                reseller_id=acme.tenant.id,
                from_currency="EUR",
                to_currency="USD",
                day=day,
                rate=D(rate),
            )
    return acme


def pay(books: Books, amount: str, currency: str = "EUR", **details) -> Transaction:
    with books.work() as session:
        return foreign_payments.create_foreign_payment(
            session,
            transaction_id=details.pop("transaction_id", None) or new_id(),
            client_id=books.client.id,
            amount=D(amount),
            currency=currency,
            payment_account_id=books.account_id,
            dated_at=details.pop("dated_at", DAY),
            **details,
        )


def test_the_rate_of_its_day_converts_it_and_both_sides_are_kept(books: Books):
    made = pay(books, "100.01")
    assert (made.original_amount, made.original_currency) == (D("100.01"), "EUR")
    assert (made.exchange_rate, made.amount, made.currency) == (D("1.0625"), D("106.26"), "USD")
    assert books.balances()[:2] == (D("106.26"), D("106.26"))
    with books.work() as session:
        assert ledger_check.check_ledger(session, books.tenant.id).findings == {}


def test_a_rate_given_by_hand_counts_instead(books: Books):
    made = pay(books, "100", rate=D("1.1"))
    assert (made.exchange_rate, made.total) == (D("1.1"), D("110.00"))
    with books.work() as session:
        shown = foreign_payments.convert_payment(
            session, client_id=books.client.id, amount=D(100), currency="EUR", rate=D("1.1")
        )
    assert (shown.amount, shown.day) == (D("110.00"), None)


def test_its_reversal_mirrors_what_it_was(books: Books):
    made = pay(books, "100")
    back = books.transaction(books.reverse(made.id))
    assert (back.original_amount, back.exchange_rate) == (D(-100), D("1.0625"))
    assert books.balances()[0] == D(0)


def test_the_same_form_sent_again_after_a_new_rate_books_once(books: Books):
    form = new_id()
    first = pay(books, "100", transaction_id=form)
    with books.work() as session:
        exchange_rates.create_rate(
            session,
            reseller_id=books.tenant.id,
            from_currency="EUR",
            to_currency="USD",
            day=date(2026, 3, 10),
            rate=D(3),
        )
    assert pay(books, "100", transaction_id=form).total == first.total
    with pytest.raises(ConflictError):
        pay(books, "101", transaction_id=form)
    with books.work() as session, pytest.raises(ConflictError):
        transactions.create_payment(
            session,
            transaction_id=form,
            client_id=books.client.id,
            amount=first.total,
            payment_account_id=books.account_id,
            dated_at=DAY,
        )


@pytest.mark.parametrize(
    ("amount", "currency", "rate", "field"),
    [
        ("100", "USD", None, "currency"),
        ("100", "CHF", None, "currency"),
        ("0", "EUR", None, "amount"),
        ("1.001", "EUR", None, "amount"),
        ("1.5", "JPY", "0.01", "amount"),
        ("100", "EUR", "0", "rate"),
        ("100", "EUR", "1.12345678901", "rate"),
        ("0.01", "EUR", "0.0001", "amount"),
    ],
)
def test_what_cannot_be_is_refused_at_its_field(books: Books, amount, currency, rate, field):
    with pytest.raises(InvalidInputError) as caught:
        pay(books, amount, currency, rate=None if rate is None else D(rate))
    assert caught.value.field == field


def test_without_a_rate_it_is_refused_and_never_taken_as_one(books: Books):
    with pytest.raises(NoExchangeRateError):
        pay(books, "100", "JPY")
