"""Money is exact, knows its currency's digits, and rounds half-up away from zero."""

from decimal import Decimal, Inexact

import pytest
from babel.numbers import format_decimal
from hypothesis import example, given
from hypothesis import strategies as st

from core.currencies import get_currency, list_active_currencies
from core.errors import InvalidInputError
from core.money import (
    Money,
    allocate,
    ledger_amount,
    minor_amount,
    parse_amount,
    round_amount,
    sum_money,
)

D = Decimal
amounts = st.decimals(D("-1e12"), D("1e12"), places=6, allow_nan=False)


@pytest.mark.parametrize(
    ("code", "digits"),
    [
        ("EUR", 2),
        ("USD", 2),
        ("JPY", 0),
        ("ISK", 0),
        ("CLP", 0),
        ("KWD", 3),
        ("BHD", 3),
        ("CLF", 4),
        ("UYW", 4),
    ],
)
def test_a_currency_has_the_minor_digits_of_iso_4217(code: str, digits: int) -> None:
    assert get_currency(code).minor_digits == digits


@pytest.mark.parametrize("code", ["BTC", "eur", "", "XXX", "XAU", "EURO"])
def test_what_is_not_a_billable_currency_is_refused(code: str) -> None:
    with pytest.raises(InvalidInputError):
        get_currency(code)
    with pytest.raises(InvalidInputError):
        Money(D(1), code)


def test_an_ended_currency_stays_readable_but_cannot_be_chosen() -> None:
    chosen = {currency.code for currency in list_active_currencies()}
    assert get_currency("BGN").minor_digits == 2
    assert "BGN" not in chosen
    assert {"EUR", "XCG", "ZWG"} <= chosen


def test_a_float_never_becomes_money() -> None:
    for wrong in (0.1, 1, "1", True):
        with pytest.raises(TypeError):
            Money(wrong, "EUR")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        Money(D(1), "EUR") * 1.1  # type: ignore[operator]
    with pytest.raises(TypeError):
        Money.from_minor(10.0, "EUR")  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", ["NaN", "Infinity", "-Infinity"])
def test_money_is_a_finite_number(wrong: str) -> None:
    with pytest.raises(ValueError, match="finite"):
        Money(D(wrong), "EUR")


def test_currencies_do_not_mix() -> None:
    euro, dollar = Money(D(1), "EUR"), Money(D(1), "USD")
    for combine in (
        lambda: euro + dollar,
        lambda: euro - dollar,
        lambda: euro < dollar,
        lambda: euro >= dollar,
        lambda: sum_money([euro, dollar], "EUR"),
    ):
        with pytest.raises(ValueError, match="EUR and USD"):
            combine()
    assert euro != dollar


@pytest.mark.parametrize(
    ("amount", "places", "rounded"),
    [
        ("2.675", 2, "2.68"),
        ("1.005", 2, "1.01"),
        ("2.345", 2, "2.35"),
        ("-2.345", 2, "-2.35"),
        ("0.5", 0, "1"),
        ("-0.5", 0, "-1"),
        ("0.0049999", 2, "0.00"),
        ("-0.001", 2, "0.00"),
    ],
)
def test_half_rounds_away_from_zero(amount: str, places: int, rounded: str) -> None:
    assert str(round_amount(D(amount), places)) == rounded


@given(amounts, st.integers(0, 6))
def test_rounding_mirrors_and_repeats(amount: Decimal, places: int) -> None:
    rounded = round_amount(amount, places)
    assert round_amount(-amount, places) == -rounded
    assert round_amount(rounded, places) == rounded
    assert abs(rounded - amount) <= D(1).scaleb(-places) / 2


def test_a_digit_is_never_lost_silently() -> None:
    with pytest.raises(Inexact):
        Money(D("1e40"), "EUR") + Money(D("1e-40"), "EUR")


def test_the_ledger_has_six_places_and_a_limit() -> None:
    assert str(ledger_amount(D("1.0000005"))) == "1.000001"
    assert ledger_amount(D("99999999999999.999999")) == D("99999999999999.999999")
    for too_large in ("1e14", "-1e14", "NaN", "Infinity"):
        with pytest.raises(InvalidInputError):
            ledger_amount(D(too_large))


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [("12.34", "EUR", 1234), ("1234", "JPY", 1234), ("1.234", "KWD", 1234), ("-0.01", "USD", -1)],
)
def test_gateways_get_whole_minor_units(amount: str, currency: str, minor: int) -> None:
    money = Money(D(amount), currency)
    assert money.to_minor() == minor
    assert Money.from_minor(minor, currency) == money


def test_a_fraction_of_a_cent_does_not_reach_a_gateway() -> None:
    with pytest.raises(ValueError, match="fraction"):
        Money(D("1.005"), "EUR").to_minor()
    assert Money(D("1.005"), "EUR").quantize().to_minor() == 101
    assert minor_amount(D("0.5"), "JPY") == 1


