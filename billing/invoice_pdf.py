"""Draws an invoice as PDF: the same data give the same bytes on every machine.

Typst sets the page (docs/decisions/0003). Data reach it as one JSON string, so a name such as
`#import "x"` is a string value and never markup. Fonts come from static/fonts alone; nothing is
fetched and no file is opened but the template and those fonts.
"""

import json
import re
import threading
from dataclasses import asdict, dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

import typst
from babel import Locale

from billing.invoice_brand import logo_data, page_colours
from core.errors import InvalidInputError, InvariantError

if TYPE_CHECKING:
    from typst import PDFStandard  # the wheel declares it in its stub only

_ROOT = Path(__file__).resolve().parent.parent
LAYOUT = _ROOT / "templates" / "invoices" / "invoice.typ"
FONT_FOLDER = _ROOT / "static" / "fonts"
PREVIEW_PPI = 110.0

# Archives ask for PDF/A, screen readers for PDF/UA. Both forbid a character that no font has.
STANDARDS: list["PDFStandard"] = ["a-3a", "ua-1"]

Paper = Literal["a4", "us-letter"]


@dataclass(frozen=True, slots=True)
class InvoiceLabels:
    """The invoice's own words, in the reader's language; `invoice_format` makes them."""

    seller: str = "From"
    buyer: str = "Bill to"
    description: str = "Description"
    quantity: str = "Quantity"
    unit_price: str = "Unit price"
    net: str = "Amount"
    gross: str = "With tax"
    tax: str = "Tax"
    tax_rate: str = "Rate"
    tax_base: str = "On"
    tax_amount: str = "Amount"
    how_to_pay: str = "How to pay"
    account: str = "Your account"
    notes: str = "Notes"
    in_words: str = "Amount in words"
    page_of: str = "Page {page} of {pages}"


@dataclass(frozen=True, slots=True)
class Fact:
    """One labelled value, such as a due date, a balance or an IBAN."""

    label: str
    value: str


@dataclass(frozen=True, slots=True)
class Party:
    """Seller or buyer: `lines` are the address and then tax and registration numbers."""

    name: str
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class InvoiceLine:
    """One line as printed; `quantity` includes its unit, `position` counts from 1."""

    description: str
    quantity: str
    unit_price: str
    net: str
    tax: str = ""
    gross: str = ""
    position: str = ""


@dataclass(frozen=True, slots=True)
class LineGroup:
    """Lines under one title with their net `subtotal`; an empty title prints the lines alone."""

    title: str
    subtotal: str
    lines: tuple[InvoiceLine, ...]
    tax: str = ""
    gross: str = ""


@dataclass(frozen=True, slots=True)
class TaxRow:
    """One row of the tax table."""

    name: str
    percent: str
    base: str
    amount: str


@dataclass(frozen=True, slots=True)
class SumRow:
    """One row of the totals; `is_total` draws the rule above it and sets it in bold."""

    label: str
    value: str
    is_total: bool = False


@dataclass(frozen=True, slots=True)
class AmountDue:
    """What the customer must see first; without a date there is none to keep."""

    label: str
    amount: str
    date_label: str = ""
    date: str = ""


@dataclass(frozen=True, slots=True)
class PayLink:
    """The button; `url` is an https address of the portal."""

    label: str
    url: str

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("https", "http") or not parts.hostname:
            raise InvalidInputError("The payment link is not a web address.", field="pay_link")


@dataclass(frozen=True, slots=True)
class InvoiceDocument:
    """Everything that is printed, already written for the reader's locale.

    `invoice_on` dates the file itself; `colour` is #rrggbb; `logo` is PNG or JPEG. `columns` are
    those of the lines beside the description, of `invoice_look.COLUMNS` and in their order.
    """

    title: str
    number: str
    invoice_on: date
    seller: Party
    buyer: Party
    facts: tuple[Fact, ...]
    due: AmountDue | None
    groups: tuple[LineGroup, ...]
    sums: tuple[SumRow, ...]
    taxes: tuple[TaxRow, ...] = ()
    balances: tuple[Fact, ...] = ()
    columns: tuple[str, ...] = ("quantity", "unit_price", "net")
    intro: str = ""
    in_words: str = ""
    how_to_pay: str = ""
    bank: tuple[Fact, ...] = ()
    pay_link: PayLink | None = None
    notes: str = ""
    footer: str = ""
    logo: bytes | None = None
    locale: str = "en"
    paper: Paper = "a4"
    colour: str = "#1d4ed8"
    labels: InvoiceLabels = field(default_factory=InvoiceLabels)


