"""Which payment paid which invoice."""

from datetime import date
from decimal import Decimal
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from billing import invoices
from billing.allocation import plan
from billing.invoice_models import PaymentAllocation
from billing.periods import period_for_dates
from core.zones import get_zone
from tests.billing.books import Books, utc

D = Decimal
ZONE = get_zone("America/New_York")
amounts = st.lists(st.integers(1, 10**8).map(lambda cents: D(cents).scaleb(-2)), max_size=8)


def numbered(values: list[Decimal]) -> list[tuple[UUID, Decimal]]:
    return [(UUID(int=index), value) for index, value in enumerate(values)]


@given(amounts, amounts)
def test_a_plan_spends_all_that_it_can_and_never_more(open_amounts, payments):
    rows = plan(numbered(open_amounts), numbered(payments))
    assert all(amount > 0 for _, _, amount in rows)
    assert sum((row[2] for row in rows), D(0)) == min(sum(open_amounts), sum(payments))
    for index, open_amount in enumerate(open_amounts):
        assert sum(row[2] for row in rows if row[0].int == index) <= open_amount
    for index, payment in enumerate(payments):
        assert sum(row[2] for row in rows if row[1].int == index) <= payment


@given(amounts, amounts)
def test_a_later_invoice_gets_nothing_while_an_earlier_one_is_open(open_amounts, payments):
    rows = plan(numbered(open_amounts), numbered(payments))
    paid = [
        sum((row[2] for row in rows if row[0].int == index), D(0))
        for index in range(len(open_amounts))
    ]
    is_open = [got < wanted for got, wanted in zip(paid, open_amounts, strict=True)]
    if True in is_open:
        assert not any(paid[is_open.index(True) + 1 :])
    assert [row[0].int for row in rows] == sorted(row[0].int for row in rows)
    assert [row[1].int for row in rows] == sorted(row[1].int for row in rows)


def invoiced(books: Books, amount: str, month: int) -> UUID:
    books.charge(amount, tax_mode="none", dated_at=utc(f"2026-{month:02}-10T12:00:00"))
    made = books.invoice(period_for_dates(date(2026, month, 1), date(2026, month, 28), ZONE))
    return made.id


def paid(books: Books, *invoice_ids: UUID) -> list[Decimal]:
    with books.work() as session:
        return [invoices.get_invoice(session, one).paid for one in invoice_ids]


def allocations(books: Books, payment_id: UUID) -> list[Decimal]:
    with books.work() as session:
        return list(
            session.scalars(
                select(PaymentAllocation.amount)
                .where(PaymentAllocation.transaction_id == payment_id)
                .order_by(PaymentAllocation.id)
            )
        )


def test_a_payment_goes_to_the_oldest_due_invoice_first(acme: Books):
    first, second = invoiced(acme, "30", 1), invoiced(acme, "20", 2)
    acme.pay("35.00")
    assert paid(acme, first, second) == [D(30), D(5)]
    acme.pay("15.00")
    assert paid(acme, first, second) == [D(30), D(20)]


def test_money_that_was_there_before_pays_the_invoice_when_it_is_issued(acme: Books):
    acme.pay("40.00")
    first, second = invoiced(acme, "30", 1), invoiced(acme, "20", 2)
    assert paid(acme, first, second) == [D(30), D(10)]


def test_a_pending_payment_pays_nothing(acme: Books):
    first = invoiced(acme, "30", 1)
    acme.pay("30.00", status="pending")
    assert paid(acme, first) == [D(0)]


def test_a_reversed_payment_leaves_its_invoices_and_another_takes_its_place(acme: Books):
    first = invoiced(acme, "30", 1)
    bounced = acme.pay("30.00")
    spare = acme.pay("12.00")
    acme.reverse(bounced, "Bounced")
    assert paid(acme, first) == [D(12)]
    assert allocations(acme, bounced) == [D(30), D(-30)]
    assert allocations(acme, spare) == [D(12)]


def test_what_is_open_can_be_asked_for_by_due_date(acme: Books):
    invoiced(acme, "30", 1)
    invoiced(acme, "20", 2)
    acme.pay("10.00")
    with acme.work() as session:
        assert invoices.get_open_amount(session, acme.client.id) == D(40)
        due = invoices.get_open_amount(session, acme.client.id, due_until=date(2026, 1, 31))
        assert due == D(20)
        assert invoices.get_open_amount(session, acme.client.id, due_until=date(2025, 1, 1)) == 0
