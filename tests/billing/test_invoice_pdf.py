"""An invoice prints what it was given, all of it, as it stands, and the same on every run."""

import hashlib
import struct
import threading
import unicodedata
import zlib
from dataclasses import fields, replace
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader
from pypdf.generic import ArrayObject

from billing.invoice_pdf import (
    AmountDue,
    Fact,
    InvoiceDocument,
    InvoiceLine,
    LineGroup,
    Party,
    PayLink,
    SumRow,
    TaxRow,
    check_logo,
    render_invoice_pdf,
)
from core.errors import InvalidInputError

PAY_URL = "https://portal.example/clients/invoices/417?a=1&b=%20"


def lines(count: int, title: str = "Calls") -> LineGroup:
    return LineGroup(
        title,
        f"{count}.00",
        tuple(
            InvoiceLine(f"{title} line {number:04}", f"{number} min", "0.0125", f"{number}.50")
            for number in range(1, count + 1)
        ),
    )


def an_invoice(**changes: Any) -> InvoiceDocument:
    document = InvoiceDocument(
        title="Invoice",
        number="INV-2026-000417",
        invoice_on=date(2026, 3, 1),
        seller=Party(
            "Acme Telecom Ltd", ("14 Harbour Street", "Dublin D02 XY45", "VAT IE6388047V")
        ),
        buyer=Party("Globex GmbH", ("Invalidenstraße 117", "10115 Berlin", "VAT DE811907980")),
        facts=(Fact("Due date", "15 March 2026"), Fact("Period", "1 to 28 Feb\nEurope/Berlin")),
        due=AmountDue("Amount due", "€1,469.06", "Please pay by", "15 March 2026"),
        groups=(lines(3),),
        sums=(
            SumRow("Subtotal", "€1,234.504"),
            SumRow("VAT 19%", "€234.555760"),
            SumRow("Rounding", "€0.00024"),
            SumRow("Total", "€1,469.06", is_total=True),
        ),
        taxes=(TaxRow("VAT", "19%", "€1,234.504", "€234.555760"),),
        balances=(Fact("Balance before", "-€20.00"), Fact("Balance after", "-€1,489.06")),
        how_to_pay="Transfer the amount.\nState the number.",
        bank=(Fact("IBAN", "IE29 AIBK 9311 5212 3456 78"),),
        pay_link=PayLink("Pay online", PAY_URL),
        notes="Thank you.",
        footer="Acme Telecom Ltd, registered in Ireland",
    )
    return replace(document, **changes)


def pages_of(pdf: bytes) -> list[str]:
    return [squeezed(page.extract_text()) for page in PdfReader(BytesIO(pdf)).pages]


def text_of(pdf: bytes) -> str:
    return " ".join(pages_of(pdf))


def squeezed(text: str) -> str:
    """Composed letters with single spaces: a PDF keeps glyphs, not how the text was stored."""
    return " ".join(unicodedata.normalize("NFKC", text).replace("\u200b", "").split())


def png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        check = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)

    rows = (b"\x00" + b"\x1d\x4e\xd8" * width) * height
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


# --- What is printed ------------------------------------------------------------------------


def strings_in(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, tuple):
        return [text for item in value for text in strings_in(item)]
    if hasattr(value, "__dataclass_fields__"):
        return [text for item in fields(value) for text in strings_in(getattr(value, item.name))]
    return []


SETTINGS = {"en", "a4", "#1d4ed8", "quantity", "unit_price", "net"}
NOT_PRINTED = SETTINGS | {PAY_URL, "Page {page} of {pages}", "From", "Bill to", "With tax"}


def test_every_text_of_the_invoice_is_on_paper() -> None:
    document = an_invoice(intro="Dear customer,\nwe thank you.", in_words="One thousand 06/100 EUR")
    text = text_of(render_invoice_pdf(document))
    expected = {line for given in strings_in(document) for line in given.split("\n")}
    assert len(expected) > 50
    for given in expected - NOT_PRINTED - {""}:
        assert squeezed(given) in text
    assert "FROM" in text
    assert "BILL TO" in text


def test_pages_are_numbered_and_say_whose_invoice_they_are() -> None:
    pages = pages_of(render_invoice_pdf(an_invoice(groups=(lines(100),))))
    assert len(pages) == 3
    for number, page in enumerate(pages, start=1):
        assert f"Page {number} of 3" in page
        assert "Unit price" in page
    for page in pages[1:]:
        assert page.startswith("Invoice INV-2026-000417 Globex GmbH")


@pytest.mark.parametrize("count", range(15, 62))
def test_totals_never_stand_alone_on_a_page(count: int) -> None:
    pages = pages_of(render_invoice_pdf(an_invoice(groups=(lines(count),))))
    (last,) = [page for page in pages if "Subtotal" in page]
    assert f"line {count:04}" in last
    assert f"line {count - 1:04}" in last
    assert last.index("Unit price") < last.index(f"line {count:04}") < last.index("Subtotal")


