"""Invoices that came from a client that sells to us: entered, accepted, settled, void."""

from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy import func, select

from billing import (
    credit_notes,
    incoming_invoices,
    invoice_edits,
    invoice_voiding,
    invoices,
    ledger_check,
    numbers,
)
from billing.incoming_invoices import Incoming, IncomingLine, Upload
from billing.invoice_models import Invoice, NumberSeries
from billing.periods import period_for_dates
from billing.statements import make_statement
from core.errors import ConflictError, InvalidInputError, NotFoundError
from core.ids import new_id
from core.zones import get_zone
from tenants.files import get_file
from tenants.stamps import make_stamp
from tests.billing.books import Books, utc

D = Decimal
JANUARY = {
    "first_on": date(2026, 1, 1),
    "last_on": date(2026, 1, 31),
    "invoice_on": date(2026, 2, 3),
    "due_on": date(2026, 3, 5),
}
PDF = b"%PDF-1.7 as it came"


def draft(number: str = "R-77", **details) -> Incoming:
    return Incoming(**{"number": number, "total": D("119.00"), **JANUARY, **details})


def enter(books: Books, incoming: Incoming | None = None, **details) -> Invoice:
    with books.work() as session:
        return incoming_invoices.create_incoming(
            session,
            invoice_id=details.pop("invoice_id", None) or new_id(),
            client_id=books.client.id,
            incoming=incoming or draft(),
            **details,
        )


def read(books: Books, invoice: Invoice) -> Invoice:
    with books.work() as session:
        return invoices.get_invoice(session, invoice.id)


def accept(books: Books, invoice: Invoice) -> Invoice:
    with books.work() as session:
        return invoices.issue(session, invoice.id)


def change(books: Books, invoice: Invoice, incoming: Incoming, **details) -> Invoice:
    with books.work() as session:
        stamp = details.pop("stamp", None) or make_stamp(
            incoming_invoices.facts(session, invoices.get_invoice(session, invoice.id))
        )
        return incoming_invoices.update_incoming(
            session, invoice.id, incoming=incoming, stamp=stamp, **details
        )


def prove(books: Books) -> None:
    with books.work() as session:
        assert ledger_check.check_ledger(session, books.tenant.id).findings == {}


class TestEffect:
    def test_only_an_accepted_one_moves_fixed_and_in_the_clients_favour(self, acme: Books):
        made = enter(acme)
        assert made.state == "to_verify"
        assert acme.balances()[:2] == (D(0), D(0))
        accepted = accept(acme, made)
        assert (accepted.state, accepted.balance_after) == ("normal", D("119.00"))
        assert acme.balances()[:2] == (D(0), D("119.00"))
        accept(acme, made)
        assert acme.balances()[1] == D("119.00"), "accepting again changes nothing"
        prove(acme)

    def test_both_directions_are_netted_on_one_balance(self, acme: Books):
        acme.charge("200", tax_mode="none", dated_at=utc("2026-01-10T12:00:00"))
        zone = get_zone("America/New_York")
        acme.invoice(period_for_dates(date(2026, 1, 1), date(2026, 1, 31), zone))
        enter(acme, accept=True)
        assert acme.balances()[1] == D("-81.00")
        with acme.work() as session:
            statement = make_statement(
                session, acme.client.id, first_on=date(2026, 1, 1), last_on=date(2026, 12, 31)
            )
        assert [(one.kind, one.amount) for one in statement.movements] == [
            ("invoice", D(-200)),
            ("incoming_invoice", D("119.00")),
        ]
        assert (statement.invoiced, statement.received) == (D(-200), D("119.00"))
        prove(acme)

    def test_it_takes_no_payment_and_no_number_of_ours(self, acme: Books):
        made = enter(acme, accept=True)
        acme.pay("50")
        stored = read(acme, made)
        assert (stored.number, stored.running_number, stored.paid) == ("R-77", None, D(0))
        with acme.work() as session:
            assert session.scalar(select(func.count()).select_from(NumberSeries)) == 0
            assert numbers.read_series(session, acme.tenant.id).next_number == 1
        prove(acme)

    def test_void_takes_it_back_and_the_number_may_be_entered_again(self, acme: Books):
        made = enter(acme, accept=True)
        with acme.work() as session:
            gone = invoice_voiding.void_invoice(session, made.id, reason="Sent twice")
        assert gone.state == "void"
        assert acme.balances()[1] == D(0)
        assert enter(acme).number == "R-77"
        prove(acme)

    def test_it_is_marked_as_paid_by_hand_and_opened_again(self, acme: Books):
        made = enter(acme, accept=True)
        with acme.work() as session:
            paid = incoming_invoices.set_settled(session, made.id, is_settled=True)
            assert paid.paid == paid.total
        prove(acme)
        with acme.work() as session:
            again = incoming_invoices.set_settled(session, made.id, is_settled=False)
            assert again.paid == D(0)
        assert acme.balances()[1] == D("119.00")
        other = enter(acme, draft("R-78"))
        with acme.work() as session, pytest.raises(ConflictError, match="Only an accepted"):
            incoming_invoices.set_settled(session, other.id, is_settled=True)

    def test_what_is_for_outgoing_ones_is_refused(self, acme: Books):
        made = enter(acme, accept=True)
        with acme.work() as session, pytest.raises(ConflictError, match="No file is attached"):
            invoices.store_file(session, made.id)
        with acme.work() as session, pytest.raises(ConflictError, match="Only an issued"):
            credit_notes.preview(session, made.id, D(1))
        stored = read(acme, made)
        assert invoice_edits.decide(stored, invoice_edits.Wish("mark_sent")).state == "unchanged"
        assert invoice_edits.decide(stored, invoice_edits.Wish("regenerate")).state == "left_out"


