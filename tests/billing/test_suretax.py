"""SureTax: the adapter against its sandbox, invoices that wait for their taxes, what is filed."""

import dataclasses
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import uuid5

import pytest
import time_machine
from sqlalchemy import select, update

from billing import (
    autoinvoicing,
    credit_notes,
    explain_invoice,
    invoice_voiding,
    invoices,
    ledger_check,
    numbers,
    payment_terms,
    suretax_accounts,
    suretax_rules,
    suretax_wire,
    tax_filings,
    tax_profiles,
    tax_waits,
)
from billing.invoice_contents import list_lines, list_taxes
from billing.invoice_models import Invoice
from billing.models import Transaction
from billing.periods import Period, period_for_dates
from billing.suretax_accounts import AccountWish
from billing.suretax_models import TaxFiling, TaxWait
from billing.suretax_profiles import SureTaxWords
from billing.suretax_wire import Outcome
from core.clock import now
from core.errors import ConflictError, InvalidInputError
from core.ids import new_id
from core.platform_uow import platform_unit_of_work
from core.tenancy import tenant_scope
from core.uow import unit_of_work
from core.zones import get_zone
from payments import client_erasure
from tenants import client_blocks
from tenants.clients import get_client
from tenants.models import Event
from tests.billing.books import Books, at_once, open_books
from tests.sandbox.suretax_server import RunningSureTax, running_suretax
from worker.sweeps.billing import find_due_clients
from worker.sweeps.suretax import find_untold_filings, find_waiting_invoices

D = Decimal
KEY = "13290031-F004-4F00-8ED3-E979D6749B88"


@pytest.fixture(scope="module")
def suretax_process() -> Iterator[RunningSureTax]:
    with running_suretax() as running:
        yield running


@pytest.fixture
def sandbox(suretax_process: RunningSureTax) -> RunningSureTax:
    suretax_process.control("reset")
    return suretax_process


@pytest.fixture
def asking(settings, sandbox: RunningSureTax):
    """Settings of a site whose SureTax is the sandbox."""
    return settings.model_copy(
        update={"suretax_live_url": sandbox.url, "suretax_test_url": sandbox.url}
    )


@pytest.fixture
def books(clean_database, asking) -> Books:
    """Acme with SureTax, and a business client of New York."""
    books = open_books("Acme", "acme", timezone="UTC")
    set_up(books, asking)
    return books


def set_up(books: Books, settings, **details) -> None:
    with books.work() as session:
        numbers.save_template(session, reseller_id=books.tenant.id, template="INV%Y%N")
        suretax_accounts.save_account(
            session,
            reseller_id=books.tenant.id,
            wish=AccountWish("000000001", KEY, "WEST", **details),
            settings=settings,
        )
        profile = tax_profiles.create_profile(
            session,
            reseller_id=books.tenant.id,
            name="US taxes",
            taxes=(),
            mode="suretax",
            suretax=SureTaxWords("B", ""),
        )
    books.save_billing(tax_profile_id=profile.id)
    set_zip(books, "10001")


def set_zip(books: Books, zip_code: str) -> None:
    with books.work() as session:
        client = get_client(session, books.client.id)
        known = client_blocks.get_company(session, books.client.id)
        client_blocks.save_company(session, client, dataclasses.replace(known, zip_code=zip_code))


def this_month() -> Period:
    day = now().date()
    return period_for_dates(day, day, get_zone("UTC"))


def wish(books: Books, *, issue: bool = True, **details):
    with books.work() as session:
        return tax_waits.make_invoice(
            session,
            invoice_id=details.pop("invoice_id", None) or new_id(),
            client_id=books.client.id,
            period=details.pop("period", None) or this_month(),
            autoinvoice=False,
            issue=issue,
            **details,
        )


def ask(books: Books, wait: TaxWait, settings) -> bool:
    with tenant_scope(books.tenant.scope):
        return tax_waits.ask(unit_of_work, wait.id, settings=settings)


def tell(books: Books, invoice_id, settings) -> bool:
    with tenant_scope(books.tenant.scope):
        return tax_filings.tell(unit_of_work, invoice_id, settings=settings)


def stored_wait(books: Books) -> TaxWait | None:
    with books.work() as session:
        return tax_waits.find_client_wait(session, books.client.id)


def stored_filing(books: Books, invoice_id) -> TaxFiling:
    with books.work() as session:
        filing = tax_filings.find_filing(session, invoice_id)
    assert filing is not None
    return filing


