"""A foreign source draws an invoice or is refused with its line; it never reaches out."""

import io
from datetime import date

import pypdf
import pytest

from billing import invoice_sources, invoice_templates, invoices
from billing.invoice_document import make_document
from billing.invoice_look import InvoiceLook
from billing.invoice_pdf import InvoiceDocument, render_invoice_pdf
from billing.invoice_sample import make_sample
from billing.invoice_sources import SourceRefusedError, draw_source
from billing.periods import period_for_dates
from core.errors import NotFoundError
from core.zones import get_zone
from tenants.files import get_file
from tenants.models import Event
from tests.billing.books import Books, utc

JANUARY = period_for_dates(date(2026, 1, 1), date(2026, 1, 31), get_zone("America/New_York"))
OWN = "#let one = json(bytes(sys.inputs.invoice))\nOur own words about #one.number\n"


@pytest.fixture
def document(acme: Books) -> InvoiceDocument:
    with acme.work() as session:
        return make_document(*make_sample(session, acme.tenant.id))


def text_of(pdf: bytes) -> str:
    return "\n".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(pdf)).pages)


def test_our_own_layout_as_a_foreign_source_gives_the_same_bytes(document: InvoiceDocument) -> None:
    drawn = draw_source(invoice_sources.built_in_source(), document)
    assert drawn == render_invoice_pdf(document)


def test_a_preview_is_a_picture_of_the_first_page(document: InvoiceDocument) -> None:
    assert draw_source("one\n#pagebreak()\ntwo", document, png=True).startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("Hello\n\n#nothing", "Line 3, column 1: Typst says: unknown variable: nothing"),
        ('#read("/etc/passwd")', "file not found"),
        ('#read("../../../etc/passwd")', "would escape"),
        ('#image("/proc/self/environ")', "file not found"),
        ('#import "@preview/cetz:0.2.0": *', "packages cannot be used here"),
        ('#import "@local/cetz:0.2.0": *', "packages cannot be used here"),
        ("#{ let n = 0; while n < 1 { n = n * 1 } }", "Typst says"),
        ("#range(100000).map(i => range(100000))", "too much time or memory"),
    ],
)
def test_what_a_source_may_not_do_is_told(
    document: InvoiceDocument, source: str, told: str
) -> None:
    with pytest.raises(SourceRefusedError) as caught:
        draw_source(source, document)
    assert told in caught.value.message
    assert caught.value.field == "source"
    assert "/tmp" not in caught.value.message, "nothing of our machine is told"


def test_a_source_that_takes_too_long_is_killed(
    document: InvoiceDocument, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invoice_sources, "WALL_SECONDS", 1)
    endless = "#for a in range(9999999) { for b in range(99999) { let c = calc.pow(a, 2) } }"
    with pytest.raises(SourceRefusedError, match="too much time"):
        draw_source(endless, document)


def test_a_source_that_is_too_long_is_not_even_tried(document: InvoiceDocument) -> None:
    with pytest.raises(SourceRefusedError):
        draw_source("a" * 100_001, document)


def use(books: Books, source: str) -> None:
    with books.work() as session:
        digest = invoice_sources.keep_source(session, books.tenant.id, source)
        invoice_templates.create_template(
            session,
            reseller_id=books.tenant.id,
            look=InvoiceLook("Own", is_default=True, source_digest=digest),
        )


def stored_text(books: Books) -> str:
    books.charge("10", dated_at=utc("2026-01-05T12:00"))
    made = books.invoice(JANUARY)
    assert made is not None
    with books.work() as session:
        stored = invoices.store_file(session, made.id)
        return text_of(get_file(session, stored.id).content)


def told_events(books: Books) -> list[str]:
    with books.work() as session:
        return [event.text for event in session.query(Event).filter_by(level="error")]


def test_an_invoice_is_drawn_by_the_own_source_of_its_template(acme: Books) -> None:
    use(acme, OWN)
    assert "Our own words about" in stored_text(acme)
    assert told_events(acme) == []


def test_a_source_that_fails_never_stops_an_invoice(acme: Books) -> None:
    use(acme, '#panic("Only today")')
    text = stored_text(acme)
    assert "Amount due" in text, "our layout took its place"
    (event,) = told_events(acme)
    assert "own source of template Own failed" in event
    assert "Only today" in event


def test_a_source_is_kept_once_and_by_its_owner_alone(acme: Books, globex: Books) -> None:
    with acme.work() as session:
        digest = invoice_sources.keep_source(session, acme.tenant.id, OWN)
        assert invoice_sources.keep_source(session, acme.tenant.id, OWN) == digest
        assert invoice_sources.get_source(session, acme.tenant.id, digest) == OWN
        assert invoice_sources.keep_source(session, acme.tenant.id, " \n") is None
        assert invoice_sources.get_source(session, acme.tenant.id, None) == ""
    with globex.work() as session, pytest.raises(NotFoundError):
        invoice_sources.get_source(session, acme.tenant.id, digest)