@pytest.mark.parametrize("count", range(18, 36))
def test_the_title_of_a_group_stays_with_its_first_line(count: int) -> None:
    pages = pages_of(render_invoice_pdf(an_invoice(groups=(lines(count), lines(3, "Packages")))))
    for page in pages:
        assert ("Packages 3.00" in page) == ("Packages line 0001" in page)


def test_a_description_longer_than_a_page_is_printed_to_its_end() -> None:
    long = "word " * 3000 + "END"
    group = LineGroup("", "", (InvoiceLine(long, "1", "1.00", "1.00"),))
    pages = pages_of(render_invoice_pdf(an_invoice(groups=(group,))))
    assert len(pages) > 1
    assert sum(page.count("word") for page in pages) == 3000
    assert "END" in pages[-1] or "END" in pages[-2]


def test_an_invoice_without_anything_optional_is_still_drawn() -> None:
    bare = an_invoice(
        groups=(), taxes=(), balances=(), how_to_pay="", bank=(), pay_link=None, notes="", footer=""
    )
    text = text_of(render_invoice_pdf(bare))
    assert "€1,469.06" in text
    assert "How to pay" not in text
    assert "Notes" not in text


def test_the_button_leads_to_the_payment_page() -> None:
    page = PdfReader(BytesIO(render_invoice_pdf(an_invoice()))).pages[0]
    annotations = page["/Annots"].get_object()
    assert isinstance(annotations, ArrayObject)
    links = [annotation.get_object() for annotation in annotations]
    assert [link["/A"]["/URI"] for link in links] == [PAY_URL]


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "file:///etc/passwd", "https://", "portal", "data:,x", ""]
)
def test_a_link_that_is_no_web_address_is_refused(url: str) -> None:
    with pytest.raises(InvalidInputError):
        PayLink("Pay", url)


@pytest.mark.parametrize(("paper", "width", "height"), [("a4", 595, 842), ("us-letter", 612, 792)])
def test_the_paper_is_the_readers(paper: str, width: int, height: int) -> None:
    page = PdfReader(BytesIO(render_invoice_pdf(an_invoice(paper=paper)))).pages[0]
    assert (round(page.mediabox.width), round(page.mediabox.height)) == (width, height)


# --- Scripts --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "Zażółć Gęślą Jaźń Ðorđe Ñandú Åse",
        "Εταιρεία Τηλεπικοινωνιών",
        "Общество связи",
        "日本電信株式会社",
        "中国电信集团有限公司",
        "臺灣電信",
        "한국통신주식회사",
        "שלום תקשורת",
    ],
)
def test_a_name_of_any_script_is_text_in_the_file(name: str) -> None:
    pdf = render_invoice_pdf(an_invoice(buyer=Party(name)))
    text = text_of(pdf)
    assert ".notdef" not in text
    assert is_archival(pdf)  # PDF/A refuses a letter that no font has
    for word in name.split():
        # Right-to-left letters stand in the file in the order they are drawn.
        assert squeezed(word) in text or squeezed(word[::-1]) in text


@pytest.mark.parametrize("name", ["บริษัทโทรคมนาคม", "दूरसंचार", "شركة الاتصالات"])
def test_a_name_whose_letters_join_or_stack_is_text_in_the_file(name: str) -> None:
    pdf = render_invoice_pdf(an_invoice(buyer=Party(name)))
    assert is_archival(pdf)
    # Readers take such clusters from /ActualText; pypdf gives them twice, so compare letters.
    printed = text_of(pdf).partition("BILL TO")[2].partition("Due date")[0]
    assert set(name) <= set(printed) <= {*name, " "}


def is_archival(pdf: bytes) -> bool:
    return b"<pdfaid:part>3</pdfaid:part>" in pdf and b"<pdfuaid:part>1</pdfuaid:part>" in pdf


def test_an_emoji_in_a_name_does_not_stop_the_invoice() -> None:
    pdf = render_invoice_pdf(an_invoice(buyer=Party("Party 🎉 Ltd")))
    assert not is_archival(pdf)
    assert "Amount due" in text_of(pdf)


def test_a_right_to_left_reader_gets_a_mirrored_page() -> None:
    def x_of_title(document: InvoiceDocument) -> float:
        found: list[float] = []

        def visit(text: str, matrix: list[float], *_: object) -> None:
            if "TITLEWORD" in text:
                found.append(matrix[4])

        PdfReader(BytesIO(render_invoice_pdf(document))).pages[0].extract_text(visitor_text=visit)
        return found[0]

    assert x_of_title(an_invoice(title="TITLEWORD", locale="he")) < 200
    assert x_of_title(an_invoice(title="TITLEWORD", locale="en")) > 300