def let_time_pass(books: Books) -> None:
    """Every put-off try is due now."""
    with books.work() as session:
        session.execute(update(TaxWait).values(next_try_at=now() - timedelta(seconds=1)))
        session.execute(update(TaxFiling).values(next_try_at=now() - timedelta(seconds=1)))


def invoice_now(books: Books, settings, **details) -> Invoice:
    """The client's invoice with its taxes, at once."""
    wait = wish(books, **details)
    assert isinstance(wait, TaxWait)
    assert ask(books, wait, settings), stored_wait(books)
    (made,) = [one for one in books.stored_invoices() if one.id == wait.id]
    return made


def test_the_taxes_of_the_answer_stand_on_the_invoice_as_they_came(books, asking, sandbox):
    books.charge("100", kind="extra_charge")
    books.charge("50.005", kind="package_fee")
    invoice = invoice_now(books, asking)
    filing = stored_filing(books, invoice.id)
    assert invoice.net == D("150.005")
    assert invoice.tax == D(filing.answer["total"]) > 0
    with books.work() as session:
        taxes = list_taxes(session, invoice.id)
        lines = list_lines(session, invoice.id)
        why = explain_invoice.explain_invoice(session, invoice.id)
    assert sum(tax.amount for tax in taxes) == invoice.tax
    assert "NY STATE SALES TAX" in {tax.name for tax in taxes}
    assert {line.group for line in lines} == {"extra_charge", "package_fee"}
    assert invoice.total == invoice.net + invoice.tax + invoice.rounding
    assert why.is_proven
    live, fixed, _ = books.balances()
    # the two differ by what brings the invoice to whole cents
    assert fixed == -invoice.total
    assert live == -(invoice.net + invoice.tax)


def test_the_books_hold_with_suretax(books, asking):
    books.charge("80")
    invoice_now(books, asking)
    with books.work() as session:
        assert ledger_check.check_ledger(session, books.tenant.id).ok


def test_what_is_asked_is_a_quote_in_the_documented_form(books, asking, sandbox):
    set_zip(books, "10001-1234")
    books.charge("12.34567", kind="services_charge")
    invoice = invoice_now(books, asking)
    asked = stored_filing(books, invoice.id).asked
    (item,) = asked["ItemList"]
    assert asked["ReturnFileCode"] == "Q"
    assert asked["TotalRevenue"] == item["Revenue"] == "12.3457"
    assert (item["Zipcode"], item["Plus4"], item["TaxSitusRule"]) == ("10001", "1234", "05")
    assert item["TransTypeCode"] == suretax_accounts.USAGE_CODE
    assert "ValidationKey" not in asked
    assert not sandbox.filings()


def test_a_charge_free_of_tax_is_not_asked_about(books, asking):
    books.charge("10", tax_mode="none")
    made = wish(books)
    assert isinstance(made, Invoice)
    assert made.tax == 0


def test_a_charge_cannot_include_taxes_that_nobody_knows_yet(books):
    with pytest.raises(InvalidInputError) as refused:
        books.charge("10", tax_mode="including")
    assert refused.value.field == "tax_mode"


def test_no_invoice_of_suretax_is_made_without_its_taxes(books):
    books.charge("10")
    with pytest.raises(ConflictError, match="SureTax has to say"):
        books.invoice(this_month(), autoinvoice=False)
    assert books.stored_invoices() == []


@pytest.mark.parametrize(
    "fault", ["drop_before", "http_502", "http_429", "drop_after", "unreadable_after"]
)
def test_an_invoice_waits_when_suretax_does_not_answer(books, asking, sandbox, fault):
    books.charge("10")
    wait = wish(books)
    sandbox.misbehave(fault, call="PostRequest")
    before = now()
    assert ask(books, wait, asking)
    waiting = stored_wait(books)
    assert waiting.reason.startswith("SureTax does not answer")
    assert waiting.next_try_at > before
    assert books.stored_invoices() == []
    assert numbers_taken(books) == 0
    assert books.balances()[0] == D("-10")
    assert not ask(books, wait, asking), "asked before its time"
    let_time_pass(books)
    assert ask(books, wait, asking)
    (invoice,) = books.stored_invoices()
    assert invoice.tax > 0
    assert stored_wait(books) is None


def numbers_taken(books: Books) -> int:
    with books.work() as session:
        return numbers.read_series(session, books.tenant.id).next_number - 1


