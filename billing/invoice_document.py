"""A stored invoice as the document that is printed, in the words and figures of its reader."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale
from babel.support import NullTranslations, Translations

from billing.address_lines import address_lines
from billing.currencies import Precision
from billing.invoice_contents import Line, TaxLine
from billing.invoice_figures import Figures, kept_precision, show_figures
from billing.invoice_format import (
    InvoiceFormatter,
    InvoiceWords,
    Translate,
    invoice_labels,
    invoice_words,
)
from billing.invoice_groups import group_lines
from billing.invoice_look import InvoiceLook, look_from_json
from billing.invoice_models import Invoice
from billing.invoice_pdf import (
    AmountDue,
    Fact,
    InvoiceDocument,
    Paper,
    Party,
    PayLink,
    SumRow,
    TaxRow,
)
from billing.invoice_words import amount_in_words

_TRANSLATIONS = Path(__file__).resolve().parent.parent / "translations"
# where letters are 8.5 by 11 inches (CLDR, measurement data)
_LETTER_TERRITORIES = frozenset(
    ("BZ", "CA", "CL", "CO", "CR", "GT", "MX", "NI", "PA", "PH", "PR", "SV", "US", "VE")
)
DEFAULT_COLOUR = "#1d4ed8"


def make_document(
    invoice: Invoice,
    lines: Sequence[Line],
    taxes: Sequence[TaxLine],
    logo: bytes | None = None,
    look: InvoiceLook | None = None,
) -> InvoiceDocument:
    """Everything from what was stored with the invoice, nothing from what holds today.

    `logo` is the one that the invoice names. What was paid is what was paid when this is made.
    `look` is another one than the invoice keeps, for trying a template out.
    """
    parties = invoice.parties
    look = look_from_json(parties) if look is None else look
    locale = look.locale or parties["locale"]
    figures = show_figures(kept_precision(parties, invoice.currency), lines, taxes, invoice.total)
    formatter = make_formatter(locale, invoice.currency, figures.precision)
    is_void = invoice.state == "void"
    translate = translator(locale)
    words = invoice_words(translate)
    legal = look.has("legal")
    return InvoiceDocument(
        title=look.heading or _title(invoice, words),
        number=invoice.number,
        invoice_on=invoice.invoice_on,
        seller=make_party(parties["seller"], translate, legal=legal),
        buyer=make_party(parties["buyer"], translate, legal=legal),
        facts=_facts(invoice, formatter, words, look),
        due=_due(invoice, formatter, words) if look.has("due") and not is_void else None,
        mark=words.void if is_void else "",
        columns=look.columns,
        intro=look.intro,
        groups=group_lines(figures.lines, formatter, translate, look.grouping),
        taxes=tax_rows(figures.taxes, formatter) if look.has("taxes") else (),
        sums=_sums(invoice, figures, formatter, words),
        balances=(
            _balances(invoice, formatter, words) if look.has("balances") and not is_void else ()
        ),
        in_words=(
            amount_in_words(invoice.total, invoice.currency, locale) if look.has("words") else ""
        ),
        how_to_pay=_how_to_pay(parties["seller"], look) if _is_payable(invoice) else "",
        pay_link=_pay_link(invoice, words) if look.has("pay_link") else None,
        footer=look.footer or footer_of(parties["seller"]),
        logo=logo if look.has("logo") else None,
        locale=locale,
        paper=choose_paper(look.paper, locale, parties["seller_locale"]),
        notes=look.note,
        colour=look.colour or parties["brand_color"] or DEFAULT_COLOUR,
        labels=invoice_labels(translate),
    )


def paper_for(locale: str, seller_locale: str) -> Paper:
    """The reader's paper, as of an invoice whose template says nothing."""
    return choose_paper("auto", locale, seller_locale)


def default_colour() -> str:
    """The colour of a reseller without one."""
    return DEFAULT_COLOUR


def translator(locale: str) -> Translate:
    """The words of the reader's language; English where nobody has translated them."""
    found = Translations.load(_TRANSLATIONS, [locale])
    translations = found if isinstance(found, Translations) else NullTranslations()
    return translations.gettext


def _title(invoice: Invoice, words: InvoiceWords) -> str:
    return words.credit_note if invoice.total < 0 else words.invoice


def _is_payable(invoice: Invoice) -> bool:
    """Whether the reader has to pay it, or had to."""
    return invoice.total > 0 and invoice.state != "void"


def make_party(party: dict[str, Any], _: Translate, *, legal: bool) -> Party:
    """Seller or buyer with its address, and with its numbers where `legal`."""
    lines = address_lines(party["address"], party["zip_code"] or "")
    if legal and party["tax_id"]:
        lines.append(f"{_('Tax ID')}: {party['tax_id']}")
    if legal and party["reg_id"]:
        lines.append(f"{_('Registration number')}: {party['reg_id']}")
    return Party(party["name"], tuple(lines))


