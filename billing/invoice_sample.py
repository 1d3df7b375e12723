"""An invoice that nobody owes, for trying a template out: real seller, made-up buyer and lines."""

from dataclasses import asdict
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import select

from billing.currencies import precision_of
from billing.invoice_contents import Line, TaxLine, seller_facts
from billing.invoice_models import Invoice
from billing.taxes import TaxMode, TaxRate, compute_taxes, round_invoice_totals, sum_taxes
from core.db import Session
from tenants.models import Reseller

_NUMBER = UUID(int=0)
_VAT = TaxRate("VAT", Decimal(19))
# group, description, quantity, unit and unit price
_LINES = (
    ("package_fee", "Business 1000, monthly fee", "1", "", "49.9"),
    ("package_fee", "Fax to mail, 3 numbers", "3", "", "2.5"),
    ("services_charge", "Calls to Germany, mobile", "1204.5", "min", "0.0125"),
    ("services_charge", "Calls to the United Kingdom, landline", "833.25", "min", "0.0072"),
    ("services_charge", "Calls to Japan", "96.4", "min", "0.035"),
    ("services_charge", "SMS", "412", "", "0.04"),
    ("extra_charge", "Number porting", "2", "", "15"),
)


def make_sample(session: Session, reseller_id: int) -> tuple[Invoice, list[Line], list[TaxLine]]:
    """An unsaved invoice of the reseller to a made-up client, with its lines and taxes."""
    reseller = session.scalars(select(Reseller).where(Reseller.id == reseller_id)).one()
    lines = [_line(*row) for row in _LINES]
    taxed = [compute_taxes(line.net, [_VAT], TaxMode.EXCLUDING) for line in lines]
    totals = round_invoice_totals([line.net for line in lines], sum_taxes(taxed), reseller.currency)
    before = Decimal("-12.5")
    invoice = Invoice(
        id=_NUMBER,
        reseller_id=reseller_id,
        number="INV-2026-000417",
        timezone=reseller.timezone,
        first_on=date(2026, 2, 1),
        last_on=date(2026, 2, 28),
        invoiced_at=datetime(2026, 3, 1, tzinfo=UTC),
        invoice_on=date(2026, 3, 1),
        due_on=date(2026, 3, 15),
        currency=reseller.currency,
        net=totals.net,
        tax=totals.tax,
        rounding=totals.rounding,
        total=totals.total,
        paid=Decimal(0),
        balance_before=before,
        balance_after=before - totals.total,
        parties={
            "locale": reseller.locale,
            "precision": asdict(precision_of(session, reseller_id, reseller.currency)),
            **seller_facts(session, reseller),
            "buyer": {
                "name": "Globex GmbH",
                "address": "Invalidenstraße 117\nBerlin",
                "zip_code": "10115",
                "tax_id": "DE811907980",
                "reg_id": "HRB 4711",
                "account_details": "",
            },
        },
    )
    taxes = [TaxLine(one.name, one.percent, one.base, one.amount) for one in totals.taxes]
    return invoice, lines, taxes


def _line(group: str, description: str, quantity: str, unit: str, price: str) -> Line:
    net = Decimal(quantity) * Decimal(price)
    tax = compute_taxes(net, [_VAT], TaxMode.EXCLUDING).tax
    return Line(group, description, Decimal(quantity), unit, Decimal(price), net, tax)
