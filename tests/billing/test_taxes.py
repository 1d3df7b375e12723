"""Taxes add up, stack, can be taken out of a price, and mirror; totals close to the last digit."""

import json
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from billing.taxes import (
    Formula,
    TaxAmount,
    TaxMode,
    TaxRate,
    TotalsPolicy,
    compute_taxes,
    round_invoice_totals,
    sum_taxes,
)
from core.errors import InvalidInputError
from core.money import minor_amount, round_amount

D = Decimal
VAT = TaxRate("VAT", D(19))
GST = TaxRate("GST", D(5), priority=1)
PST_ON_TOP = TaxRate("PST", D("9.975"), priority=2)
PST_BESIDE = TaxRate("PST", D("9.975"), priority=1)

amounts = st.decimals(D("-1e9"), D("1e9"), places=6, allow_nan=False)
rates = st.lists(
    st.builds(
        TaxRate,
        name=st.sampled_from(["VAT", "GST", "City tax", "Surcharge"]),
        percent=st.decimals(0, 100, places=6),
        priority=st.integers(1, 3),
    ),
    max_size=5,
)
modes = st.sampled_from(list(TaxMode))


def taxes_of(
    amount: str, *taxes: TaxRate, mode: TaxMode = TaxMode.EXCLUDING
) -> tuple[list[tuple[str, Decimal, Decimal]], Decimal, Decimal]:
    taxed = compute_taxes(D(amount), taxes, mode)
    return [(tax.name, tax.base, tax.amount) for tax in taxed.taxes], taxed.net, taxed.gross


def test_a_tax_comes_on_top_of_a_net_price() -> None:
    assert taxes_of("100", VAT) == ([("VAT", D(100), D(19))], D(100), D(119))


def test_taxes_of_equal_priority_add_up() -> None:
    taxes, _, gross = taxes_of("100", GST, PST_BESIDE)
    assert taxes == [("GST", D(100), D(5)), ("PST", D(100), D("9.975"))]
    assert minor_amount(taxes[1][2], "CAD") == D("9.98")
    assert gross == D("114.975")


def test_a_higher_priority_is_taken_on_the_total_with_the_lower_one() -> None:
    taxes, _, gross = taxes_of("100", PST_ON_TOP, GST)
    assert taxes == [("GST", D(100), D(5)), ("PST", D(105), D("10.473750"))]
    assert minor_amount(taxes[1][2], "CAD") == D("10.47")
    assert gross == D("115.473750")


def test_a_tax_is_taken_out_of_a_gross_price() -> None:
    taxes, net, gross = taxes_of("119", VAT, mode=TaxMode.INCLUDING)
    assert (taxes, net, gross) == ([("VAT", D(100), D(19))], D(100), D(119))


def test_tax_on_tax_is_taken_out_from_the_top() -> None:
    taxes, net, gross = taxes_of("115.47375", GST, PST_ON_TOP, mode=TaxMode.INCLUDING)
    assert taxes == [("GST", D(100), D(5)), ("PST", D(105), D("10.47375"))]
    assert (net, gross) == (D(100), D("115.47375"))


def test_a_gross_price_stays_what_was_agreed() -> None:
    taxes, net, gross = taxes_of(
        "10", TaxRate("A", D(7)), TaxRate("B", D(7)), TaxRate("C", D(7)), mode=TaxMode.INCLUDING
    )
    assert gross == D(10)
    assert net == D("8.264463")
    assert [amount for _, _, amount in taxes] == [D("0.578513"), D("0.578512"), D("0.578512")]


@pytest.mark.parametrize("mode", list(TaxMode))
def test_without_taxes_net_is_gross(mode: TaxMode) -> None:
    assert taxes_of("12.5", mode=mode) == ([], D("12.5"), D("12.5"))


def test_a_charge_without_taxes_ignores_the_profile() -> None:
    assert taxes_of("100", VAT, mode=TaxMode.NONE) == ([], D(100), D(100))


@pytest.mark.parametrize("mode", [TaxMode.EXCLUDING, TaxMode.INCLUDING])
def test_a_zero_rate_is_listed(mode: TaxMode) -> None:
    taxes, net, gross = taxes_of("100", TaxRate("Reverse charge", D(0)), mode=mode)
    assert taxes == [("Reverse charge", D(100), D(0))]
    assert net == gross == D(100)


def test_taxes_keep_six_places_half_up() -> None:
    assert taxes_of("0.00001", TaxRate("VAT", D(5)))[0] == [("VAT", D("0.00001"), D("0.000001"))]
    assert taxes_of("-0.00001", TaxRate("VAT", D(5)))[0][0][2] == D("-0.000001")


