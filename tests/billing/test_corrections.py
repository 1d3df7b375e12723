"""What follows an invoice: credit notes, voiding, making anew, allocation by hand."""

from datetime import date
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing import (
    allocation_by_hand,
    credit_notes,
    invoice_voiding,
    invoices,
    ledger_check,
    tax_profiles,
)
from billing.credit_notes import split
from billing.invoice_contents import TaxLine, list_lines
from billing.invoice_models import Invoice
from billing.periods import period_for_dates
from billing.statements import make_statement
from core.clock import now
from core.errors import ConflictError, InvalidInputError, NotFoundError
from core.ids import new_id
from core.zones import get_zone
from tests.billing.books import Books, at_once, utc

D = Decimal
ZONE = get_zone("America/New_York")
MONTHS = {
    month: period_for_dates(date(2026, month, 1), date(2026, month, 28), ZONE)
    for month in range(1, 7)
}


def invoiced(
    books: Books, amount: str, month: int = 1, *, issue: bool = True, **details
) -> Invoice:
    details.setdefault("tax_mode", "none")
    books.charge(amount, dated_at=utc(f"2026-{month:02}-10T12:00:00"), **details)
    made = books.invoice(MONTHS[month], autoinvoice=issue)
    assert made is not None
    return made


def read(books: Books, invoice_id: UUID) -> Invoice:
    with books.work() as session:
        return invoices.get_invoice(session, invoice_id)


def credit(books: Books, invoice: Invoice, amount: str | None = None, **details):
    with books.work() as session:
        return credit_notes.create_credit_note(
            session,
            credit_note_id=details.pop("credit_note_id", None) or new_id(),
            invoice_id=invoice.id,
            amount=None if amount is None else D(amount),
            reason=details.pop("reason", "A mistake"),
        )


def void(books: Books, invoice: Invoice, **details) -> Invoice:
    with books.work() as session:
        return invoice_voiding.void_invoice(
            session, invoice.id, reason=details.pop("reason", "A mistake"), **details
        )


def put(books: Books, invoice: Invoice, payment_id: UUID, amount: str) -> Invoice:
    with books.work() as session:
        stamp = allocation_by_hand.read_stamp(session, invoice.id, payment_id)
        return allocation_by_hand.allocate(
            session, invoice_id=invoice.id, payment_id=payment_id, amount=D(amount), stamp=stamp
        )


def take_off(books: Books, invoice: Invoice, payment_id: UUID) -> Invoice:
    with books.work() as session:
        stamp = allocation_by_hand.read_stamp(session, invoice.id, payment_id)
        return allocation_by_hand.deallocate(
            session, invoice_id=invoice.id, payment_id=payment_id, stamp=stamp
        )


def prove(books: Books) -> None:
    with books.work() as session:
        assert ledger_check.check_ledger(session, books.tenant.id).findings == {}


cents = st.integers(1, 10**9).map(lambda number: D(number).scaleb(-2))
exact = st.integers(-(10**12), 10**12).map(lambda number: D(number).scaleb(-6))


@given(cents, exact, st.lists(st.tuples(exact, exact), max_size=4), st.lists(cents, max_size=8))
def test_credit_notes_of_all_parts_take_back_exactly_the_invoice(total, net, taxes, steps):
    rows = [TaxLine("VAT", D(1), base, amount) for base, amount in taxes]
    before, parts = D(0), []
    for step in [*steps, total]:
        amount = min(step, total - before)
        if amount > 0:
            parts.append(split(net, total, rows, before=before, amount=amount))
            before += amount
    assert before == total
    assert all(part.net + part.tax + part.rounding == part.total for part in parts)
    assert sum(part.net for part in parts) == net
    for index, row in enumerate(rows):
        assert sum(part.taxes[index].base for part in parts) == row.base
        assert sum(part.taxes[index].amount for part in parts) == row.amount


@given(cents, exact, cents)
def test_a_part_is_its_share_to_the_last_digit_but_one(total, net, amount):
    amount = min(amount, total)
    part = split(net, total, [], before=D(0), amount=amount)
    assert abs(part.net * total - net * amount) <= total * D("0.0000005")


