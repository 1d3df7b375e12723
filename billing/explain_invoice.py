"""Why the amounts of an invoice are what they are: formulas, inputs and rounding, proven by sums.

Nothing is computed anew from what holds today: everything comes from what was stored with the
invoice's charges, and is compared with what stands on the invoice.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, text

from billing.currencies import Precision
from billing.invoice_figures import read_figures
from billing.invoice_models import Invoice, InvoiceLine, InvoiceTax
from billing.invoices import INCOMING
from billing.models import Transaction
from billing.package_models import SubscriptionPeriod, UsageCharge
from billing.taxes import Formula
from core.db import Session
from core.errors import NotFoundError
from core.money import EXACT, LEDGER_PLACES, round_amount

RATE_PLACES = 10
_ZERO = Decimal(0)
_CHARGED_TAXES = text(
    """
    select one ->> 'name', one ->> 'percent', count(*),
           sum((one ->> 'base')::numeric), sum((one ->> 'amount')::numeric)
    from transactions, jsonb_array_elements(tax_details -> 'taxes') taxes (one)
    where invoice_id = :invoice_id
    group by 1, 2
    """
)
_FORMULAS = {one.value: one.name.lower() for one in Formula}


@dataclass(frozen=True, slots=True)
class WhyStep:
    """`result` follows from `inputs` by the formula named `kind`, half-up at `places`.

    `kind` is a name of `taxes.Formula` in small letters, or one of: entered, unit_price,
    share_of_days, usage, lines, tax_of_lines, total, rounding, shown. `label` is a tax's name or
    empty.
    """

    kind: str
    label: str
    inputs: dict[str, Decimal]
    places: int
    result: Decimal


@dataclass(frozen=True, slots=True)
class InvoiceWhy:
    """The totals of an invoice; `is_proven` when lines, taxes and rounding give the total."""

    invoice: Invoice
    precision: Precision
    steps: Sequence[WhyStep]
    is_proven: bool


@dataclass(frozen=True, slots=True)
class WhyLine:
    """A line as the page lists it."""

    number: int
    description: str
    net: Decimal
    tax: Decimal


@dataclass(frozen=True, slots=True)
class LineWhy:
    """One line: the charge it prints, and the steps to its net and tax.

    `tax_mode` and `charged_at` are None for lines of before their charge was kept. `is_proven`
    when the steps' charges come to what the line says.
    """

    line: WhyLine
    quantity: Decimal
    unit: str
    transaction_id: UUID | None
    tax_mode: str | None
    charged_at: datetime | None
    count: int
    steps: Sequence[WhyStep]
    is_proven: bool


@dataclass(frozen=True, slots=True)
class _Usage:
    """What the hourly charges of one line come to."""

    charges: int
    net: Decimal
    tax: Decimal
    quantity: Decimal
    included: Decimal
    rated: Decimal


def explain_invoice(session: Session, invoice_id: UUID) -> InvoiceWhy:
    """The net, each tax, the total and its rounding. Raises NotFoundError."""
    invoice = _get_invoice(session, invoice_id)
    count, net = _sum_lines(session, invoice_id)
    taxes = session.scalars(
        select(InvoiceTax).where(InvoiceTax.invoice_id == invoice_id).order_by(InvoiceTax.line_no)
    ).all()
    charged = _sum_charged_taxes(session, invoice_id)
    steps = [WhyStep("lines", "", {"count": Decimal(count)}, LEDGER_PLACES, net)]
    steps += [_tax_step(tax, charged) for tax in taxes]
    tax_sum = sum((tax.amount for tax in taxes), _ZERO)
    figures = read_figures(session, invoice)
    places = figures.precision.totals
    sums = {"lines": net, "taxes": tax_sum}
    total = round_amount(EXACT.add(net, tax_sum), places)
    if invoice.direction == INCOMING:
        # its sender has rounded it
        total = invoice.total
    rounding = EXACT.subtract(EXACT.subtract(total, net), tax_sum)
    steps.append(WhyStep("total", "", sums, places, total))
    steps.append(WhyStep("rounding", "", {"total": total, **sums}, LEDGER_PLACES, rounding))
    if figures.rounding != invoice.rounding:
        shown = {
            "total": total,
            "lines": figures.net,
            "taxes": figures.tax,
            "places": Decimal(figures.precision.details),
        }
        steps.append(WhyStep("shown", "", shown, figures.precision.details, figures.rounding))
    is_proven = (net, tax_sum, rounding, total) == (
        invoice.net,
        invoice.tax,
        invoice.rounding,
        invoice.total,
    )
    return InvoiceWhy(invoice, figures.precision, steps, is_proven)


def list_why_lines(
    session: Session, invoice_id: UUID, *, after: int, limit: int
) -> Sequence[WhyLine]:
    """The lines with a greater number than `after`, in their order."""
    rows = session.execute(
        select(
            InvoiceLine.line_no,
            InvoiceLine.description,
            InvoiceLine.net,
            InvoiceLine.tax,
        )
        .where(InvoiceLine.invoice_id == invoice_id, InvoiceLine.line_no > after)
        .order_by(InvoiceLine.line_no)
        .limit(limit)
    )
    return [WhyLine(*row) for row in rows]


def explain_line(session: Session, invoice_id: UUID, line_no: int) -> LineWhy:
    """How the charge of a line came to its net and tax. Raises NotFoundError."""
    line = session.scalar(
        select(InvoiceLine).where(
            InvoiceLine.invoice_id == invoice_id, InvoiceLine.line_no == line_no
        )
    )
    if line is None:
        raise NotFoundError("Invoice line not found.")
    charge = (
        None
        if line.transaction_id is None
        else session.scalar(select(Transaction).where(Transaction.id == line.transaction_id))
    )
    usage = None if charge is None else _sum_usage(session, line, charge)
    steps: list[WhyStep] = []
    net, tax, count = line.net, line.tax, 1
    if usage is not None:
        count, net, tax = usage.charges, usage.net, usage.tax
        inputs = {
            "count": Decimal(count),
            "quantity": usage.quantity,
            "included": usage.included,
            "rated": usage.rated,
        }
        steps.append(WhyStep("usage", "", inputs, LEDGER_PLACES, net))
    elif charge is not None:
        net, tax = charge.net, charge.tax
        steps += _charge_steps(session, charge)
    price = {"net": line.net, "quantity": line.quantity}
    steps.append(WhyStep("unit_price", "", price, RATE_PLACES, line.unit_price))
    return LineWhy(
        WhyLine(line.line_no, line.description, line.net, line.tax),
        line.quantity,
        line.unit,
        line.transaction_id,
        charge.tax_mode if charge else None,
        charge.dated_at if charge else None,
        count,
        steps,
        (net, tax) == (line.net, line.tax),
    )


def read_steps(stored: Sequence[Any]) -> list[WhyStep]:
    """The steps of the tax engine as a charge keeps them (`taxes.Step.as_json`)."""
    steps = []
    for one in stored:
        places = [word for word in str(one["rounding"]).split() if word.isdecimal()]
        steps.append(
            WhyStep(
                _FORMULAS.get(one["formula"], "entered"),
                one["label"],
                {name: Decimal(value) for name, value in one["inputs"].items()},
                int(places[0]) if places else LEDGER_PLACES,
                Decimal(one["result"]),
            )
        )
    return steps


def _charge_steps(session: Session, charge: Transaction) -> list[WhyStep]:
    """The amount that was charged, a share of a fee where it is one, and its taxes."""
    period = session.scalar(
        select(SubscriptionPeriod).where(SubscriptionPeriod.transaction_id == charge.id)
    )
    steps = []
    if period is not None:
        share = {
            "fee": period.fee,
            "days": Decimal(period.charged_days),
            "of_days": Decimal(period.days),
        }
        steps.append(WhyStep("share_of_days", "", share, LEDGER_PLACES, period.amount))
    steps.append(WhyStep("entered", "", {}, LEDGER_PLACES, charge.amount))
    return steps + read_steps(charge.tax_details.get("steps", ()))


def _sum_usage(session: Session, line: InvoiceLine, charge: Transaction) -> _Usage | None:
    """What a line of usage gathers: the charges of its destination, unit and taxability.

    Late usage is gathered by its day, which the description of its line names; None for a line
    that is no usage.
    """
    unit = session.scalar(
        select(UsageCharge.unit).where(UsageCharge.transaction_id == charge.id).limit(1)
    )
    if unit is None:
        return None
    invoice = _get_invoice(session, line.invoice_id)
    day = func.date(func.timezone(invoice.timezone, Transaction.dated_at))
    own_day = func.date(func.timezone(invoice.timezone, charge.dated_at))
    is_late = session.scalar(select(own_day < invoice.first_on))
    found = session.execute(
        select(
            func.count(),
            func.sum(Transaction.net),
            func.sum(Transaction.tax),
            func.sum(UsageCharge.quantity),
            func.sum(UsageCharge.included),
            func.sum(UsageCharge.rated),
        )
        .join(UsageCharge, UsageCharge.transaction_id == Transaction.id)
        .where(
            Transaction.reseller_id == line.reseller_id,
            Transaction.invoice_id == line.invoice_id,
            Transaction.description == charge.description,
            Transaction.tax_mode == charge.tax_mode,
            UsageCharge.unit == unit,
            day == own_day if is_late else day >= invoice.first_on,
        )
    ).one()
    return _Usage(*found) if found[0] else None


def _tax_step(
    tax: InvoiceTax, charged: dict[tuple[str, Decimal], tuple[int, Decimal, Decimal]]
) -> WhyStep:
    """The sum of the charges' taxes; where these differ, the percent of the base."""
    count, base, amount = charged.get((tax.name, tax.percent), (0, _ZERO, _ZERO))
    inputs = {"percent": tax.percent, "base": tax.base}
    if (base, amount) == (tax.base, tax.amount):
        inputs["count"] = Decimal(count)
        return WhyStep("tax_of_lines", tax.name, inputs, LEDGER_PLACES, tax.amount)
    return WhyStep("tax_on_base", tax.name, inputs, LEDGER_PLACES, tax.amount)


def _sum_charged_taxes(
    session: Session, invoice_id: UUID
) -> dict[tuple[str, Decimal], tuple[int, Decimal, Decimal]]:
    """Count, bases and amounts of each tax (name, percent) over the charges of the invoice."""
    rows = session.execute(_CHARGED_TAXES, {"invoice_id": invoice_id})
    return {
        (name, Decimal(percent)): (count, base, amount)
        for name, percent, count, base, amount in rows
    }


def _sum_lines(session: Session, invoice_id: UUID) -> tuple[int, Decimal]:
    count, net = session.execute(
        select(func.count(), func.coalesce(func.sum(InvoiceLine.net), 0)).where(
            InvoiceLine.invoice_id == invoice_id
        )
    ).one()
    return count, Decimal(net)


def _get_invoice(session: Session, invoice_id: UUID) -> Invoice:
    invoice = session.scalar(select(Invoice).where(Invoice.id == invoice_id))
    if invoice is None:
        raise NotFoundError("Invoice not found.")
    return invoice
