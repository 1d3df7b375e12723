"""Shown figures: lines + taxes + rounding = total, for every currency, precision and tax."""

import io
import re
from datetime import date
from decimal import Decimal

import pypdf
import pytest

from billing import credit_notes, currencies, explain_invoice, invoices
from billing.credit_note_document import credit_note_figures
from billing.currencies import Precision
from billing.invoice_contents import Line, TaxLine
from billing.invoice_document import make_formatter
from billing.invoice_figures import Figures, kept_precision, read_figures, show_figures
from billing.periods import period_for_dates
from billing.taxes import TaxMode, TaxRate, compute_taxes, round_invoice_totals, sum_taxes
from core.currencies import get_currency
from core.ids import new_id
from core.zones import get_zone
from tenants.files import get_file
from tenants.stamps import make_stamp
from tests.billing.books import open_books, utc

D = Decimal
VAT = (TaxRate("VAT", D("7.7")),)
STACKED = (TaxRate("GST", D(5)), TaxRate("QST", D("9.975"), 2))
LINES = {
    "thousand": ["0.004"] * 1000,
    "negative": ["10.004", "-3.333", "2.0001", "-0.0005"],
    "fine": ["0.013", "0.013", "10.0049", "1234.567891"],
}


def printed(figures: Figures, currency: str) -> list[Decimal]:
    """The figures as the PDF writes them: the lines, the taxes, the rounding, the total."""
    formatter = make_formatter("en", currency, figures.precision)
    lines = formatter.column([one.net for one in figures.lines])
    others = [one.amount for one in figures.taxes]
    texts = [*lines, *map(formatter.exact_amount, [*others, figures.rounding])]
    texts.append(formatter.amount(figures.total))
    return [D(re.sub(r"[^\d.\-]", "", text)) for text in texts]


@pytest.mark.parametrize("currency", ["JPY", "EUR", "KWD", "CLF"])
@pytest.mark.parametrize("mode", [TaxMode.EXCLUDING, TaxMode.INCLUDING, TaxMode.NONE])
@pytest.mark.parametrize("rates", [VAT, STACKED], ids=["one tax", "tax on tax"])
@pytest.mark.parametrize("amounts", LINES.values(), ids=LINES)
def test_what_is_printed_adds_up_to_the_total(currency, mode, rates, amounts):
    minor = get_currency(currency).minor_digits
    taxed = [compute_taxes(D(one), rates, mode) for one in amounts]
    for totals_at in {0, minor}:
        totals = round_invoice_totals(
            [one.net for one in taxed], sum_taxes(taxed), currency, total_places=totals_at
        )
        assert totals.net + totals.tax + totals.rounding == totals.total
        lines = [Line("", "", D(1), "", one.net, one.net, one.tax) for one in taxed]
        taxes = [TaxLine(one.name, one.percent, one.base, one.amount) for one in totals.taxes]
        for details in {totals_at, minor, 3, 6} - set(range(totals_at)):
            figures = show_figures(Precision(6, details, totals_at), lines, taxes, totals.total)
            *parts, total = printed(figures, currency)
            assert sum(parts, D(0)) == total == totals.total
            if details == 6:
                assert figures.rounding == totals.rounding, "every digit is shown"


def test_a_thousand_lines_that_are_shown_as_nothing_stand_in_the_rounding():
    lines = [Line("", "", D(1), "", D("0.004"), D("0.004"), D(0))] * 1000
    figures = show_figures(Precision(6, 2, 2), lines, [], D(4))
    assert (figures.net, figures.rounding) == (D(0), D(4))


@pytest.mark.parametrize(("currency", "details"), [("EUR", 2), ("JPY", 0), ("KWD", 3), ("CLF", 4)])
def test_screen_paper_database_and_credit_notes_agree(clean_database, currency, details):
    books = open_books("Acme", "acme", currency=currency)
    minor = get_currency(currency).minor_digits
    with books.work() as session:
        currencies.save_currency(
            session,
            reseller_id=books.tenant.id,
            code=currency,
            precision=Precision(rates=4, details=details, totals=0),
            stamp=None,
        )
    for amount in ("10.00456", "0.3333", "2.5", "0.0001"):
        books.charge(amount, tax_mode="none", dated_at=utc("2026-01-05T12:00"))
    zone = get_zone("America/New_York")
    made = books.invoice(period_for_dates(date(2026, 1, 1), date(2026, 1, 31), zone))
    with books.work() as session:
        currencies.save_currency(
            session,
            reseller_id=books.tenant.id,
            code=currency,
            precision=Precision(rates=6, details=6, totals=minor),
            stamp=make_stamp(
                currencies.facts(currencies.precision_of(session, books.tenant.id, currency))
            ),
        )
    with books.work() as session:
        stored = invoices.get_invoice(session, made.id)
        assert kept_precision(stored.parties, currency) == Precision(4, details, 0), "as it was"
        assert stored.net + stored.tax + stored.rounding == stored.total == D(13)
        figures = read_figures(session, stored)
        assert figures.net + figures.tax + figures.rounding == D(13)
        assert all(round(one.net, details) == one.net for one in figures.lines)
        why = explain_invoice.explain_invoice(session, made.id)
        assert why.is_proven
        assert [one.result for one in why.steps if one.kind == "shown"] == [figures.rounding]
        file = get_file(session, invoices.store_file(session, made.id).id)
        text = "\n".join(
            page.extract_text() for page in pypdf.PdfReader(io.BytesIO(file.content)).pages
        )
    total = re.search(r"^Total \D*([\d.,]+)$", text, re.MULTILINE)
    assert total is not None
    assert D(total[1]) == D(13)
    for share in (D(5), None):
        with books.work() as session:
            note = credit_notes.create_credit_note(
                session,
                credit_note_id=new_id(),
                invoice_id=made.id,
                amount=share,
                reason="A mistake",
            )
            shown = credit_note_figures(note, invoices.get_invoice(session, made.id))
        assert note.net + note.tax + note.rounding == note.total
        assert shown.net + shown.tax + shown.rounding == note.total
    with books.work() as session:
        assert invoices.get_invoice(session, made.id).credited == D(13)