def test_it_is_asked_later_and_later(books, asking, sandbox):
    books.charge("10")
    wait = wish(books)
    sandbox.control("down", is_down=True)
    delays = []
    for _ in range(4):
        let_time_pass(books)
        ask(books, wait, asking)
        delays.append(stored_wait(books).next_try_at - now())
    assert delays == sorted(delays)
    assert delays[-1] > 10 * delays[0]
    with books.work() as session:
        codes = session.scalars(select(Event.code)).all()
    assert codes.count("tax_waits") == 1, "one event a day is enough"


def test_what_suretax_refuses_is_said_in_its_words(books, asking, sandbox):
    books.charge("10")
    wait = wish(books)
    sandbox.control("refuse", code="1121")
    ask(books, wait, asking)
    waiting = stored_wait(books)
    assert waiting.reason_values["code"] == "1121"
    assert "published Data Year/Month" in waiting.reason_values["said"]


def test_a_client_without_a_zip_code_waits_and_says_so(books, asking):
    set_zip(books, "W1A 1AA")
    books.charge("10")
    wait = wish(books)
    assert not ask(books, wait, asking)
    assert "zip code" in stored_wait(books).reason
    set_zip(books, "94103")
    with books.work() as session:
        tax_waits.ask_again(session, wait.id)
    assert ask(books, wait, asking)
    assert len(books.stored_invoices()) == 1


def test_a_worker_killed_after_the_answer_asks_again_and_makes_one_invoice(
    books, asking, monkeypatch
):
    books.charge("10")
    wait = wish(books)

    class Killed(BaseException):
        pass

    def die(*_args, **_named):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(tax_waits, "_record", die)
        with pytest.raises(Killed):
            ask(books, wait, asking)
    assert books.stored_invoices() == []
    with platform_unit_of_work() as session:
        assert find_waiting_invoices(session) == 0, "somebody may still be at it"
    let_time_pass(books)
    with platform_unit_of_work() as session:
        assert find_waiting_invoices(session) == 1
    assert ask(books, wait, asking)
    assert not ask(books, wait, asking)
    (invoice,) = books.stored_invoices()
    assert books.balances()[0] == -(invoice.net + invoice.tax)


def test_two_workers_at_once_make_one_invoice(books, asking):
    books.charge("10")
    wait = wish(books)
    asked = at_once(*[lambda: ask(books, wait, asking)] * 2)
    assert sorted(asked) == [False, True]
    assert len(books.stored_invoices()) == 1


def test_a_late_answer_of_a_dead_lease_changes_nothing(books, asking):
    books.charge("10")
    wait = wish(books)
    with tenant_scope(books.tenant.scope):
        with unit_of_work() as session:
            first = tax_waits._claim(session, wait.id, "first", asking)
        answer = suretax_wire.calculate(first.who, first.question)
        let_time_pass(books)
        assert tax_waits.ask(unit_of_work, wait.id, settings=asking)
        with unit_of_work() as session:
            tax_waits._record(session, wait.id, first, answer)
    assert len(books.stored_invoices()) == 1


def test_a_charge_that_comes_while_suretax_is_asked_is_taxed_too(books, asking):
    books.charge("10")
    wait = wish(books)
    with tenant_scope(books.tenant.scope):
        with unit_of_work() as session:
            claim = tax_waits._claim(session, wait.id, "me", asking)
        answer = suretax_wire.calculate(claim.who, claim.question)
        books.charge("90")
        with unit_of_work() as session:
            tax_waits._record(session, wait.id, claim, answer)
    assert books.stored_invoices() == []
    assert ask(books, wait, asking)
    (invoice,) = books.stored_invoices()
    assert invoice.net == 100
    assert stored_filing(books, invoice.id).asked["TotalRevenue"] == "100.0000"


def test_the_same_form_sent_twice_waits_once(books):
    books.charge("10")
    form_id = new_id()
    first, second = (wish(books, invoice_id=form_id) for _ in range(2))
    assert first.id == second.id == form_id
    with pytest.raises(ConflictError, match="one after the other"):
        wish(books)


def test_a_wait_made_by_hand_can_be_given_up(books, asking):
    books.charge("10")
    wait = wish(books)
    with books.work() as session:
        tax_waits.give_up(session, wait.id)
    assert not ask(books, wait, asking)
    assert books.stored_invoices() == []


