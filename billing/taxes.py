"""The tax engine: percent and priority, tax on tax, prices with and without tax, invoice totals.

Amounts keep the ledger's six places until `round_invoice_totals` brings an invoice to the minor
digits of its currency. A negative amount gives exactly the mirrored result, so that a credit note
undoes its invoice. Every computed figure comes with its formula and inputs ("why this amount").
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum
from itertools import groupby

from core.currencies import get_currency
from core.errors import InvalidInputError
from core.money import EXACT, LEDGER_PLACES, ROUNDING, allocate, ledger_amount, round_amount

ZERO = Decimal(0)
_HUNDRED = Decimal(100)


class TaxMode(StrEnum):
    """What the given amount is: free of tax, without its taxes, or with them."""

    NONE = "none"
    EXCLUDING = "excluding"
    INCLUDING = "including"


class Formula(StrEnum):
    """How a figure was made; the words are the names of the step's inputs."""

    TAX_ON_BASE = "base × percent ÷ 100"
    BASE_OF_TOTAL = "total × 100 ÷ (100 + percent)"
    SHARE_OF_TAX = "(total - base) × percent ÷ percent of this priority"
    ROUND_LINE = "amount"
    SUM = "lines + taxes"
    ROUNDING = "total - lines - taxes"


@dataclass(frozen=True, slots=True)
class TaxRate:
    """One tax of a profile, as it was when used; `percent` is from 0 to 100.

    Equal priorities add up; a higher priority is taken on top of the total with the lower ones.
    """

    name: str
    percent: Decimal
    priority: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.percent <= _HUNDRED:
            raise InvalidInputError("A tax is from 0 to 100 percent.", field="percent")


@dataclass(frozen=True, slots=True)
class Step:
    """One line of "why this amount": `result` is `formula` of `inputs`, half-up at `places`."""

    label: str
    formula: Formula
    inputs: tuple[tuple[str, Decimal], ...]
    places: int
    result: Decimal

    def as_json(self) -> dict[str, object]:
        """The step with its numbers as plain decimal strings, to be stored or shown."""
        return {
            "label": self.label,
            "formula": self.formula.value,
            "inputs": {name: f"{value:f}" for name, value in self.inputs},
            "rounding": f"half-up, {self.places} places",
            "result": f"{self.result:f}",
        }


@dataclass(frozen=True, slots=True)
class TaxAmount:
    """One tax: `amount` is `percent` of `base`."""

    name: str
    percent: Decimal
    priority: int
    base: Decimal
    amount: Decimal


@dataclass(frozen=True, slots=True)
class TaxedAmount:
    """net + tax = gross, exactly; `taxes` in the order they apply.

    `profile` and `day`: whose taxes, as they were on which day; unknown for bare rates.
    """

    mode: TaxMode
    net: Decimal
    taxes: tuple[TaxAmount, ...]
    gross: Decimal
    steps: tuple[Step, ...]
    profile: str = ""
    day: date | None = None

    @property
    def tax(self) -> Decimal:
        """The sum of the taxes."""
        return EXACT.subtract(self.gross, self.net)


def compute_taxes(amount: Decimal, rates: Iterable[TaxRate], mode: TaxMode) -> TaxedAmount:
    """The taxes on `amount` (any currency), at six places.

    Call it with each line's amount and then `sum_taxes` for "sum of individual taxes", or with
    the sum of the lines for "percent of the total". InvalidInputError when the ledger cannot
    hold the amount.
    """
    start = ledger_amount(amount)
    by_priority = sorted(rates, key=lambda rate: rate.priority)
    levels = [tuple(level) for _, level in groupby(by_priority, key=lambda rate: rate.priority)]
    if mode is TaxMode.NONE:
        return TaxedAmount(mode, start, (), start, ())
    if mode is TaxMode.EXCLUDING:
        return _add_taxes(start, levels)
    return _extract_taxes(start, levels)


def _add_taxes(net: Decimal, levels: Sequence[tuple[TaxRate, ...]]) -> TaxedAmount:
    total, taxes, steps = net, list[TaxAmount](), list[Step]()
    for level in levels:
        base = total
        for rate in level:
            exact = EXACT.multiply(base, rate.percent).scaleb(-2, ROUNDING)
            tax = round_amount(exact, LEDGER_PLACES)
            taxes.append(TaxAmount(rate.name, rate.percent, rate.priority, base, tax))
            inputs = (("base", base), ("percent", rate.percent))
            steps.append(Step(rate.name, Formula.TAX_ON_BASE, inputs, LEDGER_PLACES, tax))
            total = EXACT.add(total, tax)
    return TaxedAmount(TaxMode.EXCLUDING, net, tuple(taxes), total, tuple(steps))


