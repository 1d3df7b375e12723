"""A stored invoice as the document that is printed, in the words and figures of its reader."""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale
from babel.support import NullTranslations, Translations

from billing.invoice_contents import Line, TaxLine
from billing.invoice_format import (
    InvoiceFormatter,
    InvoiceWords,
    Translate,
    invoice_labels,
    invoice_words,
)
from billing.invoice_models import Invoice
from billing.invoice_pdf import (
    AmountDue,
    Fact,
    InvoiceDocument,
    LineGroup,
    Paper,
    Party,
    PayLink,
    SumRow,
    TaxRow,
)
from billing.invoice_pdf import InvoiceLine as PrintedLine

_TRANSLATIONS = Path(__file__).resolve().parent.parent / "translations"
# where letters are 8.5 by 11 inches (CLDR, measurement data)
_LETTER_TERRITORIES = frozenset(
    ("BZ", "CA", "CL", "CO", "CR", "GT", "MX", "NI", "PA", "PH", "PR", "SV", "US", "VE")
)
_DEFAULT_COLOUR = "#1d4ed8"


def make_document(
    invoice: Invoice, lines: Sequence[Line], taxes: Sequence[TaxLine], logo: bytes | None = None
) -> InvoiceDocument:
    """Everything from what was stored with the invoice, nothing from what holds today.

    `logo` is the one that the invoice names. What was paid is what was paid when this is made.
    """
    parties = invoice.parties
    locale = parties["locale"]
    formatter = InvoiceFormatter.create(locale, invoice.currency)
    translate = _translate(locale)
    words = invoice_words(translate)
    host = parties["portal_host"]
    return InvoiceDocument(
        title=words.invoice,
        number=invoice.number,
        invoice_on=invoice.invoice_on,
        seller=_party(parties["seller"], translate),
        buyer=_party(parties["buyer"], translate),
        facts=_facts(invoice, formatter, words),
        due=_due(invoice, formatter, words),
        groups=_groups(lines, formatter, translate),
        taxes=_tax_rows(taxes, formatter),
        sums=_sums(invoice, taxes, formatter, words),
        balances=(
            Fact(words.balance_before, formatter.exact_amount(invoice.balance_before)),
            Fact(words.this_invoice, formatter.amount(-invoice.total)),
            Fact(words.balance_after, formatter.exact_amount(invoice.balance_after)),
        ),
        how_to_pay=parties["seller"]["account_details"],
        pay_link=PayLink(words.pay_online, f"https://{host}/clients/") if host else None,
        footer=_footer(parties["seller"]),
        logo=logo,
        locale=locale,
        # invoices made before there were templates kept neither paper nor note
        paper=_paper(parties.get("paper", "auto"), locale, parties["seller_locale"]),
        notes=parties.get("note", ""),
        colour=parties["brand_color"] or _DEFAULT_COLOUR,
        labels=invoice_labels(translate),
    )


def _translate(locale: str) -> Translate:
    found = Translations.load(_TRANSLATIONS, [locale])
    translations = found if isinstance(found, Translations) else NullTranslations()
    return translations.gettext


def _party(party: dict[str, Any], _: Translate) -> Party:
    lines = [line.strip() for line in party["address"].splitlines() if line.strip()]
    if party["zip_code"]:
        lines.append(party["zip_code"])
    if party["tax_id"]:
        lines.append(f"{_('Tax ID')}: {party['tax_id']}")
    if party["reg_id"]:
        lines.append(f"{_('Registration number')}: {party['reg_id']}")
    return Party(party["name"], tuple(lines))


def _facts(invoice: Invoice, formatter: InvoiceFormatter, words: InvoiceWords) -> tuple[Fact, ...]:
    zone = ZoneInfo(invoice.timezone)
    return (
        Fact(words.invoice_number, invoice.number),
        Fact(words.invoice_date, formatter.day(invoice.invoice_on)),
        Fact(words.due_date, formatter.day(invoice.due_on)),
        Fact(words.period, formatter.period(invoice.first_on, invoice.last_on, zone)),
        Fact(words.currency, invoice.currency),
    )


def _due(invoice: Invoice, formatter: InvoiceFormatter, words: InvoiceWords) -> AmountDue:
    open_amount = invoice.total - invoice.paid
    label = words.amount_due if open_amount else words.paid_in_full
    return AmountDue(
        label, formatter.amount(open_amount), words.pay_by, formatter.day(invoice.due_on)
    )


def _groups(
    lines: Sequence[Line], formatter: InvoiceFormatter, _: Translate
) -> tuple[LineGroup, ...]:
    titles = {
        "package_fee": _("Packages"),
        "services_charge": _("Services"),
        "extra_charge": _("Extra charges"),
    }
    # one column of figures: the lines and the subtotals of their groups
    printed = iter(formatter.column([line.net for line in lines]))
    grouped: dict[str, list[PrintedLine]] = {}
    nets: dict[str, Decimal] = {}
    for line in lines:
        nets[line.group] = nets.get(line.group, Decimal()) + line.net
        grouped.setdefault(line.group, []).append(
            PrintedLine(
                line.description,
                formatter.quantity(line.quantity, line.unit),
                formatter.rate(line.unit_price),
                next(printed),
            )
        )
    subtotals = formatter.column(list(nets.values()))
    return tuple(
        LineGroup(titles[group], subtotal, tuple(members))
        for (group, members), subtotal in zip(grouped.items(), subtotals, strict=True)
    )


def _tax_rows(taxes: Sequence[TaxLine], formatter: InvoiceFormatter) -> tuple[TaxRow, ...]:
    bases = formatter.column([tax.base for tax in taxes])
    amounts = formatter.column([tax.amount for tax in taxes])
    return tuple(
        TaxRow(tax.name, formatter.percent(tax.percent), base, amount)
        for tax, base, amount in zip(taxes, bases, amounts, strict=True)
    )


def _sums(
    invoice: Invoice,
    taxes: Sequence[TaxLine],
    formatter: InvoiceFormatter,
    words: InvoiceWords,
) -> tuple[SumRow, ...]:
    rows = [SumRow(words.subtotal, formatter.exact_amount(invoice.net))]
    rows += [
        SumRow(f"{tax.name} {formatter.percent(tax.percent)}", formatter.exact_amount(tax.amount))
        for tax in taxes
    ]
    if invoice.rounding:
        rows.append(SumRow(words.rounding, formatter.exact_amount(invoice.rounding)))
    rows.append(SumRow(words.total, formatter.amount(invoice.total), is_total=True))
    if invoice.paid:
        rows.append(SumRow(words.paid, formatter.amount(-invoice.paid)))
    return tuple(rows)


def _footer(seller: dict[str, Any]) -> str:
    return " · ".join(part for part in (seller["name"], seller["email"]) if part)


def _paper(wish: str, locale: str, seller_locale: str) -> Paper:
    """The template's paper, else the reader's; a locale without a country takes the seller's."""
    if wish != "auto":
        return "a4" if wish == "a4" else "us-letter"
    territory = Locale.parse(locale).territory
    if territory is None and "_" in seller_locale.replace("-", "_"):
        territory = seller_locale[-2:].upper()
    return "us-letter" if territory in _LETTER_TERRITORIES else "a4"