class TestCreditNotes:
    def test_the_whole_invoice_comes_back_in_both_books(self, acme: Books):
        with acme.work() as session:
            profile = tax_profiles.create_profile(
                session, reseller_id=acme.tenant.id, name="VAT", taxes=[("VAT", D("7.7"), 1)]
            ).id
        acme.save_billing(tax_profile_id=profile)
        made = invoiced(acme, "33.333333", tax_mode="excluding")
        note = credit(acme, made)
        assert (note.number, note.total) == ("CN-2026-1", made.total)
        assert (note.net, note.tax, note.rounding) == (made.net, made.tax, made.rounding)
        assert acme.balances()[:2] == (D(0), D(0))
        after = read(acme, made.id)
        assert (after.credited, after.paid) == (made.total, made.total)
        prove(acme)

    def test_parts_never_come_to_more_than_what_is_left(self, acme: Books):
        made = invoiced(acme, "30")
        credit(acme, made, "12.50")
        with pytest.raises(InvalidInputError, match=r"17\.50 is left"):
            credit(acme, made, "17.51")
        credit(acme, made, "17.50")
        with pytest.raises(ConflictError, match="credited in full"):
            credit(acme, made)
        prove(acme)

    def test_a_paid_invoice_gives_its_payment_back_for_others(self, acme: Books):
        first = invoiced(acme, "30", 1)
        acme.pay("30")
        second = invoiced(acme, "20", 2)
        credit(acme, first, "25")
        assert read(acme, first.id).paid == D(30)
        assert read(acme, second.id).paid == D(20), "20 of the 25 that are free again"
        assert acme.balances()[1] == D(5)
        prove(acme)

    def test_the_same_form_sent_twice_credits_once(self, acme: Books):
        made = invoiced(acme, "30")
        form = new_id()
        assert credit(acme, made, "10", credit_note_id=form).id == form
        assert credit(acme, made, "10", credit_note_id=form).id == form
        assert read(acme, made.id).credited == D(10)

    def test_what_cannot_be_credited_is_refused(self, acme: Books):
        draft = invoiced(acme, "30", issue=False)
        with pytest.raises(ConflictError, match="Only an issued invoice"):
            credit(acme, draft)
        made = invoiced(acme, "30", 2)
        for amount in ("0", "-1", "0.001"):
            with pytest.raises(InvalidInputError):
                credit(acme, made, amount)
        with pytest.raises(InvalidInputError, match="reason"):
            credit(acme, made, reason="  ")

    def test_another_tenant_finds_no_such_invoice(self, acme: Books, globex: Books):
        made = invoiced(acme, "30")
        with pytest.raises(NotFoundError):
            credit(globex, made)

    def test_many_at_once_credit_no_more_than_there_is(self, acme: Books):
        made = invoiced(acme, "30")
        results = at_once(*[lambda: credit(acme, made, "10")] * 6)
        assert sum(isinstance(one, Exception) for one in results) == 3
        assert read(acme, made.id).credited == D(30)
        numbers = sorted(one.running_number for one in results if not isinstance(one, Exception))
        assert numbers == [1, 2, 3]
        prove(acme)


