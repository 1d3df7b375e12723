"""What an amount becomes with the taxes of a form, step by step."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from billing.tax_profiles import TaxRow, check_taxes, price_mode, rates_on
from billing.taxes import (
    InvoiceTotals,
    TaxedAmount,
    TaxMode,
    compute_taxes,
    round_invoice_totals,
    sum_taxes,
)
from core.errors import InvalidInputError


@dataclass(frozen=True, slots=True)
class Trial:
    """An amount in `currency` with the taxes that hold on `day`; the sums as an invoice has them.

    `waiting`: how many of the taxes do not hold on that day.
    """

    day: date
    currency: str
    taxed: TaxedAmount
    totals: InvoiceTotals
    waiting: int

    @property
    def is_taken_out(self) -> bool:
        return self.taxed.mode is TaxMode.INCLUDING and bool(self.taxed.taxes)


def try_taxes(
    given: Sequence[TaxRow],
    mode: str,
    amount: Decimal | None,
    day: date,
    currency: str,
    total_places: int,
) -> Trial | None:
    """None as long as the taxes or the amount cannot be taken: the form says what is wrong."""
    if amount is None:
        return None
    try:
        rows = check_taxes(given, mode)
        rates = rates_on(rows, day)
        taxed = compute_taxes(amount, rates, price_mode(mode))
    except InvalidInputError:
        return None
    totals = round_invoice_totals(
        [taxed.net], sum_taxes([taxed]), currency, total_places=total_places
    )
    return Trial(day, currency, taxed, totals, len(rows) - len(rates))