def test_charges_that_vanish_leave_nothing_to_wait_for(books, asking):
    charge_id = books.charge("10")
    wait = wish(books)
    books.reverse(charge_id)
    assert not ask(books, wait, asking)
    assert stored_wait(books) is None
    assert books.stored_invoices() == []


def test_a_client_with_another_profile_by_now_gets_its_invoice_unasked(books, asking):
    books.charge("10")
    wait = wish(books)
    with books.work() as session:
        other = tax_profiles.create_profile(
            session, reseller_id=books.tenant.id, name="VAT", taxes=[("VAT", D(20), 1)]
        )
    books.save_billing(tax_profile_id=other.id)
    assert not ask(books, wait, asking)
    (invoice,) = books.stored_invoices()
    assert invoice.tax == 0


def autoinvoice(books: Books, last_on: date) -> None:
    with books.work() as session:
        terms_id = payment_terms.create_terms(
            session, reseller_id=books.tenant.id, name="Monthly", day_of_month=1
        ).id
        row = tax_profiles.list_profiles(session, books.tenant.id)[0]
    books.save_billing(
        payment_terms_id=terms_id,
        autoinvoicing=True,
        last_invoiced_on=last_on,
        tax_profile_id=row.id,
    )


def test_autoinvoicing_waits_for_one_client_and_goes_on_with_the_others(books, asking, sandbox):
    autoinvoice(books, date(2026, 2, 28))
    other = books.with_client("Without SureTax", timezone="UTC")
    with other.work() as session:
        none = tax_profiles.create_profile(
            session, reseller_id=books.tenant.id, name="No tax", taxes=[("None", D(0), 1)]
        )
        terms_id = payment_terms.list_terms(session, books.tenant.id)[0].id
    other.save_billing(
        payment_terms_id=terms_id,
        autoinvoicing=True,
        last_invoiced_on=date(2026, 2, 28),
        tax_profile_id=none.id,
    )
    for one in (books, other):
        one.charge("10", dated_at=datetime(2026, 3, 5, tzinfo=UTC))
        one.charge("20", dated_at=datetime(2026, 4, 5, tzinfo=UTC))
    sandbox.control("down", is_down=True)
    with time_machine.travel(datetime(2026, 5, 1, 9, tzinfo=UTC)):
        for one in (books, other):
            with one.work() as session:
                autoinvoicing.run_client(session, one.client.id)
        waiting = stored_wait(books)
        ask(books, waiting, asking)
        with platform_unit_of_work() as session:
            assert find_due_clients(session) == 0, "the one that waits is not tried as well"
    assert len(other.stored_invoices()) == 2
    assert books.stored_invoices() == []
    sandbox.control("down", is_down=False)
    with time_machine.travel(datetime(2026, 5, 2, 9, tzinfo=UTC)):
        ask(books, waiting, asking)
        with books.work() as session:
            assert autoinvoicing.invoice_next_period(session, books.client.id) is not None
        ask(books, stored_wait(books), asking)
    first, second = books.stored_invoices()
    assert (first.net, second.net) == (10, 20)
    assert (first.invoice_on, second.invoice_on) == (date(2026, 4, 1), date(2026, 5, 1))
    assert second.running_number == first.running_number + 1
    assert books.billing_row().last_invoiced_on == date(2026, 4, 30)


def test_an_issued_invoice_is_filed_once_under_its_number(books, asking, sandbox):
    books.charge("10")
    invoice = invoice_now(books, asking)
    assert tell(books, invoice.id, asking)
    assert not tell(books, invoice.id, asking)
    filing = stored_filing(books, invoice.id)
    (filed,) = sandbox.filings()
    assert filing.state == "filed"
    assert filed["invoices"] == invoice.number
    assert filing.filed_id == filed["trans_id"]
    assert D(filed["tax"]) == invoice.tax


def test_an_invoice_to_verify_is_not_filed_before_it_is_issued(books, asking, sandbox):
    books.charge("10")
    invoice = invoice_now(books, asking, issue=False)
    assert not tell(books, invoice.id, asking)
    with books.work() as session:
        invoices.issue(session, invoice.id)
    with platform_unit_of_work() as session:
        assert find_untold_filings(session) == 1
    assert tell(books, invoice.id, asking)
    assert len(sandbox.filings()) == 1