class TestVoiding:
    def test_postings_are_reversed_and_the_number_stays(self, acme: Books):
        made = invoiced(acme, "30")
        payment = acme.pay("10")
        voided = void(acme, made, reason="Wrong client")
        assert (voided.number, voided.state, voided.void_reason) == (
            made.number, "void", "Wrong client"
        )  # fmt: skip
        assert acme.balances()[:2] == (D(-20), D(10))
        with acme.work() as session:
            assert invoices.get_open_amount(session, acme.client.id) == 0
            found = invoices.get_invoice(session, made.id)
            assert allocation_by_hand.free_amount(session, acme.transaction(payment)) == D(10)
        assert found.paid == found.credited == D(30)
        prove(acme)

    def test_its_charges_go_on_the_next_invoice_and_numbers_have_no_gap(self, acme: Books):
        first = invoiced(acme, "30", 1)
        acme.pay("10")
        void(acme, first)
        second = invoiced(acme, "5", 2)
        assert (second.running_number, second.total, second.paid) == (2, D(35), D(10))
        prove(acme)

    def test_the_days_can_be_opened_again(self, acme: Books):
        made = invoiced(acme, "30", 1)
        void(acme, made, reopen=True)
        assert acme.billing_row().last_invoiced_on == date(2025, 12, 31)
        again = acme.invoice(MONTHS[1])
        assert (again.first_on, again.total, again.running_number) == (made.first_on, D(30), 2)
        prove(acme)

    def test_days_before_a_later_invoice_stay_closed(self, acme: Books):
        first = invoiced(acme, "30", 1)
        invoiced(acme, "5", 2)
        with pytest.raises(ConflictError, match="later period"):
            void(acme, first, reopen=True)
        assert read(acme, first.id).state == "to_send"

    def test_a_draft_is_void_without_any_posting(self, acme: Books):
        draft = invoiced(acme, "30", issue=False)
        void(acme, draft)
        assert acme.balances()[:2] == (D(-30), D(0))
        with acme.work() as session, pytest.raises(ConflictError, match="is void"):
            invoices.issue(session, draft.id)
        prove(acme)

    def test_a_credited_one_stays(self, acme: Books):
        made = invoiced(acme, "30")
        credit(acme, made, "5")
        with pytest.raises(ConflictError, match="Credit notes"):
            void(acme, made)

    def test_voiding_and_crediting_at_once_do_one_of_both(self, acme: Books):
        for month in (1, 2, 3):
            made = invoiced(acme, "30", month)
            at_once(lambda made=made: void(acme, made), lambda made=made: credit(acme, made))
            after = read(acme, made.id)
            assert after.paid == after.credited == after.total
        prove(acme)

    def test_voiding_twice_at_once_reverses_once(self, acme: Books):
        made = invoiced(acme, "30")
        results = at_once(*[lambda: void(acme, made).state] * 4)
        assert results == ["void"] * 4
        assert acme.balances()[1] == 0
        prove(acme)


class TestMakingAnew:
    def test_a_draft_takes_what_was_charged_since(self, acme: Books):
        draft = invoiced(acme, "30", issue=False)
        acme.charge("5", tax_mode="none", dated_at=utc("2026-01-12T12:00:00"), description="Late")
        with acme.work() as session:
            again = invoice_voiding.regenerate(session, draft.id)
            assert (again.number, again.total) == (draft.number, D(35))
            assert [line.net for line in list_lines(session, draft.id)] == [D(30), D(5)]
        with acme.work() as session:
            invoices.issue(session, draft.id)
        assert acme.balances()[1] == D(-35)
        prove(acme)

    def test_an_issued_one_is_never_made_anew(self, acme: Books):
        made = invoiced(acme, "30")
        with acme.work() as session, pytest.raises(ConflictError):
            invoice_voiding.regenerate(session, made.id)

    def test_a_draft_of_nothing_stays_as_it_is(self, acme: Books):
        draft = invoiced(acme, "30", issue=False, transaction_id=(charge := new_id()))
        acme.reverse(charge)
        with pytest.raises(ConflictError, match="void it"), acme.work() as session:
            invoice_voiding.regenerate(session, draft.id)
        assert read(acme, draft.id).total == D(30)


