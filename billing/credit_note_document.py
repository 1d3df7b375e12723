"""A stored credit note as the document that is printed, in the look that its invoice kept."""

from decimal import Decimal
from zoneinfo import ZoneInfo

from billing.correction_models import CreditNote
from billing.invoice_contents import Line, TaxLine
from billing.invoice_document import (
    DEFAULT_COLOUR,
    choose_paper,
    footer_of,
    make_formatter,
    make_party,
    sum_rows,
    tax_rows,
    translator,
)
from billing.invoice_figures import Figures, kept_precision, show_figures
from billing.invoice_format import (
    InvoiceFormatter,
    InvoiceWords,
    Translate,
    invoice_labels,
    invoice_words,
)
from billing.invoice_groups import group_lines
from billing.invoice_look import look_from_json
from billing.invoice_models import Invoice
from billing.invoice_pdf import AmountDue, Fact, InvoiceDocument
from billing.invoice_words import amount_in_words


def credit_note_figures(note: CreditNote, invoice: Invoice) -> Figures:
    """What it takes back, rounded as its invoice is: one line, its taxes and the rest."""
    line = Line("", "", Decimal(1), "", note.net, note.net, note.tax)
    taxes = [
        TaxLine(one["name"], Decimal(one["percent"]), Decimal(one["base"]), Decimal(one["amount"]))
        for one in note.taxes
    ]
    precision = kept_precision(invoice.parties, note.currency)
    return show_figures(precision, [line], taxes, note.total)


def make_credit_note_document(
    note: CreditNote, invoice: Invoice, logo: bytes | None = None
) -> InvoiceDocument:
    """Everything from what was stored with the note and its invoice.

    Logo, colour, texts and language are those of the template as the invoice kept it; what a
    template says of an invoice alone (its heading, how to pay) is left away.
    """
    parties = invoice.parties
    look = look_from_json(parties)
    locale = look.locale or parties["locale"]
    figures = credit_note_figures(note, invoice)
    formatter = make_formatter(locale, note.currency, figures.precision)
    translate = translator(locale)
    words = invoice_words(translate)
    legal = look.has("legal")
    return InvoiceDocument(
        title=words.credit_note,
        number=note.number,
        invoice_on=note.issued_on,
        seller=make_party(parties["seller"], translate, legal=legal),
        buyer=make_party(parties["buyer"], translate, legal=legal),
        facts=_facts(note, invoice, formatter, words),
        due=AmountDue(words.amount_credited, formatter.amount(note.total)),
        columns=("net",),
        intro=note.reason,
        groups=group_lines(
            [_line(figures.lines[0], invoice, translate)], formatter, translate, "none"
        ),
        taxes=tax_rows(figures.taxes, formatter) if look.has("taxes") else (),
        sums=tuple(sum_rows(figures, formatter, words)),
        in_words=amount_in_words(note.total, note.currency, locale) if look.has("words") else "",
        footer=look.footer or footer_of(parties["seller"]),
        logo=logo if look.has("logo") else None,
        locale=locale,
        paper=choose_paper(look.paper, locale, parties["seller_locale"]),
        notes=look.note,
        colour=look.colour or parties["brand_color"] or DEFAULT_COLOUR,
        labels=invoice_labels(translate),
    )


def _line(line: Line, invoice: Invoice, _: Translate) -> Line:
    text = _("Credit for invoice {number}").replace("{number}", invoice.number)
    return Line(line.group, text, line.quantity, line.unit, line.unit_price, line.net, line.tax)


def _facts(
    note: CreditNote, invoice: Invoice, formatter: InvoiceFormatter, words: InvoiceWords
) -> tuple[Fact, ...]:
    zone = ZoneInfo(invoice.timezone)
    return (
        Fact(words.credit_note_number, note.number),
        Fact(words.date, formatter.day(note.issued_on)),
        Fact(words.of_invoice, f"{invoice.number}\n{formatter.day(invoice.invoice_on)}"),
        Fact(words.period, formatter.period(invoice.first_on, invoice.last_on, zone)),
        Fact(words.currency, note.currency),
    )