def test_a_filing_whose_answer_was_lost_is_not_filed_twice(books, asking, sandbox):
    books.charge("10")
    invoice = invoice_now(books, asking)
    sandbox.misbehave("drop_after", call="PostRequest")
    tell(books, invoice.id, asking)
    assert stored_filing(books, invoice.id).state == "to_file"
    let_time_pass(books)
    tell(books, invoice.id, asking)
    filing = stored_filing(books, invoice.id)
    assert filing.state == "filed"
    assert filing.filed_id == ""
    assert len(sandbox.filings()) == 1


def test_a_void_invoice_is_cancelled_there_and_its_taxes_are_taken_back(books, asking, sandbox):
    books.charge("10")
    invoice = invoice_now(books, asking)
    tell(books, invoice.id, asking)
    with books.work() as session:
        invoice_voiding.void_invoice(session, invoice.id, reason="Wrong zip code", reopen=True)
    assert tell(books, invoice.id, asking)
    assert stored_filing(books, invoice.id).state == "cancelled"
    assert [one["is_cancelled"] for one in sandbox.filings()] == [True]
    assert books.balances()[:2] == (D(-10), D(0))
    again = invoice_now(books, asking)
    assert (again.net, again.tax) == (invoice.net, invoice.tax)
    with books.work() as session:
        assert ledger_check.check_ledger(session, books.tenant.id).ok


def test_an_invoice_voided_before_it_was_filed_is_never_filed(books, asking, sandbox):
    books.charge("10")
    invoice = invoice_now(books, asking)
    with books.work() as session:
        invoice_voiding.void_invoice(session, invoice.id, reason="A mistake")
    assert not tell(books, invoice.id, asking)
    assert stored_filing(books, invoice.id).state == "cancelled"
    assert sandbox.filings() == []


def test_what_is_too_old_to_cancel_is_told_to_people(books, asking, sandbox):
    books.charge("10")
    invoice = invoice_now(books, asking)
    tell(books, invoice.id, asking)
    sandbox.control("age", days=61)
    with books.work() as session:
        invoice_voiding.void_invoice(session, invoice.id, reason="Late")
    tell(books, invoice.id, asking)
    assert "60 days" in stored_filing(books, invoice.id).reason
    with books.work() as session:
        assert "tax_not_cancelled" in session.scalars(select(Event.code)).all()


def test_taxes_filed_differently_are_an_event(books, asking, sandbox):
    books.charge("10")
    invoice = invoice_now(books, asking)
    with books.work() as session:
        session.execute(update(TaxFiling).values(tax=D("0.01")))
    tell(books, invoice.id, asking)
    with books.work() as session:
        assert "tax_differs" in session.scalars(select(Event.code)).all()


def test_a_credit_note_tells_people_to_correct_it_there(books, asking):
    books.charge("10")
    invoice = invoice_now(books, asking)
    with books.work() as session:
        credit_notes.create_credit_note(
            session, credit_note_id=new_id(), invoice_id=invoice.id, amount=None, reason="Refused"
        )
    with books.work() as session:
        assert "tax_credited" in session.scalars(select(Event.code)).all()
        assert ledger_check.check_ledger(session, books.tenant.id).ok
    assert books.balances()[:2] == (D(0), D(0))


def test_the_tax_charge_is_undone_with_its_invoice_only(books, asking):
    books.charge("10")
    invoice = invoice_now(books, asking)
    with pytest.raises(ConflictError, match="void or credit the invoice"):
        books.reverse(uuid5(invoice.id, "suretax"))


def test_an_invoice_of_suretax_is_not_made_anew_in_place(books, asking):
    books.charge("10")
    invoice = invoice_now(books, asking, issue=False)
    with books.work() as session, pytest.raises(ConflictError, match="void it"):
        invoice_voiding.regenerate(session, invoice.id)


def test_the_key_is_sealed_and_never_told(books, asking):
    with books.work() as session:
        account = suretax_accounts.get_account(session, books.tenant.id)
        assert KEY not in account.sealed_key
        assert account.key_tail == KEY[-4:]
        before = account.sealed_key
        suretax_accounts.reseal_key(account, asking)
        assert account.sealed_key != before
        assert suretax_accounts.open_account(account, asking).validation_key == KEY


def test_the_connection_test_knows_a_wrong_key(books, asking):
    with books.work() as session:
        account = suretax_accounts.get_account(session, books.tenant.id)
        who = suretax_accounts.open_account(account, asking)
    assert suretax_accounts.try_account(who, account).outcome is Outcome.DONE
    wrong = dataclasses.replace(who, validation_key="wrong")
    answer = suretax_accounts.try_account(wrong, account)
    assert (answer.outcome, answer.code) == (Outcome.REFUSED, "1151")