class TestAllocationByHand:
    def test_a_payment_is_moved_from_one_invoice_to_another(self, acme: Books):
        first, second = invoiced(acme, "30", 1), invoiced(acme, "20", 2)
        payment = acme.pay("20")
        take_off(acme, first, payment)
        assert (read(acme, first.id).paid, read(acme, second.id).paid) == (D(0), D(0))
        put(acme, second, payment, "15")
        assert read(acme, second.id).paid == D(15)
        acme.pay("1")
        assert read(acme, first.id).paid == D(1), "the other one goes on automatically"
        prove(acme)

    def test_never_more_than_either_side_has(self, acme: Books):
        first, second = invoiced(acme, "30", 1), invoiced(acme, "5", 2)
        payment = acme.pay("20")
        take_off(acme, first, payment)
        with pytest.raises(InvalidInputError, match=r"5\.00 is open"):
            put(acme, second, payment, "6")
        put(acme, second, payment, "5")
        with pytest.raises(InvalidInputError, match=r"15\.00 of the payment"):
            put(acme, first, payment, "16")

    def test_a_second_click_is_refused(self, acme: Books):
        first = invoiced(acme, "30", 1)
        payment = acme.pay("20")
        take_off(acme, first, payment)
        with acme.work() as session:
            stamp = allocation_by_hand.read_stamp(session, first.id, payment)

        def click() -> None:
            with acme.work() as session:
                allocation_by_hand.allocate(
                    session, invoice_id=first.id, payment_id=payment, amount=D(5), stamp=stamp
                )

        results = at_once(click, click, click)
        assert sum(isinstance(one, ConflictError) for one in results) == 2
        assert read(acme, first.id).paid == D(5)

    def test_a_payment_can_go_back_to_the_automatic_allocation(self, acme: Books):
        first = invoiced(acme, "30", 1)
        payment = acme.pay("20")
        take_off(acme, first, payment)
        with acme.work() as session:
            allocation_by_hand.set_by_hand(session, payment, by_hand=False)
        assert read(acme, first.id).paid == D(20)

    def test_a_reversed_payment_and_another_clients_give_nothing(self, acme: Books):
        first = invoiced(acme, "30", 1)
        bounced = acme.pay("20")
        acme.reverse(bounced)
        with pytest.raises(InvalidInputError, match=r"0\.00 of the payment"):
            put(acme, first, bounced, "1")
        other = acme.with_client()
        foreign = other.pay("20")
        with pytest.raises(NotFoundError):
            put(acme, first, foreign, "1")

    # the fixture makes a client of its own for each example
    @settings(
        max_examples=20,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 40)), max_size=6))
    def test_whatever_people_do_the_books_hold(self, postgres_books, steps):
        """Random orders to credit, void, take off and put; the ledger check finds nothing."""
        books, made, payment = postgres_books()
        for what, amount in steps:
            try:
                if what == 0:
                    credit(books, made[amount % 2], f"{amount}")
                elif what == 1:
                    void(books, made[amount % 2])
                elif what == 2:
                    take_off(books, made[amount % 2], payment)
                elif what == 3:
                    put(books, made[amount % 2], payment, f"{amount}")
                elif what == 4:
                    books.pay(f"{amount}")
                else:
                    with books.work() as session:
                        allocation_by_hand.set_by_hand(session, payment, by_hand=amount % 2 == 0)
            except (ConflictError, InvalidInputError):
                pass
            for one in made:
                after = read(books, one.id)
                assert 0 <= after.credited <= after.paid <= after.total
        prove(books)


@pytest.fixture
def postgres_books(acme: Books):
    """A fresh client with two invoices and a payment for each example."""

    def make():
        books = acme.with_client(f"Client {new_id()}")
        made = [invoiced(books, "30", 1), invoiced(books, "20", 2)]
        return books, made, books.pay("25")

    return make


def test_a_statement_adds_up_and_names_every_step(acme: Books):
    first = invoiced(acme, "30", 1)
    acme.pay("20", dated_at=utc("2026-02-10T12:00:00"))
    credit(acme, first, "5")
    day = now().astimezone(ZONE).date()
    with acme.work() as session:
        whole = make_statement(session, acme.client.id, first_on=date(2026, 1, 1), last_on=day)
        later = make_statement(session, acme.client.id, first_on=date(2026, 2, 1), last_on=day)
    assert [one.amount for one in whole.movements] == [D(-30), D(20), D(5)]
    assert (whole.opening, whole.closing) == (D(0), D(-5)) == (D(0), acme.balances()[1])
    assert whole.movements[-1].balance == whole.closing
    assert (whole.invoiced, whole.paid) == (D(-25), D(20))
    assert later.opening + sum(one.amount for one in later.movements) == later.closing == D(-5)