def render_invoice_pdf(document: InvoiceDocument) -> bytes:
    """The invoice as PDF, byte for byte the same for the same document.

    InvalidInputError: a logo that is not a small PNG or JPEG, a colour that is none.
    InvariantError: Typst could not draw it.
    """
    inputs = document_inputs(document)
    try:
        return _compile(inputs, STANDARDS)
    except typst.TypstError:
        # An emoji in a name must not stop an invoice: without the two standards it is drawn as
        # an empty box.
        try:
            return _compile(inputs, [])
        except typst.TypstError as error:
            raise InvariantError(f"An invoice could not be drawn: {error.message}") from error


def document_inputs(document: InvoiceDocument) -> dict[str, str]:
    """What a layout finds in `sys.inputs`: the invoice as one JSON string.

    InvalidInputError as `render_invoice_pdf`.
    """
    return {"invoice": json.dumps(_as_data(document), ensure_ascii=False)}


def render_first_page(document: InvoiceDocument) -> bytes:
    """The first page as PNG, for a screen. Errors as `render_invoice_pdf`."""
    try:
        return _compile(document_inputs(document), [], png=True)
    except typst.TypstError as error:
        raise InvariantError(f"An invoice could not be drawn: {error.message}") from error


def check_logo(logo: bytes) -> None:
    """Raise InvalidInputError unless every invoice can carry `logo`; call it at upload."""
    logo_data(logo)
    probe = InvoiceDocument(
        title="-",
        number="-",
        invoice_on=date(2000, 1, 1),
        seller=Party("-"),
        buyer=Party("-"),
        facts=(),
        due=AmountDue("-", "-", "-", "-"),
        groups=(),
        sums=(),
        logo=logo,
    )
    try:
        render_invoice_pdf(probe)
    except InvariantError:
        raise InvalidInputError("The logo cannot be read.", field="logo") from None


@cache
def _fonts() -> typst.Fonts:
    return typst.Fonts(
        include_system_fonts=False,
        include_embedded_fonts=False,
        font_paths=[str(FONT_FOLDER)],
    )


# A compiler keeps parsed template and fonts between invoices, but serves one thread at a time.
_local = threading.local()


def _compile(inputs: dict[str, str], standards: list["PDFStandard"], *, png: bool = False) -> bytes:
    compiler: typst.Compiler | None = getattr(_local, "compiler", None)
    if compiler is None:
        compiler = _local.compiler = typst.Compiler(
            input=str(LAYOUT),
            root=str(LAYOUT.parent),
            font_paths=_fonts(),
            ignore_system_fonts=True,
        )
    drawn = compiler.compile(
        format="png" if png else "pdf",
        ppi=PREVIEW_PPI,
        sys_inputs=inputs,
        pdf_standards=standards,
    )
    # several pages of PNG come as a list
    first = drawn[0] if isinstance(drawn, list) else drawn
    if not isinstance(first, bytes):
        raise InvariantError("Typst returned no document.")
    return first


# ---- Data for the template --------------------------------------------------------------------

_LATIN_FONTS = ["Noto Sans"]
_SCRIPT_FONTS = ["Noto Sans Arabic", "Noto Sans Hebrew", "Noto Sans Devanagari", "Noto Sans Thai"]
# One ideograph is drawn differently in Japan, Korea and China: the reader's own font comes first.
_CJK_FONTS = {"ja": "Noto Sans JP", "ko": "Noto Sans KR", "zh": "Noto Sans SC"}