def _extract_taxes(gross: Decimal, levels: Sequence[tuple[TaxRate, ...]]) -> TaxedAmount:
    """Take the levels off from the top, so that the parts add up to the price that was agreed."""
    total, taxes, steps = gross, list[TaxAmount](), list[Step]()
    for level in reversed(levels):
        percent = sum((rate.percent for rate in level), ZERO)
        quotient = ROUNDING.divide(EXACT.multiply(total, _HUNDRED), _HUNDRED + percent)
        base = round_amount(quotient, LEDGER_PLACES)
        names = " + ".join(rate.name for rate in level)
        whole = (("total", total), ("percent", percent))
        level_steps = [Step(names, Formula.BASE_OF_TOTAL, whole, LEDGER_PLACES, base)]
        weights = [rate.percent for rate in level] if percent else [Decimal(1)] * len(level)
        parts = allocate(EXACT.subtract(total, base), weights, LEDGER_PLACES)
        for rate, part in zip(level, parts, strict=True):
            inputs = (
                ("total", total),
                ("base", base),
                ("percent", rate.percent),
                ("percent of this priority", percent),
            )
            step = Step(rate.name, Formula.SHARE_OF_TAX, inputs, LEDGER_PLACES, part)
            level_steps.append(step)
        level_taxes = [
            TaxAmount(rate.name, rate.percent, rate.priority, base, part)
            for rate, part in zip(level, parts, strict=True)
        ]
        taxes, steps = level_taxes + taxes, steps + level_steps
        total = base
    return TaxedAmount(TaxMode.INCLUDING, total, tuple(taxes), gross, tuple(steps))


def sum_taxes(taxed: Iterable[TaxedAmount]) -> tuple[TaxAmount, ...]:
    """The tax table of an invoice: bases and amounts added up for each tax, by priority."""
    sums: dict[tuple[int, str, Decimal], TaxAmount] = {}
    for tax in (tax for one in taxed for tax in one.taxes):
        key = (tax.priority, tax.name, tax.percent)
        known = sums.get(key)
        sums[key] = tax if known is None else _add(known, tax)
    return tuple(sums[key] for key in sorted(sums))


def _add(one: TaxAmount, other: TaxAmount) -> TaxAmount:
    return replace(
        one, base=EXACT.add(one.base, other.base), amount=EXACT.add(one.amount, other.amount)
    )


class TotalsPolicy(StrEnum):
    """Where an invoice is rounded to the minor unit; a thousand lines of 0.004 differ by 4.00."""

    SUM_THEN_ROUND = "sum_then_round"
    ROUND_THEN_SUM = "round_then_sum"


@dataclass(frozen=True, slots=True)
class InvoiceTotals:
    """net + tax + rounding = total, exactly; `total` has the currency's minor digits.

    Under `sum_then_round` lines and taxes keep six places and `rounding` is the visible difference;
    under `round_then_sum` (EN 16931, BR-CO-17) they are rounded one by one and `rounding` is zero.
    """

    currency: str
    policy: TotalsPolicy
    lines: tuple[Decimal, ...]
    taxes: tuple[TaxAmount, ...]
    net: Decimal
    tax: Decimal
    rounding: Decimal
    total: Decimal
    steps: tuple[Step, ...]


def round_invoice_totals(
    lines: Iterable[Decimal],
    taxes: Iterable[TaxAmount],
    currency: str,
    policy: TotalsPolicy = TotalsPolicy.SUM_THEN_ROUND,
    *,
    total_places: int | None = None,
) -> InvoiceTotals:
    """Bring net `lines` and their `taxes`, in `currency`, to a total that can be paid.

    `total_places` are the decimals of the total, at most those of the currency and by default
    just these. InvalidInputError for an unknown currency or an amount that the ledger cannot hold.
    """
    digits = get_currency(currency).minor_digits
    places = digits if policy is TotalsPolicy.ROUND_THEN_SUM else LEDGER_PLACES
    kept_lines = tuple(round_amount(ledger_amount(line), places) for line in lines)
    kept_taxes = tuple(
        replace(tax, amount=round_amount(ledger_amount(tax.amount), places)) for tax in taxes
    )
    net = _sum(kept_lines)
    tax_sum = _sum(tax.amount for tax in kept_taxes)
    if total_places is not None:
        digits = min(digits, total_places)
    total = round_amount(EXACT.add(net, tax_sum), digits)
    rounding = EXACT.subtract(EXACT.subtract(total, net), tax_sum)
    sums = (("lines", net), ("taxes", tax_sum))
    steps = (
        Step("Total", Formula.SUM, sums, digits, total),
        Step("Rounding", Formula.ROUNDING, (("total", total), *sums), places, rounding),
    )
    return InvoiceTotals(
        currency, policy, kept_lines, kept_taxes, net, tax_sum, rounding, total, steps
    )


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    total = ZERO
    for amount in amounts:
        total = EXACT.add(total, amount)
    return total
