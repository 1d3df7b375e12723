"""The figures of an invoice as they are shown: by the precision that it kept of its currency.

What is stored keeps the ledger's six places. Where a reseller shows fewer, each line and each tax
is rounded for itself and what this leaves away stands in the rounding that is shown, so that on
screen and on paper, too: lines + taxes + rounding = total, to the last digit.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from billing.currencies import Precision
from billing.invoice_contents import Line, TaxLine, list_lines, list_taxes
from billing.invoice_models import Invoice
from core.currencies import get_currency
from core.db import Session
from core.money import EXACT, LEDGER_PLACES, round_amount

_EARLIER_RATES = 10


@dataclass(frozen=True, slots=True)
class Figures:
    """Lines and taxes rounded to be shown: Σ net of `lines` + Σ `taxes` + `rounding` = `total`.

    `places` are the decimals of the column of lines, so that their points stand below each other;
    those of a total at least.
    """

    precision: Precision
    lines: Sequence[Line]
    taxes: Sequence[TaxLine]
    net: Decimal
    tax: Decimal
    rounding: Decimal
    total: Decimal
    places: int


def read_figures(session: Session, invoice: Invoice) -> Figures:
    """The figures of a stored invoice."""
    precision = kept_precision(invoice.parties, invoice.currency)
    lines, taxes = list_lines(session, invoice.id), list_taxes(session, invoice.id)
    return show_figures(precision, lines, taxes, invoice.total)


def show_figures(
    precision: Precision, lines: Sequence[Line], taxes: Sequence[TaxLine], total: Decimal
) -> Figures:
    """The figures of a document that comes to `total`."""
    places = precision.details
    shown = [
        replace(one, net=round_amount(one.net, places), tax=round_amount(one.tax, places))
        for one in lines
    ]
    shown_taxes = [
        replace(one, base=round_amount(one.base, places), amount=round_amount(one.amount, places))
        for one in taxes
    ]
    net, tax = _sum([one.net for one in shown]), _sum([one.amount for one in shown_taxes])
    return Figures(
        precision,
        shown,
        shown_taxes,
        net,
        tax,
        EXACT.subtract(EXACT.subtract(total, net), tax),
        total,
        max([precision.totals, *(_places(one.net) for one in shown)]),
    )


def kept_precision(parties: dict[str, Any], currency: str) -> Precision:
    """The precision that a document kept in its `parties`.

    Those of before it was kept show every digit that is stored.
    """
    kept = parties.get("precision")
    if isinstance(kept, dict):
        return Precision(**kept)
    return Precision(_EARLIER_RATES, LEDGER_PLACES, get_currency(currency).minor_digits)


def _places(amount: Decimal) -> int:
    return max(0, -int(amount.normalize(EXACT).as_tuple().exponent)) if amount else 0


def _sum(amounts: Sequence[Decimal]) -> Decimal:
    total = Decimal(0)
    for amount in amounts:
        total = EXACT.add(total, amount)
    return total
