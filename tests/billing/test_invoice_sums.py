"""Lines + taxes + rounding = total: in the database, and again in the text of the PDF."""

import io
import re
from datetime import date
from decimal import Decimal

import pypdf
import pytest

from billing import invoice_templates, invoices, tax_profiles
from billing.invoice_contents import list_lines, list_taxes
from billing.invoice_look import InvoiceLook
from billing.invoice_models import Invoice
from billing.periods import period_for_dates
from core.currencies import get_currency
from core.zones import get_zone
from tenants.files import get_file
from tests.billing.books import Books, open_books, utc

JANUARY = period_for_dates(date(2026, 1, 1), date(2026, 1, 31), get_zone("America/New_York"))
VAT = (("VAT", "7.7", 1),)
STACKED = (("GST", "5", 1), ("QST", "9.975", 2))
LINE = re.compile(r"Line (\d{3}) 1 (\S+) (-?[\d,.]+)$", re.MULTILINE)


def figure(text: str) -> Decimal:
    return Decimal(re.sub(r"[^\d.\-]", "", text))


def printed(text: str, label: str) -> Decimal:
    """The figure behind a label of the totals, whose lines read "Subtotal €1.23"."""
    found = re.search(rf"^{label} ([^ \n]+)$", text, re.MULTILINE)
    return figure(found.group(1)) if found else Decimal(0)


def make(books: Books, amounts: list[str], taxes: tuple, mode: str) -> tuple[Invoice, str]:
    with books.work() as session:
        profile_id = None
        if taxes:
            profile_id = tax_profiles.create_profile(
                session,
                reseller_id=books.tenant.id,
                name="Taxes",
                taxes=[(name, Decimal(rate), order) for name, rate, order in taxes],
            ).id
        # one list without titles, so that each line of text is a line of the invoice
        invoice_templates.create_template(
            session,
            reseller_id=books.tenant.id,
            look=InvoiceLook("Plain", is_default=True, grouping="none", locale="en"),
        )
    books.save_billing(tax_profile_id=profile_id)
    for number, amount in enumerate(amounts, 1):
        day = utc("2026-01-05T12:00")
        charge_id = books.charge(
            amount.removeprefix("-"), dated_at=day, tax_mode=mode, description=f"Line {number:03}"
        )
        if amount.startswith("-"):
            books.reverse(charge_id)
    made = books.invoice(JANUARY)
    assert made is not None
    with books.work() as session:
        stored = invoices.store_file(session, made.id)
        pages = pypdf.PdfReader(io.BytesIO(get_file(session, stored.id).content)).pages
        return made, "\n".join(page.extract_text() for page in pages)


@pytest.mark.parametrize(
    ("currency", "amounts", "taxes", "mode"),
    [
        ("EUR", ["0.013", "0.013", "10.0049"], VAT, "excluding"),
        ("EUR", ["0.004"] * 60, VAT, "excluding"),
        ("EUR", ["99.99", "0.01", "33.333333"], STACKED, "including"),
        ("JPY", ["12.4", "0.7", "1000.05"], VAT, "excluding"),
        ("KWD", ["1.0005", "2.00049", "0.3333"], STACKED, "excluding"),
        ("CLF", ["1.00005", "0.33333"], VAT, "excluding"),
        ("USD", ["5", "7.123456", "1"], (), "none"),
    ],
)
def test_lines_taxes_and_rounding_give_the_total_everywhere(
    clean_database: object, currency: str, amounts: list[str], taxes: tuple, mode: str
) -> None:
    books = open_books("Acme", "acme", currency=currency)
    made, text = make(books, amounts, taxes, mode)

    with books.work() as session:
        net = sum((line.net for line in list_lines(session, made.id)), Decimal(0))
        tax = sum((one.amount for one in list_taxes(session, made.id)), Decimal(0))
    assert (net, tax) == (made.net, made.tax)
    assert net + tax + made.rounding == made.total
    assert -made.total.normalize().as_tuple().exponent <= get_currency(currency).minor_digits

    lines = [figure(found[2]) for found in LINE.findall(text)]
    assert len(lines) == len(amounts)
    assert sum(lines, Decimal(0)) == printed(text, "Subtotal") == made.net
    on_paper = [printed(text, f"{name} {rate}%") for name, rate, _order in taxes]
    assert sum(on_paper, Decimal(0)) == made.tax
    rounding = printed(text, "Rounding")
    assert sum(lines, Decimal(0)) + sum(on_paper, Decimal(0)) + rounding == printed(text, "Total")
    assert printed(text, "Total") == made.total


def test_a_reversal_is_printed_with_its_sign_and_the_sums_still_hold(
    clean_database: object,
) -> None:
    books = open_books("Acme", "acme", currency="EUR")
    made, text = make(books, ["10.004", "-3.333", "2.0001"], VAT, "excluding")
    figures = [figure(found[2]) for found in LINE.findall(text)]
    assert len(figures) == 4
    assert min(figures) == Decimal("-3.333")
    assert sum(figures, Decimal(0)) == printed(text, "Subtotal") == made.net
    assert made.net + made.tax + made.rounding == made.total == printed(text, "Total")