@given(amounts, rates, modes)
@example(D("0.000001"), [TaxRate("A", D("33.333333")), TaxRate("B", D(100), 2)], TaxMode.INCLUDING)
def test_net_and_taxes_are_the_gross_amount(
    amount: Decimal, taxes: list[TaxRate], mode: TaxMode
) -> None:
    taxed = compute_taxes(amount, taxes, mode)
    assert taxed.net + sum(tax.amount for tax in taxed.taxes) == taxed.gross
    assert taxed.tax == taxed.gross - taxed.net
    assert amount == (taxed.gross if mode is TaxMode.INCLUDING else taxed.net)
    assert all(tax.amount == round_amount(tax.amount, 6) for tax in taxed.taxes)


@given(amounts, rates, modes)
def test_a_negative_amount_mirrors_exactly(
    amount: Decimal, taxes: list[TaxRate], mode: TaxMode
) -> None:
    charged, credited = compute_taxes(amount, taxes, mode), compute_taxes(-amount, taxes, mode)
    assert credited.net == -charged.net
    assert credited.gross == -charged.gross
    for one, other in zip(charged.taxes, credited.taxes, strict=True):
        assert (other.base, other.amount) == (-one.base, -one.amount)


@given(amounts, rates)
def test_taking_taxes_out_undoes_putting_them_on(amount: Decimal, taxes: list[TaxRate]) -> None:
    gross = compute_taxes(amount, taxes, TaxMode.EXCLUDING).gross
    back = compute_taxes(gross, taxes, TaxMode.INCLUDING)
    # Each level rounds once each way, each tax of a level once.
    assert abs(back.net - amount) <= D("0.000001") * (len(taxes) + 1)


@given(amounts, rates, modes)
def test_every_figure_says_how_it_was_made(
    amount: Decimal, taxes: list[TaxRate], mode: TaxMode
) -> None:
    taxed = compute_taxes(amount, taxes, mode)
    explained = 0
    for step in taxed.steps:
        values = dict(step.inputs)
        if step.formula is Formula.TAX_ON_BASE:
            exact = values["base"] * values["percent"] / 100
        elif step.formula is Formula.BASE_OF_TOTAL:
            exact = values["total"] * 100 / (100 + values["percent"])
        else:
            whole = values["percent of this priority"] or 1
            exact = (values["total"] - values["base"]) * values["percent"] / whole
        assert abs(exact - step.result) <= D("0.000001")
        explained += step.formula is not Formula.BASE_OF_TOTAL
        assert json.loads(json.dumps(step.as_json()))["result"] == f"{step.result:f}"
    assert explained == len(taxed.taxes)


def test_an_explanation_is_readable() -> None:
    (step,) = compute_taxes(D("105"), [PST_ON_TOP], TaxMode.EXCLUDING).steps
    assert step.as_json() == {
        "label": "PST",
        "formula": "base × percent ÷ 100",
        "inputs": {"base": "105.000000", "percent": "9.975"},
        "rounding": "half-up, 6 places",
        "result": "10.473750",
    }


@pytest.mark.parametrize("percent", ["-0.01", "100.01"])
def test_a_tax_is_between_nothing_and_everything(percent: str) -> None:
    with pytest.raises(InvalidInputError):
        TaxRate("VAT", D(percent))


def test_an_amount_beyond_the_ledger_is_refused() -> None:
    with pytest.raises(InvalidInputError):
        compute_taxes(D("1e14"), [VAT], TaxMode.EXCLUDING)


# --- Invoice totals -------------------------------------------------------------------------


def test_a_thousand_small_lines_are_lost_or_kept_by_policy() -> None:
    lines = [D("0.004")] * 1000
    summed = round_invoice_totals(lines, [], "EUR", TotalsPolicy.SUM_THEN_ROUND)
    rounded = round_invoice_totals(lines, [], "EUR", TotalsPolicy.ROUND_THEN_SUM)
    assert (summed.total, summed.rounding) == (D("4.00"), D(0))
    assert (rounded.total, rounded.rounding) == (D("0.00"), D(0))


def test_the_fraction_of_a_cent_is_a_visible_line() -> None:
    taxed = compute_taxes(D("10.004"), [VAT], TaxMode.EXCLUDING)
    totals = round_invoice_totals([D("10.004")], taxed.taxes, "EUR")
    assert (totals.net, totals.tax) == (D("10.004"), D("1.900760"))
    assert (totals.rounding, totals.total) == (D("-0.004760"), D("11.90"))


@pytest.mark.parametrize(
    ("currency", "total", "rounding"),
    [("JPY", "11", "-0.0055"), ("EUR", "11.01", "0.0045"), ("KWD", "11.006", "0.0005")],
)
def test_a_total_has_the_minor_digits_of_its_currency(
    currency: str, total: str, rounding: str
) -> None:
    totals = round_invoice_totals([D("10.5555"), D("0.45")], [], currency)
    assert str(totals.total) == total
    assert totals.rounding == D(rounding)