def _as_data(document: InvoiceDocument) -> dict[str, object]:
    locale = Locale.parse(document.locale.replace("-", "_"))
    cjk = sorted(_CJK_FONTS, key=lambda language: language != locale.language)
    columns = tuple(name for name in document.columns if name != "position")
    rows, tail = _table_rows(document.groups, columns, numbered="position" in document.columns)
    texts: dict[str, object] = {
        "lang": locale.language,
        "region": locale.territory,
        "is_rtl": locale.text_direction == "rtl",
        "fonts": _LATIN_FONTS + _SCRIPT_FONTS + [_CJK_FONTS[language] for language in cjk],
        "paper": document.paper,
        "colours": page_colours(document.colour),
        "labels": asdict(document.labels),
        "columns": [getattr(document.labels, name) for name in columns],
        "amount_columns": len(_AMOUNT_COLUMNS & set(columns)),
        "title": document.title,
        "number": document.number,
        "year": document.invoice_on.year,
        "month": document.invoice_on.month,
        "day": document.invoice_on.day,
        "seller": asdict(document.seller),
        "buyer": asdict(document.buyer),
        "facts": [asdict(fact) for fact in document.facts],
        "due": asdict(document.due) if document.due else None,
        "rows": rows,
        "tail": tail,
        "sums": [asdict(row) for row in document.sums],
        "taxes": [asdict(tax) for tax in document.taxes],
        "balances": [asdict(fact) for fact in document.balances],
        "intro": document.intro,
        "in_words": document.in_words,
        "how_to_pay": document.how_to_pay,
        "bank": [asdict(fact) for fact in document.bank],
        "notes": document.notes,
        "footer": document.footer,
    }
    data = {name: _clean(value) for name, value in texts.items()}
    # Not text to be cleaned: an address that is followed, and bytes.
    data["pay_link"] = asdict(document.pay_link) if document.pay_link else None
    data["logo"] = logo_data(document.logo) if document.logo else None
    return data


# The last lines stay with the totals; a description of a whole page cannot stay with anything.
_TAIL_ROWS = 2
_AMOUNT_COLUMNS = frozenset(("net", "tax", "gross"))
_TAIL_TEXT = 400


def _table_rows(
    groups: tuple[LineGroup, ...], columns: tuple[str, ...], *, numbered: bool
) -> tuple[list[dict[str, Any]], int]:
    """The rows of the table, and how many of the last ones stay on a page with the totals."""
    amounts = [name for name in columns if name in _AMOUNT_COLUMNS]
    rows: list[dict[str, Any]] = []
    for group in groups:
        if group.title and group.lines:
            sums = {"net": group.subtotal, "tax": group.tax, "gross": group.gross}
            rows.append(
                {
                    "kind": "title",
                    "description": group.title,
                    "cells": [sums[name] for name in amounts],
                }
            )
        rows.extend(
            {
                "kind": "line",
                "description": line.description,
                "position": line.position if numbered else "",
                "cells": [getattr(line, name) for name in columns],
            }
            for line in group.lines
        )
    for before, row in zip([None, *rows], rows, strict=False):
        row["is_after_title"] = before is not None and before["kind"] == "title"
    tail = 0
    for row in reversed(rows[-_TAIL_ROWS:]):
        if len(row["description"]) > _TAIL_TEXT:
            break
        tail += 1
    return rows, tail


# Control characters have no place on paper. Bidirectional overrides would let a name rearrange
# the figures beside it; the harmless marks that Babel writes around amounts stay.
_FORBIDDEN = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb]"
)
_LONG_WORD = re.compile(r"[^\s\u0e00-\u0e7f\u2e80-\U0010ffff]{40,}")


def _clean(value: object) -> object:
    if isinstance(value, str):
        text = _FORBIDDEN.sub("", value.replace("\r\n", "\n").replace("\t", " "))
        return _LONG_WORD.sub(_breakable, text)
    if isinstance(value, dict):
        return {key: _clean(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_clean(item) for item in value]
    return value


def _breakable(word: re.Match[str]) -> str:
    """A word wider than its column would run into the next one: let it break (U+200B)."""
    text = word.group()
    return "\u200b".join(text[start : start + 20] for start in range(0, len(text), 20))