def _facts(
    invoice: Invoice, formatter: InvoiceFormatter, words: InvoiceWords, look: InvoiceLook
) -> tuple[Fact, ...]:
    zone = ZoneInfo(invoice.timezone)
    facts = [
        Fact(words.invoice_number, invoice.number),
        Fact(words.invoice_date, formatter.day(invoice.invoice_on)),
    ]
    if _is_payable(invoice):
        facts.append(Fact(words.due_date, formatter.day(invoice.due_on)))
    if invoice.voided_at is not None:
        facts.append(
            Fact(words.void_since, formatter.day(invoice.voided_at.astimezone(zone).date()))
        )
    if look.has("period"):
        facts.append(Fact(words.period, formatter.period(invoice.first_on, invoice.last_on, zone)))
    return (*facts, Fact(words.currency, invoice.currency))


def _due(invoice: Invoice, formatter: InvoiceFormatter, words: InvoiceWords) -> AmountDue:
    if not _is_payable(invoice):
        label = words.amount_credited if invoice.total < 0 else words.amount_due
        return AmountDue(label, formatter.amount(abs(invoice.total)))
    open_amount = invoice.total - invoice.paid
    if not open_amount:
        return AmountDue(words.paid_in_full, formatter.amount(open_amount))
    return AmountDue(
        words.amount_due,
        formatter.amount(open_amount),
        words.pay_by,
        formatter.day(invoice.due_on),
    )


def _balances(
    invoice: Invoice, formatter: InvoiceFormatter, words: InvoiceWords
) -> tuple[Fact, ...]:
    return (
        Fact(words.balance_before, formatter.exact_amount(invoice.balance_before)),
        Fact(words.this_invoice, formatter.amount(-invoice.total)),
        Fact(words.balance_after, formatter.exact_amount(invoice.balance_after)),
    )


def _how_to_pay(seller: dict[str, Any], look: InvoiceLook) -> str:
    if not look.has("payment"):
        return ""
    return look.payment_text or str(seller["account_details"])


def _pay_link(invoice: Invoice, words: InvoiceWords) -> PayLink | None:
    """The client's refill page with this invoice chosen; none where nothing is to be paid."""
    host = invoice.parties["portal_host"]
    if not host or invoice.total - invoice.paid <= 0:
        return None
    return PayLink(words.pay_online, f"https://{host}/clients/refill/?invoice={invoice.id}")


def tax_rows(taxes: Sequence[TaxLine], formatter: InvoiceFormatter) -> tuple[TaxRow, ...]:
    """The tax table; bases and amounts each as a column."""
    bases = formatter.column([tax.base for tax in taxes])
    amounts = formatter.column([tax.amount for tax in taxes])
    return tuple(
        TaxRow(tax.name, _percent(tax, formatter), base, amount)
        for tax, base, amount in zip(taxes, bases, amounts, strict=True)
    )


def _percent(tax: TaxLine, formatter: InvoiceFormatter) -> str:
    """Empty for a fee by line, which is no part of its base (SureTax knows such)."""
    return formatter.percent(tax.percent) if tax.percent or not tax.amount else ""


def _sums(
    invoice: Invoice, figures: Figures, formatter: InvoiceFormatter, words: InvoiceWords
) -> tuple[SumRow, ...]:
    rows = sum_rows(figures, formatter, words)
    if invoice.paid and invoice.state != "void":
        rows.append(SumRow(words.paid, formatter.amount(-invoice.paid)))
    return tuple(rows)


def sum_rows(figures: Figures, formatter: InvoiceFormatter, words: InvoiceWords) -> list[SumRow]:
    """Net, each tax, what is rounded, and the total that they come to."""
    rows = [SumRow(words.subtotal, formatter.exact_amount(figures.net))]
    rows += [
        SumRow(
            f"{tax.name} {_percent(tax, formatter)}".rstrip(), formatter.exact_amount(tax.amount)
        )
        for tax in figures.taxes
    ]
    if figures.rounding:
        rows.append(SumRow(words.rounding, formatter.exact_amount(figures.rounding)))
    rows.append(SumRow(words.total, formatter.amount(figures.total), is_total=True))
    return rows


def make_formatter(locale: str, currency: str, precision: Precision) -> InvoiceFormatter:
    """The formatter of a document that kept this precision."""
    return InvoiceFormatter.create(
        locale, currency, total_places=precision.totals, rate_places=precision.rates
    )


def footer_of(seller: dict[str, Any]) -> str:
    """What stands at the foot of a page that says nothing of its own."""
    return " · ".join(part for part in (seller["name"], seller["email"]) if part)


def choose_paper(wish: str, locale: str, seller_locale: str) -> Paper:
    """The template's paper, else the reader's; a locale without a country takes the seller's."""
    if wish != "auto":
        return "a4" if wish == "a4" else "us-letter"
    territory = Locale.parse(locale).territory
    if territory is None and "_" in seller_locale.replace("-", "_"):
        territory = seller_locale[-2:].upper()
    return "us-letter" if territory in _LETTER_TERRITORIES else "a4"
