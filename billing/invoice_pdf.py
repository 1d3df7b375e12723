"""Draws an invoice as PDF: the same data give the same bytes on every machine.

Typst sets the page (docs/decisions/0003); `billing.typst_drawing` says what it may see.
"""

import json
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any, Literal
from urllib.parse import urlsplit

from billing.invoice_brand import logo_data, page_colours
from billing.typst_drawing import LAYOUTS, clean, draw_first_page, draw_pdf, language_data
from core.errors import InvalidInputError, InvariantError

LAYOUT = LAYOUTS / "invoice.typ"

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
    `mark` is printed large across every page, such as VOID.
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
    mark: str = ""
    labels: InvoiceLabels = field(default_factory=InvoiceLabels)


def render_invoice_pdf(document: InvoiceDocument) -> bytes:
    """The invoice as PDF, byte for byte the same for the same document.

    InvalidInputError: a logo that is not a small PNG or JPEG, a colour that is none.
    InvariantError: Typst could not draw it.
    """
    return draw_pdf(LAYOUT, document_inputs(document))


def document_inputs(document: InvoiceDocument) -> dict[str, str]:
    """What a layout finds in `sys.inputs`: the invoice as one JSON string.

    InvalidInputError as `render_invoice_pdf`.
    """
    return {"invoice": json.dumps(_as_data(document), ensure_ascii=False)}


def render_first_page(document: InvoiceDocument) -> bytes:
    """The first page as PNG, for a screen. Errors as `render_invoice_pdf`."""
    return draw_first_page(LAYOUT, document_inputs(document))


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


# ---- Data for the template --------------------------------------------------------------------


def _as_data(document: InvoiceDocument) -> dict[str, object]:
    columns = tuple(name for name in document.columns if name != "position")
    rows, tail = _table_rows(document.groups, columns, numbered="position" in document.columns)
    texts: dict[str, object] = {
        **language_data(document.locale),
        "paper": document.paper,
        "colours": page_colours(document.colour),
        "labels": asdict(document.labels),
        "columns": [getattr(document.labels, name) for name in columns],
        "amount_columns": len(_AMOUNT_COLUMNS & set(columns)),
        "mark": document.mark,
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
    data = {name: clean(value) for name, value in texts.items()}
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