# --- Nothing in the data is obeyed ----------------------------------------------------------

HOSTILE = [
    '#import "/etc/passwd"',
    '#read("/etc/passwd")',
    "#sys.inputs",
    "$x^2$",
    "*bold* _it_ `raw`",
    "= Heading",
    "<label> @ref",
    "\\u{41} \\ // /* */",
    '"] #panic() [',
    "{page} of {pages}",
    "https://evil.example",
    "--- ... ~ 'quoted'",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_printed_as_it_stands(text: str) -> None:
    group = LineGroup(text, "1.00", (InvoiceLine(text, "1", "1.00", "1.00"),))
    document = an_invoice(
        buyer=Party(text, (text,)), groups=(group,), notes=text, number=text, footer=text
    )
    pdf = render_invoice_pdf(document)
    # Buyer, its address, the title of the group, the line and the notes; number and footer too.
    assert text_of(pdf).count(squeezed(text)) >= 7
    annotations = PdfReader(BytesIO(pdf)).pages[0]["/Annots"].get_object()
    assert isinstance(annotations, ArrayObject)
    assert len(annotations) == 1


def test_a_name_cannot_turn_the_figures_around() -> None:
    honest = render_invoice_pdf(an_invoice(buyer=Party("Globex 123")))
    assert render_invoice_pdf(an_invoice(buyer=Party("Glo\u202ebex\x00\u2066 1\x1b23"))) == honest


def test_a_word_wider_than_the_page_is_broken_not_cut() -> None:
    name = "Donaudampfschifffahrt" * 12
    page = PdfReader(BytesIO(render_invoice_pdf(an_invoice(buyer=Party(name))))).pages[0]
    text = "".join(page.extract_text().replace("\u200b", "").split())
    assert name in text


# --- Always the same ------------------------------------------------------------------------


def test_the_same_data_give_the_same_bytes_also_in_another_thread() -> None:
    document = an_invoice(groups=(lines(60),), logo=png(40, 20))
    first = render_invoice_pdf(document)
    others: list[bytes] = []
    # A new thread has a compiler of its own, without anything kept from earlier invoices.
    thread = threading.Thread(target=lambda: others.append(render_invoice_pdf(document)))
    thread.start()
    thread.join()
    render_invoice_pdf(an_invoice(number="another one in between"))
    assert others == [first]
    assert render_invoice_pdf(document) == first


def test_the_file_is_dated_by_the_invoice_and_not_by_the_clock() -> None:
    reader = PdfReader(BytesIO(render_invoice_pdf(an_invoice())))
    assert reader.metadata is not None
    assert reader.metadata.title == "Invoice INV-2026-000417"
    assert reader.metadata.author == "Acme Telecom Ltd"
    for stamp in (reader.metadata.creation_date, reader.metadata.modification_date):
        assert stamp is not None
        assert stamp.date() == date(2026, 3, 1)


def test_the_fonts_are_the_ones_we_checked() -> None:
    folder = Path(__file__).parents[2] / "static" / "fonts"
    listed = set((folder / "SHA256SUMS").read_text().splitlines())
    found = {
        f"{hashlib.sha256(font.read_bytes()).hexdigest()}  {font.name}"
        for font in folder.glob("*.ttf")
    }
    assert found == listed


# --- Logo and colour ------------------------------------------------------------------------


def test_a_logo_replaces_the_sellers_name_at_the_top() -> None:
    with_logo = PdfReader(BytesIO(render_invoice_pdf(an_invoice(logo=png(300, 80)))))
    assert len(with_logo.pages[0].images) == 1
    check_logo(png(300, 80))


@pytest.mark.parametrize(
    "logo",
    [
        b"",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"\x89PNG\r\n\x1a\n",
        png(10, 10)[:40],
        png(3000, 3000),
        png(0, 10),
        b"\x89PNG\r\n\x1a\n" + b"\x00" * 300_000,
        b"\xff\xd8\xff\xe0\x00\x02",
        b"\xff\xd8" + b"\xff\xc0\x00\x0b\x08\x00\x10\x00\x10\x01\x01\x11\x00",
    ],
)
def test_a_logo_that_cannot_be_printed_is_refused_at_upload(logo: bytes) -> None:
    with pytest.raises(InvalidInputError) as caught:
        check_logo(logo)
    assert caught.value.field == "logo"


@pytest.mark.parametrize("colour", ["red", "#fff", "#12345g", 'rgb("#fff")', ""])
def test_a_colour_is_six_hex_digits(colour: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        render_invoice_pdf(an_invoice(colour=colour))
    assert caught.value.field == "colour"


@pytest.mark.parametrize("colour", ["#000000", "#ffffff", "#facc15", "#1d4ed8"])
def test_any_colour_gives_a_page(colour: str) -> None:
    assert "Pay online" in text_of(render_invoice_pdf(an_invoice(colour=colour)))
