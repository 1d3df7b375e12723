"""How figures, days and instants look."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from babel.numbers import format_decimal

from core.errors import InvalidInputError
from portal import formatting
from portal.viewer import set_viewer
from portal.wording import refusal
from tests.portal.gallery import office_viewer, standing_gallery


@pytest.fixture(params=["en"])
def seen_in(request):
    """The formatting module inside a request of a viewer with this language, in Berlin."""
    with standing_gallery().test_request_context():
        set_viewer(office_viewer(locale=request.param))
        yield formatting


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        ("1234.5", "EUR", "1,234.50"),
        ("0.125", "EUR", "0.13"),
        ("0.135", "EUR", "0.14"),
        ("-0.125", "EUR", "-0.13"),
        ("-0.001", "EUR", "0.00"),
        ("1234.5", "JPY", "1,235"),
        ("1.2345", "KWD", "1.235"),
        ("99999999999999.999999", "USD", "100,000,000,000,000.00"),
    ],
)
def test_money_is_rounded_half_up_to_its_own_minor_unit(seen_in, amount, currency, text):
    assert seen_in.money(Decimal(amount), currency) == text


@pytest.mark.parametrize(
    ("amount", "text"), [("1.2345", "1.2345 EUR"), ("5", "5.00 EUR"), ("-7.100000", "-7.10 EUR")]
)
def test_the_exact_amount_keeps_every_digit_of_the_ledger(seen_in, amount, text):
    assert seen_in.money_exact(Decimal(amount), "EUR") == text


@pytest.mark.parametrize("seen_in", ["de"], indirect=True)
def test_a_german_reads_points_and_commas_the_german_way(seen_in):
    assert seen_in.money(Decimal("-1234567.891"), "EUR") == "-1.234.567,89"
    assert seen_in.day(date(2026, 11, 3)) == "03.11.2026"
    assert seen_in.language() == "de"


@pytest.mark.parametrize("seen_in", ["ar"], indirect=True)
def test_an_arabic_page_runs_from_right_to_left(seen_in):
    assert seen_in.text_direction() == "rtl"


def test_a_percentage_is_given_in_per_cent(seen_in):
    assert seen_in.percent(Decimal(19)) == "19%"
    assert seen_in.percent(Decimal("8.875")) == "8.875%"
    assert seen_in.percent(Decimal("8.875"), 1) == "8.9%"


def test_an_instant_is_shown_on_the_viewers_clock(seen_in):
    at = datetime(2026, 11, 23, 23, 30, tzinfo=UTC)
    assert seen_in.instant(at) == "24 Nov 2026, 00:30"
    assert seen_in.instant(at, "America/New_York") == "23 Nov 2026, 18:30"
    assert seen_in.instant_exact(at) == "2026-11-24 00:30:00+01:00"


def test_an_instant_without_a_zone_is_refused(seen_in):
    with pytest.raises(ValueError, match="without a zone"):
        seen_in.instant(datetime(2026, 11, 23))  # noqa: DTZ001 (the very mistake)


_LANGUAGES = ("ar", "bn", "de", "de_CH", "en", "en_IN", "es", "fa", "fr", "he", "hi", "pl", "sv")


@pytest.mark.parametrize("language", _LANGUAGES)
def test_the_quick_way_to_write_figures_is_babels_way(language):
    with standing_gallery().test_request_context():
        set_viewer(office_viewer(locale=language))
        for text in ("0", "1", "-1.00", "999.50", "1234.56", "-1234567.89", "98765432109876.12"):
            assert formatting.number(Decimal(text), 2) == format_decimal(
                Decimal(text), format="#,##0.00", locale=language
            )


class TestRefusals:
    def test_a_refusal_shows_its_values_as_the_viewer_writes_them(self):
        error = InvalidInputError(
            "Enter %(high)s by %(day)s.", high=Decimal("1234.5"), day=date(2026, 3, 1)
        )
        app = standing_gallery()
        with app.test_request_context(headers={"Accept-Language": "en"}):
            assert refusal(error) == "Enter 1,234.5 by 1 Mar 2026."
        assert error.message == "Enter 1234.5 by 2026-03-01."

    def test_a_percent_sign_without_values_is_only_a_percent_sign(self):
        error = InvalidInputError("At most 100%.")
        with standing_gallery().test_request_context():
            assert refusal(error) == "At most 100%."
