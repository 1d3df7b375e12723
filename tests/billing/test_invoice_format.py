"""Numbers, dates and words of an invoice are those of its reader."""

import copy
from dataclasses import astuple
from datetime import date
from decimal import Decimal

import pytest
from babel.numbers import parse_pattern
from babel.support import NullTranslations

from billing.invoice_format import InvoiceFormatter, invoice_labels, invoice_words
from billing.invoice_pdf import InvoiceLabels
from core.errors import InvalidInputError
from core.zones import get_zone

D = Decimal


def plain(text: str) -> str:
    return " ".join(text.replace("\uffe5", "\u00a5").split())


@pytest.mark.parametrize(
    ("locale", "currency", "amount", "printed"),
    [
        ("en_US", "USD", "1234.505", "$1,234.51"),
        ("en_US", "USD", "2.345", "$2.35"),
        ("en_US", "USD", "-2.345", "-$2.35"),
        ("de", "EUR", "1234.5", "1.234,50 €"),
        ("fr-CH", "CHF", "1234.5", "1 234,50 CHF"),
        ("ja", "JPY", "1234.5", "¥1,235"),
        ("en", "KWD", "1.0005", "KWD 1.001"),
        ("en", "IQD", "5", "IQD 5.000"),
    ],
)
def test_a_total_is_rounded_half_up_and_written_by_locale(
    locale: str, currency: str, amount: str, printed: str
) -> None:
    assert plain(InvoiceFormatter.create(locale, currency).amount(D(amount))) == printed


def test_a_column_shows_what_its_finest_amount_needs() -> None:
    formatter = InvoiceFormatter.create("en", "EUR")
    assert formatter.column([D("1.5"), D("0.0040"), D("1200")]) == ["1.500", "0.004", "1,200.000"]
    assert formatter.column([D("10"), D("100")]) == ["10.00", "100.00"]
    assert formatter.column([]) == []
    assert formatter.exact_amount(D("-0.003125")) == "-€0.003125"


def test_rates_quantities_percents_and_days_are_written_in_full() -> None:
    formatter = InvoiceFormatter.create("en", "USD")
    assert formatter.rate(D("0.0065120000")) == "0.006512"
    assert formatter.rate(D("12")) == "12.00"
    assert plain(formatter.quantity(D("1204.500000"), "min")) == "1,204.5 min"
    assert formatter.percent(D("9.975000")) == "9.975%"
    assert formatter.percent(D("19")) == "19%"
    assert formatter.day(date(2026, 3, 4)) == "March 4, 2026"
    period = formatter.period(date(2026, 2, 1), date(2026, 2, 28), get_zone("Europe/Berlin"))
    assert plain(period.replace("\n", " / ")) == "Feb 1 – 28, 2026 / Europe/Berlin"


@pytest.mark.parametrize(
    "locale", ["en", "de", "fr_CH", "hi", "es", "sv", "he", "ar", "en_IN", "bg"]
)
def test_our_quick_numbers_are_those_that_babel_writes(locale: str) -> None:
    formatter = InvoiceFormatter.create(locale, "EUR")
    for text in ("0", "-0.5", "7", "999", "1000", "-12345.678", "123456789012.000001", "0.1000"):
        pattern = copy.copy(parse_pattern(formatter.locale.decimal_formats[None].pattern))
        pattern.frac_prec = (0, 6)
        written = formatter.quantity(D(text)).replace("\u200e", "")
        assert written == pattern.apply(D(text), formatter.locale).replace("\u200e", "")


def test_a_minus_stays_left_of_its_digits_in_hebrew() -> None:
    assert "\u200e-20.00" in InvoiceFormatter.create("he", "ILS").amount(D(-20))


@pytest.mark.parametrize(("locale", "currency"), [("xx_YY", "EUR"), ("en", "BTC"), ("", "EUR")])
def test_an_unknown_locale_or_currency_is_refused(locale: str, currency: str) -> None:
    with pytest.raises(InvalidInputError):
        InvoiceFormatter.create(locale, currency)


def test_the_invoices_words_go_through_the_readers_gettext() -> None:
    assert invoice_labels(NullTranslations().gettext) == InvoiceLabels()
    words = invoice_words(lambda text: f"<{text}>")
    assert words.amount_due == "<Amount due>"
    assert all(text.startswith("<") for text in astuple(words))