def test_an_item_that_suretax_cannot_take_is_named(books, asking):
    with books.work() as session:
        account = suretax_accounts.get_account(session, books.tenant.id)
        who = suretax_accounts.open_account(account, asking)
    item = {"LineNumber": "1", "InvoiceNumber": "INV-1", "Revenue": "1", "ItemList": []}
    question = {
        "DataYear": "2026", "DataMonth": "01", "TotalRevenue": "1", "ReturnFileCode": "Q",
        "ResponseType": "D2", "ResponseGroup": "00", "ItemList": [item],
    }  # fmt: skip
    answer = suretax_wire.calculate(who, question)
    assert (answer.outcome, answer.code) == (Outcome.REFUSED, "9001")
    assert "9100 Invalid Invoice Number" in answer.text


@pytest.mark.parametrize(
    ("field", "details"),
    [
        ("client_number", {"client_number": "12345678901"}),
        ("client_number", {"client_number": "12-34"}),
        ("client_number", {"client_number": ""}),
        ("validation_key", {"validation_key": "x" * 37}),
        ("business_unit", {"business_unit": "West Coast"}),
        ("business_unit", {"business_unit": "x" * 21}),
        ("usage_code", {"usage_code": "12345"}),
        ("service", {"service": "elsewhere"}),
        ("own_url", {"service": "own", "own_url": "ftp://example.com"}),
        ("regulatory_code", {"regulatory_code": "77"}),
    ],
)
def test_what_suretax_would_not_take_is_refused_at_its_field(books, asking, field, details):
    values = {"client_number": "1", "validation_key": KEY, **details}
    with books.work() as session, pytest.raises(InvalidInputError) as refused:
        suretax_accounts.save_account(
            session,
            reseller_id=books.tenant.id,
            wish=AccountWish(**values),
            settings=asking,
            version=1,
        )
    assert refused.value.field == field


def test_suretax_needs_numbers_that_it_takes_and_keeps_them(clean_database, asking):
    books = open_books("Acme", "acme")
    with books.work() as session, pytest.raises(InvalidInputError, match="INV-%Y-%N"):
        suretax_accounts.save_account(
            session, reseller_id=books.tenant.id, wish=AccountWish("1", KEY), settings=asking
        )
    set_up(books, asking)
    with books.work() as session, pytest.raises(InvalidInputError, match="Latin letters"):
        numbers.save_template(session, reseller_id=books.tenant.id, template="INV-%N")


def test_a_profile_of_suretax_needs_suretax_in_use(acme: Books):
    with acme.work() as session, pytest.raises(InvalidInputError) as refused:
        tax_profiles.create_profile(
            session, reseller_id=acme.tenant.id, name="US", taxes=(), mode="suretax"
        )
    assert refused.value.field == "mode"


@pytest.mark.parametrize("text", ["2125550100", ""])
def test_numbers_of_ten_digits_are_taken(text):
    assert suretax_rules.check_phone_number(text) == text


@pytest.mark.parametrize("text", ["+12125550100", "212-555-0100", "1125550100", "21255501000"])
def test_other_numbers_are_refused(text):
    with pytest.raises(InvalidInputError):
        suretax_rules.check_phone_number(text)


def test_a_revenue_has_four_decimals_and_nine_digits():
    assert suretax_rules.write_revenue(D("-0.00005")) == "-0.0001"
    assert suretax_rules.write_revenue(D("999999999.9999")) == "999999999.9999"
    with pytest.raises(InvalidInputError):
        suretax_rules.write_revenue(D("1000000000"))
    with pytest.raises(InvalidInputError):
        suretax_rules.write_revenue(D("-100000000"))


def test_a_removed_client_waits_for_nothing(books):
    books.charge("10")
    wish(books)
    with books.work() as session:
        name = get_client(session, books.client.id).name
        client_erasure.erase_client(session, books.client.id, typed_name=name)
    assert stored_wait(books) is None


def test_another_tenant_sees_nothing_of_it(books, asking):
    books.charge("10")
    invoice = invoice_now(books, asking)
    globex = open_books("Globex", "globex")
    with globex.work() as session:
        assert suretax_accounts.list_accounts(session) == []
        assert tax_filings.find_filing(session, invoice.id) is None
        assert session.scalars(select(Transaction.id)).all() == []
