"""Invoice templates: chosen or by default, kept by the invoice, printed as they say."""

import io
from dataclasses import replace
from datetime import date

import pypdf
import pytest

from billing import client_billing, invoice_templates, invoices
from billing.client_billing import Billing
from billing.invoice_look import InvoiceLook
from billing.invoice_templates import StaleInvoiceTemplateError
from billing.periods import period_for_dates
from core.errors import ConflictError, InvalidInputError, NotFoundError
from core.zones import get_zone
from tenants.clients import get_client
from tenants.files import get_file
from tests.billing.books import Books, utc

JANUARY = period_for_dates(date(2026, 1, 1), date(2026, 1, 31), get_zone("America/New_York"))


def make(books: Books, name: str = "Letters", **look: object) -> int:
    with books.work() as session:
        return invoice_templates.create_template(
            session,
            reseller_id=books.tenant.id,
            look=InvoiceLook(name, **look),  # type: ignore[arg-type]
        ).id


def choose(books: Books, template_id: int | None) -> None:
    with books.work() as session:
        client = get_client(session, books.client.id)
        client_billing.save_billing(session, client, Billing(invoice_template_id=template_id))


def file_of(books: Books) -> pypdf.PdfReader:
    books.charge("10", dated_at=utc("2026-01-05T12:00"))
    made = books.invoice(JANUARY)
    assert made is not None
    with books.work() as session:
        stored = invoices.store_file(session, made.id)
        content = get_file(session, stored.id).content
    return pypdf.PdfReader(io.BytesIO(content))


def size_mm(reader: pypdf.PdfReader) -> tuple[int, int]:
    box = reader.pages[0].mediabox
    return round(float(box.width) / 72 * 25.4), round(float(box.height) / 72 * 25.4)


def text_of(reader: pypdf.PdfReader) -> str:
    return "\n".join(page.extract_text() for page in reader.pages)


def test_the_clients_template_says_paper_language_and_note(acme: Books) -> None:
    choose(
        acme, make(acme, paper="us-letter", locale="de", note="Call us before noon.\nThank you.")
    )

    reader = file_of(acme)

    assert size_mm(reader) == (216, 279)
    text = text_of(reader)
    assert "Call us before noon." in text
    assert "Thank you." in text
    assert "10,00\u00a0$" in text, "amounts as in German"


def test_without_a_template_of_its_own_the_default_one_counts(acme: Books) -> None:
    make(acme, note="From the default", is_default=True, paper="a4")

    reader = file_of(acme)

    assert size_mm(reader) == (210, 297)
    assert "From the default" in text_of(reader)


def test_the_standard_template_leaves_everything_as_the_reader_has_it(acme: Books) -> None:
    with acme.work() as session:
        (standard,) = invoice_templates.list_templates(session, acme.tenant.id)
        look = invoice_templates.get_client_look(session, get_client(session, acme.client.id))
    assert (standard.name, standard.is_default) == ("Standard", True)
    assert look == InvoiceLook("Standard", True)


def test_an_invoice_keeps_how_it_looked_when_it_was_made(acme: Books) -> None:
    template_id = make(acme, note="First words")
    choose(acme, template_id)
    acme.charge("10", dated_at=utc("2026-01-05T12:00"))
    made = acme.invoice(JANUARY)
    assert made is not None
    with acme.work() as session:
        invoice_templates.update_template(
            session, template_id, version=1, look=InvoiceLook("Letters", note="Other words")
        )
    with acme.work() as session:
        stored = invoices.store_file(session, made.id)
        text = text_of(pypdf.PdfReader(io.BytesIO(get_file(session, stored.id).content)))
    assert "First words" in text
    assert "Other words" not in text


def test_one_default_which_stays_until_another_takes_its_place(acme: Books) -> None:
    made = make(acme, is_default=True)
    with acme.work() as session:
        defaults = [
            one.name
            for one in invoice_templates.list_templates(session, acme.tenant.id)
            if one.is_default
        ]
    assert defaults == ["Letters"]
    with pytest.raises(InvalidInputError), acme.work() as session:
        invoice_templates.update_template(session, made, version=1, look=InvoiceLook("Letters"))
    with pytest.raises(ConflictError), acme.work() as session:
        invoice_templates.delete_template(session, made)


def test_one_in_use_is_not_deleted_and_a_spare_one_is(acme: Books) -> None:
    used, spare = make(acme), make(acme, "Spare")
    choose(acme, used)
    with pytest.raises(ConflictError), acme.work() as session:
        invoice_templates.delete_template(session, used)
    with acme.work() as session:
        invoice_templates.delete_template(session, spare)
    with pytest.raises(NotFoundError), acme.work() as session:
        invoice_templates.get_template(session, spare)


def test_another_resellers_template_is_no_choice(acme: Books, globex: Books) -> None:
    foreign = make(globex)
    with pytest.raises(InvalidInputError) as caught:
        choose(acme, foreign)
    assert caught.value.field == "invoice_template_id"
    with pytest.raises(NotFoundError), acme.work() as session:
        invoice_templates.get_template(session, foreign)


@pytest.mark.parametrize(
    ("look", "field"),
    [
        (InvoiceLook(" "), "name"),
        (InvoiceLook("n" * 101), "name"),
        (InvoiceLook("standard"), "name"),
        (InvoiceLook("x", locale="xx_YY"), "locale"),
        (InvoiceLook("x", paper="a3"), "paper"),
        (InvoiceLook("x", note="n" * 2001), "note"),
    ],
)
def test_what_a_template_does_not_take_is_told_at_its_field(
    acme: Books, look: InvoiceLook, field: str
) -> None:
    with pytest.raises(InvalidInputError) as caught, acme.work() as session:
        invoice_templates.create_template(session, reseller_id=acme.tenant.id, look=look)
    assert caught.value.field == field


def test_two_people_cannot_overwrite_each_others_template(acme: Books) -> None:
    template_id, look = make(acme), InvoiceLook("Letters", note="a")
    with acme.work() as session:
        invoice_templates.update_template(session, template_id, version=1, look=look)
    with pytest.raises(StaleInvoiceTemplateError), acme.work() as session:
        invoice_templates.update_template(
            session, template_id, version=1, look=replace(look, note="b")
        )