def test_arithmetic_keeps_every_place_until_asked() -> None:
    line = Money(D("0.004"), "EUR")
    assert (line * 1000).amount == D("4.000")
    assert sum_money([line] * 1000, "EUR").quantize() == Money(D("4.00"), "EUR")
    assert -line + line == Money.zero("EUR")
    assert abs(-line) == line
    assert str(line - line * 2) == "-0.004 EUR"


def test_a_hundred_split_in_three_gives_the_odd_cent_to_the_first() -> None:
    parts = Money(D("100.00"), "EUR").allocate([D(1), D(1), D(1)])
    assert [str(part.amount) for part in parts] == ["33.34", "33.33", "33.33"]


def test_the_odd_cent_goes_to_the_largest_remainder() -> None:
    # Exact shares of ten: 1.2, 2.4, 6.4 (tie: the earlier wins).
    assert allocate(D("0.10"), [D(3), D(6), D(16)], 2) == [D("0.01"), D("0.03"), D("0.06")]


@given(
    amounts,
    st.lists(st.decimals(0, 10**6, places=4), min_size=1, max_size=20).filter(any),
)
@example(D("0.000001"), [D(0), D("0.3333"), D(1)])
def test_an_allocation_loses_nothing_and_is_fair(total: Decimal, weights: list[Decimal]) -> None:
    parts = allocate(total, weights, 6)
    assert sum(parts) == total
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part - total * weight / sum(weights)) < D("0.00000101")
        assert weight or not part
    assert allocate(-total, weights, 6) == [-part for part in parts]


@pytest.mark.parametrize("weights", [[], [D(0)], [D(1), D(-1)]])
def test_an_allocation_needs_something_to_go_by(weights: list[Decimal]) -> None:
    with pytest.raises(ValueError, match="weights"):
        allocate(D(1), weights, 2)


def test_an_allocation_refuses_a_total_finer_than_its_parts() -> None:
    with pytest.raises(ValueError, match="decimals"):
        allocate(D("0.001"), [D(1)], 2)


@pytest.mark.parametrize(
    ("text", "locale", "amount"),
    [
        ("1,234.56", "en_US", "1234.56"),
        ("1.234,56", "de_DE", "1234.56"),
        ("1 234,56", "fr", "1234.56"),
        ("1\u00a0234,56", "fr", "1234.56"),
        ("1\u202f234,56", "fr", "1234.56"),
        ("1'234.50", "de_CH", "1234.50"),
        ("1\u2019234.50", "de_CH", "1234.50"),
        ("12,34,567.5", "en_IN", "1234567.5"),
        ("1,5", "en_US", "1.5"),
        ("10.5", "de_DE", "10.5"),
        ("1,234", "en_US", "1234"),
        ("1.234", "de_DE", "1234"),
        ("0,123", "en_US", "0.123"),
        ("1234.567", "de_DE", "1234.567"),
        ("1 234.56", "de_DE", "1234.56"),
        ("-5", "en", "-5"),
        ("\u22125,25", "sv", "-5.25"),
        ("\u200e-5", "he", "-5"),
        ("\u0661\u066c\u0662\u0663\u0664\u066b\u0665", "ar", "1234.5"),
        (".5", "en", "0.5"),
        ("-0", "en", "0"),
    ],
)
def test_an_amount_is_read_as_people_write_it(text: str, locale: str, amount: str) -> None:
    assert str(parse_amount(text, locale)) == amount


@pytest.mark.parametrize(
    ("text", "locale"),
    [
        ("1,234.56", "de_DE"),
        ("1.234,56", "en_US"),
        ("1.234", "fr"),
        ("12,34,567", "en_US"),
        ("1.234.567", "en_US"),
        ("1 2345", "en_US"),
        ("1..2", "en"),
        ("1,,2", "en"),
        ("1e5", "en"),
        ("1_000", "en"),
        ("NaN", "en"),
        ("Infinity", "en"),
        ("0x1f", "en"),
        ("5 EUR", "en"),
        ("--5", "en"),
        ("5-", "en"),
        ("", "en"),
        ("-", "en"),
        ("9" * 41, "en"),
    ],
)
def test_an_ambiguous_or_wrong_amount_is_refused(text: str, locale: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        parse_amount(text, locale)
    assert caught.value.field == "amount"


@given(
    amounts,
    st.sampled_from(["en_US", "de_DE", "de_CH", "de_AT", "fr_FR", "fr_CH", "es", "hi", "sv", "ja"]),
)
def test_what_babel_prints_is_read_back(amount: Decimal, locale: str) -> None:
    printed = format_decimal(amount, locale=locale, decimal_quantization=False)
    assert parse_amount(printed, locale) == amount
