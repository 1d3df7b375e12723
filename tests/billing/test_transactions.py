"""Payments and charges: what they move, what may be repeated, how they are undone."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from billing import tax_profiles, transactions
from billing.client_billing import Billing, get_billing, save_billing
from core import jobs
from core.errors import ConflictError, InvalidInputError, NotFoundError
from core.ids import new_id
from core.tenancy import tenant_scope
from core.uow import unit_of_work
from tenants.clients import get_client
from tests.billing.books import Books, at_once

D = Decimal


def test_a_payment_raises_live_fixed_and_available(acme: Books):
    acme.pay("100.00")
    assert acme.balances() == (D(100), D(100), D(100))


def test_a_charge_lowers_live_and_leaves_fixed_until_it_is_invoiced(acme: Books):
    acme.charge("12.345678", tax_mode="none")
    assert acme.balances() == (D("-12.345678"), D(0), D("-12.345678"))


def test_a_pending_transaction_moves_nothing_until_it_is_approved(acme: Books):
    payment = acme.pay("50.00", status="pending")
    charge = acme.charge("7", status="pending")
    assert acme.balances() == (D(0), D(0), D(0))
    with acme.work() as session:
        transactions.approve(session, payment)
        transactions.approve(session, charge)
        transactions.approve(session, charge)
    assert acme.balances() == (D(43), D(50), D(43))


def test_credit_adds_to_available_and_postpaid_has_no_limit(acme: Books):
    acme.pay("10.00")
    acme.save_billing(credit=D("-4"))
    assert acme.balances() == (D(10), D(10), D(6))
    acme.save_billing(postpaid=True)
    assert acme.balances() == (D(10), D(10), None)


def test_the_same_form_sent_twice_books_once(acme: Books):
    form_id = new_id()
    acme.pay("5.00", transaction_id=form_id, description="Wire")
    acme.pay("5.00", transaction_id=form_id, description="Wire")
    assert acme.balances()[0] == D(5)


def test_the_same_form_sent_at_the_same_moment_books_once(acme: Books):
    form_id = new_id()
    results = at_once(*[lambda: acme.pay("5.00", transaction_id=form_id)] * 5)
    assert results == [form_id] * 5
    assert acme.balances()[0] == D(5)


def test_the_same_id_with_other_content_is_refused(acme: Books):
    form_id = new_id()
    acme.pay("5.00", transaction_id=form_id)
    with pytest.raises(ConflictError):
        acme.pay("6.00", transaction_id=form_id)
    with pytest.raises(ConflictError):
        acme.charge("5.00", transaction_id=form_id)


def test_another_tenants_id_is_refused_without_a_word_about_it(acme: Books, globex: Books):
    form_id = new_id()
    acme.pay("5.00", transaction_id=form_id)
    with pytest.raises(ConflictError):
        globex.pay("5.00", transaction_id=form_id)
    assert globex.balances()[0] == D(0)


def test_another_tenant_finds_neither_client_nor_transaction(acme: Books, globex: Books):
    payment = acme.pay("5.00")
    with globex.work() as session:
        with pytest.raises(NotFoundError):
            transactions.get_transaction(session, payment)
        with pytest.raises(NotFoundError):
            transactions.reverse(session, payment, reversal_id=new_id(), reason="Not mine")
        with pytest.raises(NotFoundError):
            transactions.create_charge(
                session, transaction_id=new_id(), client_id=acme.client.id, amount=D(1)
            )


@pytest.mark.parametrize("amount", ["0", "-1", "NaN", "Infinity", "1.0000001", "1e15"])
def test_an_amount_that_the_ledger_cannot_hold_is_refused(acme: Books, amount: str):
    with pytest.raises(InvalidInputError) as refused:
        acme.charge(amount)
    assert refused.value.field == "amount"


def test_a_payment_is_in_whole_minor_units(acme: Books):
    with pytest.raises(InvalidInputError):
        acme.pay("1.001")


def test_a_payment_needs_an_account_of_the_clients_own_reseller(acme: Books, globex: Books):
    foreign = Books(acme.tenant, acme.client, globex.account_id)
    with pytest.raises(InvalidInputError) as refused:
        foreign.pay("1.00")
    assert refused.value.field == "payment_account_id"


def test_a_charge_carries_its_tax_on_tax_from_the_day_it_was_posted(acme: Books):
    with acme.work() as session:
        profile = tax_profiles.create_profile(
            session,
            reseller_id=acme.tenant.id,
            name="Two levels",
            taxes=[("GST", D(5), 1), ("QST", D("9.975"), 2)],
        )
        profile_id = profile.id
    acme.save_billing(tax_profile_id=profile_id)
    charge = acme.transaction(acme.charge("100"))
    assert (charge.net, charge.tax, charge.total) == (D(100), D("15.47375"), D("115.47375"))
    with acme.work() as session:
        tax_profiles.update_profile(
            session, profile_id, name="Two levels", taxes=[("GST", D(50), 1)]
        )
    assert acme.transaction(charge.id).tax == D("15.47375")
    assert acme.balances()[0] == D("-115.47375")


def test_an_inclusive_charge_keeps_its_total(acme: Books):
    with acme.work() as session:
        tax_profiles.create_profile(
            session, reseller_id=acme.tenant.id, name="VAT", taxes=[("VAT", D(19), 1)],
            is_default=True,
        )  # fmt: skip
    charge = acme.transaction(acme.charge("119", tax_mode="including"))
    assert (charge.net, charge.tax, charge.total) == (D(100), D(19), D(119))


def test_the_resellers_default_profile_is_taken_when_the_client_has_none(acme: Books):
    with acme.work() as session:
        for name, percent in (("Old", D(10)), ("New", D(20))):
            tax_profiles.create_profile(
                session, reseller_id=acme.tenant.id, name=name, taxes=[("Tax", percent, 1)],
                is_default=True,
            )  # fmt: skip
    assert acme.transaction(acme.charge("10")).tax == D(2)
    assert acme.transaction(acme.charge("10", tax_mode="none")).tax == D(0)


def test_a_reversal_is_the_exact_opposite_and_the_original_stays(acme: Books):
    payment = acme.pay("30.00")
    charge = acme.charge("4.123456", tax_mode="none")
    acme.reverse(payment)
    acme.reverse(charge)
    assert acme.balances() == (D(0), D(0), D(0))
    assert acme.transaction(payment).total == D(30)


def test_a_reversal_is_done_once_and_says_why(acme: Books):
    payment = acme.pay("30.00")
    with acme.work() as session, pytest.raises(InvalidInputError):
        transactions.reverse(session, payment, reversal_id=new_id(), reason=" ")
    reversal = acme.reverse(payment, "Bounced")
    with acme.work() as session:
        again = transactions.reverse(session, payment, reversal_id=reversal, reason="Bounced")
        assert again.reason == "Bounced"
        with pytest.raises(ConflictError):
            transactions.reverse(session, payment, reversal_id=new_id(), reason="Again")
        with pytest.raises(ConflictError):
            transactions.reverse(session, reversal, reversal_id=new_id(), reason="Back")
    assert acme.balances()[0] == D(0)


def test_two_reversals_at_the_same_moment_undo_once(acme: Books):
    payment = acme.pay("30.00")
    acme.pay("1.00")
    results = at_once(*[lambda: acme.reverse(payment)] * 4)
    assert sum(isinstance(result, ConflictError) for result in results) == 3
    assert acme.balances()[0] == D(1)


def test_a_pending_transaction_cannot_be_reversed(acme: Books):
    pending = acme.pay("30.00", status="pending")
    with pytest.raises(ConflictError):
        acme.reverse(pending)


def test_a_gateway_payment_is_booked_once_however_often_it_is_reported(acme: Books):
    refill_id = new_id()

    def report():
        with acme.work() as session:
            return transactions.record_gateway_payment(
                session, source_id=refill_id, client_id=acme.client.id, amount=D("20.00"),
                currency="USD", payment_account_id=acme.account_id, description="Refill",
            ).id  # fmt: skip

    assert at_once(report, report, report, report) == [refill_id] * 4
    assert acme.balances() == (D(20), D(20), D(20))


def test_the_author_is_the_person_and_empty_for_the_system(acme: Books):
    assert acme.transaction(acme.pay("1.00")).author == acme.tenant.owner_email
    scope = type(acme.tenant.scope)((acme.tenant.id,))
    with tenant_scope(scope), unit_of_work() as session:
        made = transactions.create_charge(
            session, transaction_id=new_id(), client_id=acme.client.id, amount=D(1)
        )
        assert made.author == ""


def test_a_prepaid_balance_that_runs_out_asks_for_the_automatic_charge(acme: Books):
    sent = []
    jobs.configure(sent.append)
    try:
        acme.pay("10.00")
        acme.charge("4", tax_mode="none")
        assert not sent
        acme.charge("6", tax_mode="none")
        assert [(job.name, job.args) for job in sent] == [
            ("payments.auto_charge", {"client_id": acme.client.id})
        ]
    finally:
        jobs._senders.clear()


def test_a_credit_has_nine_digits_and_postpaid_leaves_it(acme: Books):
    acme.save_billing(credit=D("999999999"))
    with pytest.raises(InvalidInputError):
        acme.save_billing(credit=D("-1000000000"))
    acme.save_billing(postpaid=True, credit=D(5))
    with acme.work() as session:
        assert get_billing(session, acme.client.id) == Billing(postpaid=True, credit=D("999999999"))


def change_currency(books: Books) -> None:
    with books.work() as session:
        client = get_client(session, books.client.id)
        client.currency = "EUR"
        save_billing(session, client, Billing())


def test_the_currency_is_fixed_once_money_moved(acme: Books):
    change_currency(acme.with_client())
    acme.pay("1.00")
    with pytest.raises(InvalidInputError) as refused:
        change_currency(acme)
    assert refused.value.field == "currency"


def test_the_currency_is_fixed_while_a_payment_waits_for_approval(acme: Books):
    acme.pay("1.00", status="pending")
    with pytest.raises(InvalidInputError) as refused:
        change_currency(acme)
    assert refused.value.field == "currency"
    with acme.work() as session:
        assert get_client(session, acme.client.id).currency == "USD"


def test_a_card_number_is_kept_in_no_description(acme: Books):
    with pytest.raises(InvalidInputError, match="card number"):
        acme.charge("1", description="Paid with 4111 1111 1111 1111")
    charge = acme.charge("1", tax_mode="none")
    with acme.work() as session, pytest.raises(InvalidInputError, match="card number"):
        transactions.reverse(session, charge, reversal_id=new_id(), reason="4111-1111-1111-1111")


@pytest.mark.parametrize("year", [1, 1969, 2200, 9999])
def test_a_date_at_the_end_of_the_calendar_is_refused(acme: Books, year: int):
    with pytest.raises(InvalidInputError, match="date"):
        acme.charge("1", dated_at=datetime(year, 6, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("amount", "quantity"),
    [("1", "0"), ("1", "0.0000001"), ("1", "1e14"), ("1", "NaN"), ("20000", "0.000001")],
)
def test_a_quantity_that_no_invoice_could_write_is_refused(acme: Books, amount: str, quantity: str):
    with pytest.raises(InvalidInputError) as refused:
        acme.charge(amount, quantity=D(quantity))
    assert refused.value.field == "quantity"


def test_a_charge_that_no_invoice_could_write_is_refused(acme: Books):
    with pytest.raises(InvalidInputError) as refused:
        acme.charge("10000000000")
    assert refused.value.field == "amount"
    acme.charge("10000000000", quantity=D(2))