def test_the_sum_of_individual_taxes_differs_from_the_percent_of_the_total() -> None:
    lines = [D("0.000007")] * 3
    ten = TaxRate("VAT", D(10))
    each = sum_taxes(compute_taxes(line, [ten], TaxMode.EXCLUDING) for line in lines)
    whole = compute_taxes(sum(lines, D(0)), [ten], TaxMode.EXCLUDING).taxes
    assert [tax.amount for tax in each] == [D("0.000003")]
    assert [tax.amount for tax in whole] == [D("0.000002")]
    assert each[0].base == whole[0].base == D("0.000021")


def test_a_tax_table_keeps_different_rates_apart() -> None:
    reduced = TaxRate("VAT", D(7))
    table = sum_taxes(
        compute_taxes(D(100), [rate], TaxMode.EXCLUDING) for rate in (VAT, reduced, VAT)
    )
    assert [(tax.percent, tax.base, tax.amount) for tax in table] == [
        (D(7), D(100), D(7)),
        (D(19), D(200), D(38)),
    ]


@given(
    st.lists(amounts, max_size=30),
    rates,
    st.sampled_from(["JPY", "EUR", "KWD", "CLF"]),
    st.sampled_from(list(TotalsPolicy)),
)
def test_lines_taxes_and_rounding_are_the_total(
    lines: list[Decimal], taxes: list[TaxRate], currency: str, policy: TotalsPolicy
) -> None:
    table = sum_taxes(compute_taxes(line, taxes, TaxMode.EXCLUDING) for line in lines)
    totals = round_invoice_totals(lines, table, currency, policy)
    tax_sum = sum(tax.amount for tax in totals.taxes)
    assert sum(totals.lines) + tax_sum + totals.rounding == totals.total
    assert (sum(totals.lines), tax_sum) == (totals.net, totals.tax)
    assert totals.total == minor_amount(totals.total, currency)
    assert abs(totals.rounding) <= D("0.5")
    if policy is TotalsPolicy.ROUND_THEN_SUM:
        assert totals.rounding == 0
    mirrored = round_invoice_totals(
        [-line for line in lines],
        [TaxAmount(tax.name, tax.percent, tax.priority, -tax.base, -tax.amount) for tax in table],
        currency,
        policy,
    )
    assert (mirrored.total, mirrored.rounding) == (-totals.total, -totals.rounding)


def test_a_total_in_an_unknown_currency_is_refused() -> None:
    with pytest.raises(InvalidInputError):
        round_invoice_totals([D(1)], [], "BTC")


@given(amounts, rates, st.sampled_from(["JPY", "EUR", "KWD", "CLF"]))
def test_one_price_with_or_without_its_taxes_is_paid_the_same(
    amount: Decimal, taxes: list[TaxRate], currency: str
) -> None:
    put_on = compute_taxes(amount, taxes, TaxMode.EXCLUDING)
    taken_out = compute_taxes(put_on.gross, taxes, TaxMode.INCLUDING)
    totals = [
        round_invoice_totals([one.net], sum_taxes([one]), currency).total
        for one in (put_on, taken_out)
    ]
    assert totals[0] == totals[1]


@pytest.mark.parametrize(
    ("currency", "summed", "rounded"),
    [
        ("JPY", "5", ("0", "1", "1")),
        ("EUR", "4.76", ("0.00", "0.76", "0.76")),
        ("KWD", "4.760", ("4.000", "0.760", "4.760")),
        ("CLF", "4.7600", ("4.0000", "0.7600", "4.7600")),
    ],
)
def test_a_thousand_lines_of_0_004_with_tax(
    currency: str, summed: str, rounded: tuple[str, str, str]
) -> None:
    lines = [D("0.004")] * 1000
    table = sum_taxes(compute_taxes(line, [VAT], TaxMode.EXCLUDING) for line in lines)
    once = round_invoice_totals(lines, table, currency, TotalsPolicy.SUM_THEN_ROUND)
    assert (once.net, once.tax, once.total) == (D(4), D("0.76"), D(summed))
    each = round_invoice_totals(lines, table, currency, TotalsPolicy.ROUND_THEN_SUM)
    assert (each.net, each.tax, each.total) == tuple(map(D, rounded))
    for totals in (once, each):
        assert sum(totals.lines) + totals.tax + totals.rounding == totals.total


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("currency", "total", "rounding"),
    [
        ("JPY", "115", "-0.473750"),
        ("EUR", "115.47", "-0.003750"),
        ("KWD", "115.474", "0.000250"),
        ("CLF", "115.4738", "0.000050"),
    ],
)
def test_tax_on_tax_in_every_kind_of_currency(
    currency: str, total: str, rounding: str, sign: int
) -> None:
    taxed = compute_taxes(D(100) * sign, [GST, PST_ON_TOP], TaxMode.EXCLUDING)
    totals = round_invoice_totals([taxed.net], sum_taxes([taxed]), currency)
    assert (totals.total, totals.rounding) == (D(total) * sign, D(rounding) * sign)
    assert [tax.amount for tax in totals.taxes] == [D(5) * sign, D("10.47375") * sign]
