"""Credit notes and void invoices on paper: drawn once, in their invoice's look, and mailed."""

import io
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID

import pypdf
import pytest
import time_machine
from sqlalchemy import select

from billing import (
    credit_note_files,
    credit_notes,
    invoice_mailing,
    invoice_templates,
    invoice_voiding,
    invoices,
    tax_profiles,
)
from billing.correction_models import CreditNote
from billing.invoice_contents import read_parties
from billing.invoice_look import InvoiceLook
from billing.invoice_models import Invoice
from billing.periods import period_for_dates
from billing.statement_document import draw_statement, find_kept_parties
from billing.statements import Movement, make_statement
from core.clock import now
from core.errors import ConflictError, NotFoundError
from core.ids import new_id
from core.zones import get_zone
from mail.models import MailAttachment, MailMessage
from tenants.clients import get_client
from tenants.files import get_file
from tenants.models import ClientCompany, Event
from tests.billing.books import Books, utc

D = Decimal
JANUARY = period_for_dates(date(2026, 1, 1), date(2026, 1, 31), get_zone("America/New_York"))


def issued(books: Books, amount: str = "100", **look) -> Invoice:
    with books.work() as session:
        profile = tax_profiles.create_profile(
            session, reseller_id=books.tenant.id, name="VAT", taxes=[("VAT", D("19"), 1)]
        ).id
        if look:
            invoice_templates.create_template(
                session,
                reseller_id=books.tenant.id,
                look=InvoiceLook("Own", is_default=True, **look),
            )
    books.save_billing(tax_profile_id=profile)
    books.charge(amount, dated_at=utc("2026-01-10T12:00:00"), tax_mode="excluding")
    made = books.invoice(JANUARY)
    assert made is not None
    return made


def credit(books: Books, invoice: Invoice, amount: str | None = None) -> CreditNote:
    with books.work() as session:
        return credit_notes.create_credit_note(
            session,
            credit_note_id=new_id(),
            invoice_id=invoice.id,
            amount=None if amount is None else D(amount),
            reason="A faulty route",
        )


def give_address(books: Books, address: str = "billing@client.example") -> None:
    with books.work() as session:
        row = session.get(ClientCompany, books.client.id)
        if row is None:
            row = ClientCompany(reseller_id=books.tenant.id, client_id=books.client.id)
            session.add(row)
        row.billing_email = row.main_email = address


def finish(books: Books, note: CreditNote) -> bytes:
    with books.work() as session:
        credit_note_files.finish_credit_note(session, note.id)
        return read_note(session, note.id)


def read_note(session, note_id: UUID) -> bytes:
    stored = credit_notes.get_credit_note(session, note_id)
    assert stored.file_id is not None
    return get_file(session, stored.file_id).content


def text_of(content: bytes) -> str:
    pages = pypdf.PdfReader(io.BytesIO(content)).pages
    return "\n".join(page.extract_text() for page in pages)


def mails(books: Books) -> list[MailMessage]:
    with books.work() as session:
        return list(session.scalars(select(MailMessage).order_by(MailMessage.created_at)))