class TestEntry:
    def test_lines_tax_and_rounding_give_the_total(self, acme: Books):
        lines = [
            IncomingLine("Germany, mobile", D("60.004"), D(1000)),
            IncomingLine("France", D("42.333333")),
            IncomingLine("Rebate", D("-2.34")),
        ]
        made = enter(acme, draft(lines=lines, tax=D("19.00"), tax_name="MwSt"), accept=True)
        assert (made.net, made.tax, made.total) == (D("99.997333"), D(19), D("119.00"))
        assert made.net + made.tax + made.rounding == made.total
        with acme.work() as session:
            stored = incoming_invoices.read_lines(session, made.id)
            assert [one.net for one in stored] == [one.net for one in lines]
        prove(acme)

    def test_without_lines_what_is_not_tax_is_one_line(self, acme: Books):
        made = enter(acme, draft(tax=D("19.00")))
        assert (made.net, made.rounding) == (D("100.00"), D(0))

    @pytest.mark.parametrize(
        ("details", "field"),
        [
            ({"number": " "}, "number"),
            ({"number": "x" * 201}, "number"),
            ({"total": D(0)}, "total"),
            ({"total": D("1.001")}, "total"),
            ({"total": D("NaN")}, "total"),
            ({"tax": D("119.00")}, "tax_amount"),
            ({"tax": D(-1)}, "tax_amount"),
            ({"due_on": date(2026, 2, 2)}, "due_on"),
            ({"last_on": date(2025, 12, 31)}, "last_on"),
            ({"invoice_on": date(1999, 1, 1)}, "invoice_on"),
            ({"lines": [IncomingLine("Calls", D("118.98"))]}, "total"),
            ({"lines": [IncomingLine(" ", D("119"))]}, "lines"),
            ({"lines": [IncomingLine("Calls", D("119"), D(0))]}, "lines"),
        ],
    )
    def test_what_cannot_be_is_refused_at_its_field(self, acme: Books, details, field):
        with pytest.raises(InvalidInputError) as caught:
            enter(acme, draft(**{"number": "R-1", **details}))
        assert caught.value.field == field

    def test_the_same_number_of_one_sender_comes_once_whatever_its_letters(self, acme: Books):
        enter(acme, draft("RG-ä1"))
        with pytest.raises(InvalidInputError, match="entered already"):
            enter(acme, draft("rg-Ä1"))
        assert enter(acme.with_client(), draft("RG-ä1")).number == "RG-ä1"

    def test_the_same_form_sent_twice_enters_once(self, acme: Books):
        form = new_id()
        assert enter(acme, invoice_id=form).id == enter(acme, invoice_id=form).id == form
        with pytest.raises(ConflictError):
            enter(acme, draft("Another"), invoice_id=form)

    def test_the_due_day_follows_the_payment_terms_where_none_is_given(self, acme: Books):
        assert enter(acme, draft(due_on=None)).due_on == date(2026, 2, 3)

    def test_its_file_is_kept_as_it_came(self, acme: Books):
        upload = Upload(new_id(), "R-77.pdf", PDF)
        made = enter(acme, upload=upload)
        with acme.work() as session:
            assert get_file(session, made.file_id).content == PDF
        with pytest.raises(InvalidInputError, match="no pdf file"):
            enter(acme, draft("R-78"), upload=Upload(new_id(), "R-78.pdf", b"<html>"))


class TestChange:
    def test_one_to_be_verified_is_corrected_and_an_accepted_one_is_not(self, acme: Books):
        made = enter(acme)
        changed = change(acme, made, draft("R-78", total=D("238.00"), tax=D("38.00")))
        assert (changed.number, changed.net, changed.total) == ("R-78", D(200), D("238.00"))
        accept(acme, made)
        assert acme.balances()[1] == D("238.00")
        with pytest.raises(ConflictError, match="waits to be verified"):
            change(acme, made, draft())
        prove(acme)

    def test_who_changed_it_first_wins(self, acme: Books):
        made = enter(acme)
        with acme.work() as session:
            seen = make_stamp(incoming_invoices.facts(session, read(acme, made)))
        change(acme, made, draft(total=D("120.00")))
        with pytest.raises(ConflictError):
            change(acme, made, draft(total=D("121.00")), stamp=seen)

    def test_another_tenants_is_not_there(self, acme: Books, globex: Books):
        made = enter(acme)
        with pytest.raises(NotFoundError):
            read(globex, made)
        with globex.work() as session, pytest.raises(NotFoundError):
            incoming_invoices.update_incoming(session, made.id, incoming=draft(), stamp="")