class TestCreditNoteFile:
    def test_it_names_its_invoice_its_reason_and_its_taxes(self, acme: Books):
        note = credit(acme, issued(acme), "59.50")
        text = text_of(finish(acme, note))
        for part in ("Credit note", note.number, "INV-2026-1", "A faulty route", "VAT 19%"):
            assert part in text
        assert "Credit for invoice INV-2026-1 50.00" in text
        assert "$59.50" in text
        assert "How to pay" not in text

    def test_it_has_the_look_and_language_that_the_invoice_kept(self, acme: Books):
        made = issued(acme, locale="de", footer="Unser Fuß", note="Unser Hinweis", paper="a4")
        text = text_of(finish(acme, credit(acme, made)))
        for part in ("Gutschrift", "Unser Fuß", "Unser Hinweis", "119,00"):
            assert part in text, part

    def test_it_is_drawn_once_and_mailed_once_with_its_file(self, acme: Books):
        give_address(acme)
        note = credit(acme, issued(acme))
        first = finish(acme, note)
        assert finish(acme, note) == first
        (mail,) = [one for one in mails(acme) if one.kind == "credit_note"]
        assert note.number in mail.subject
        assert "A faulty route" in mail.body_text
        with acme.work() as session:
            attached = session.scalar(
                select(MailAttachment.file_id).where(MailAttachment.mail_id == mail.id)
            )
            assert attached == credit_notes.get_credit_note(session, note.id).file_id

    def test_without_an_address_its_file_is_made_and_an_event_tells(self, acme: Books):
        give_address(acme, "")
        finish(acme, credit(acme, issued(acme)))
        with acme.work() as session:
            codes = set(session.scalars(select(Event.code)))
        assert "credit_note_not_mailed" in codes

    def test_one_of_long_ago_gets_its_file_and_no_mail(self, acme: Books):
        give_address(acme)
        note = credit(acme, issued(acme))
        with time_machine.travel(now() + timedelta(days=8), tick=False):
            finish(acme, note)
        assert [one for one in mails(acme) if one.kind == "credit_note"] == []

    def test_staff_mail_it_again_once_per_wish(self, acme: Books):
        give_address(acme)
        note = credit(acme, issued(acme))
        with acme.work() as session, pytest.raises(ConflictError, match="no file yet"):
            credit_note_files.mail_again(session, note.id, request_id=new_id())
        finish(acme, note)
        wish = new_id()
        for _click in range(2):
            with acme.work() as session:
                credit_note_files.mail_again(session, note.id, request_id=wish)
        assert len([one for one in mails(acme) if one.kind == "credit_note"]) == 2

    def test_another_tenants_is_not_there(self, acme: Books, globex: Books):
        note = credit(acme, issued(acme))
        with globex.work() as session, pytest.raises(NotFoundError):
            credit_note_files.store_file(session, note.id)


class TestVoidInvoice:
    def test_its_file_is_drawn_anew_with_its_mark_and_asks_for_no_money(self, acme: Books):
        give_address(acme)
        made = issued(acme)
        with acme.work() as session:
            first_id = invoices.store_file(session, made.id).id
        with acme.work() as session:
            invoice_mailing.mail_invoice(session, made.id)
        with acme.work() as session:
            assert invoice_voiding.void_invoice(session, made.id, reason="Twice").file_id is None
        with acme.work() as session:
            file = invoices.store_file(session, made.id)
            text = text_of(file.content)
            before = get_file(session, first_id)
            assert "VOID" not in text_of(before.content), "what was sent stays as it was"
        assert "VOID" in text
        assert "Void since" in text
        for part in ("Amount due", "Please pay by", "Paid in full", "How to pay"):
            assert part not in text
        with acme.work() as session:
            assert invoices.store_file(session, made.id).id == file.id
            assert invoice_mailing.mail_invoice(session, made.id) is None

    def test_a_draft_that_is_void_has_no_file(self, acme: Books):
        acme.charge("5", dated_at=utc("2026-01-10T12:00:00"), tax_mode="none")
        made = acme.invoice(JANUARY, autoinvoice=False)
        with acme.work() as session:
            invoice_voiding.void_invoice(session, made.id, reason="Twice")
        with acme.work() as session, pytest.raises(ConflictError, match="waits to be verified"):
            invoices.store_file(session, made.id)


class TestStatement:
    def test_it_lists_every_movement_between_its_two_balances(self, acme: Books):
        made = issued(acme)
        acme.pay("19", dated_at=utc("2026-02-20T12:00:00"), description="Wire 4711")
        with acme.work() as session:
            statement = make_statement(
                session, acme.client.id, first_on=date(2026, 2, 1), last_on=date(2026, 2, 28)
            )
            parties = find_kept_parties(session, acme.client.id)
            assert parties is not None
            content = draw_statement(statement, parties)
            assert draw_statement(statement, parties) == content
        text = text_of(content)
        for part in (
            "Statement of account",
            made.number,
            "Wire 4711",
            "-119.00 -119.00",
            "19.00 -100.00",
            "Closing balance",
        ):
            assert part in text, part

    def test_a_long_one_breaks_over_pages_and_repeats_its_head(self, acme: Books):
        with acme.work() as session:
            statement = make_statement(
                session, acme.client.id, first_on=date(2026, 2, 1), last_on=date(2026, 2, 28)
            )
            rows = [
                Movement(
                    date(2026, 2, 3), now(), "payment", new_id(), "", f"Wire {number}", D(1), D(1)
                )
                for number in range(200)
            ]
            client = get_client(session, acme.client.id)
            parties = read_parties(session, client)
            content = draw_statement(replace(statement, movements=rows), parties)
        pages = pypdf.PdfReader(io.BytesIO(content)).pages
        assert len(pages) > 3
        assert all("Balance" in page.extract_text() for page in pages)
        assert "Wire 199" in pages[-1].extract_text()
