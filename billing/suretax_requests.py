"""What SureTax is asked of an invoice, and what its answer becomes on it.

Taxed are the charges without tax of their own ("excluding") of a client whose tax profile says
SureTax; what was charged free of tax, or with the taxes of another profile, is left as it is.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from billing import suretax_rules, suretax_wire
from billing.invoice_contents import Charge, Contents
from billing.models import ClientBilling, TaxProfile
from billing.suretax_models import SureTaxAccount, SureTaxProfile
from billing.suretax_wire import Answer
from billing.taxes import TaxAmount, TaxMode
from core.currencies import get_currency
from core.db import Session
from core.errors import InvalidInputError
from core.money import round_amount
from tenants.client_blocks import get_company
from tenants.models import Client

Question = dict[str, Any]
_PERCENT_PLACES = 6
_CODES = {
    "services_charge": "usage_code",
    "package_fee": "package_code",
    "extra_charge": "extra_code",
}


@dataclass(frozen=True, slots=True)
class SureTaxed:
    """A client whose taxes SureTax computes: the name of its profile, and what that says."""

    profile: str
    sales_type: str
    exemptions: Sequence[str]


def find_suretaxed(session: Session, client: Client) -> SureTaxed | None:
    """None for a client whose profile, or its reseller's default, has taxes of its own."""
    default = (
        select(TaxProfile.id)
        .where(TaxProfile.reseller_id == client.reseller_id, TaxProfile.is_default)
        .scalar_subquery()
    )
    chosen = (
        select(ClientBilling.tax_profile_id)
        .where(ClientBilling.client_id == client.id)
        .scalar_subquery()
    )
    row = session.execute(
        select(TaxProfile.name, SureTaxProfile.sales_type, SureTaxProfile.exemptions)
        .outerjoin(SureTaxProfile, SureTaxProfile.tax_profile_id == TaxProfile.id)
        .where(
            TaxProfile.reseller_id == client.reseller_id,
            TaxProfile.id == func.coalesce(chosen, default),
            TaxProfile.mode == "suretax",
        )
    ).one_or_none()
    return None if row is None else SureTaxed(row[0], row[1] or "B", row[2] or ["00"])


def needs_suretax(session: Session, client: Client, contents: Contents) -> bool:
    """Whether this invoice may not be made before SureTax has said its taxes."""
    return bool(_revenues(contents.charges)) and find_suretaxed(session, client) is not None


def make_question(
    session: Session,
    client: Client,
    contents: Contents,
    account: SureTaxAccount,
    *,
    invoice_on: date,
    reference: UUID,
) -> Question:
    """The request for a quote; the invoice has no number yet, so its id stands for one.

    Raises InvalidInputError for what SureTax would refuse.
    """
    taxed = find_suretaxed(session, client)
    revenues = _revenues(contents.charges)
    if taxed is None or not revenues:
        raise InvalidInputError("Nothing on this invoice is taxed by SureTax.")
    company = get_company(session, client.id)
    zip_code, plus4 = suretax_rules.split_zip(company.zip_code)
    items = [
        {
            "LineNumber": str(number),
            "InvoiceNumber": reference.hex,
            "CustomerNumber": str(client.id),
            "OrigNumber": "",
            "TermNumber": "",
            "BillToNumber": "",
            "Zipcode": zip_code,
            "Plus4": plus4,
            "TransDate": f"{invoice_on:%m/%d/%Y}",
            "Revenue": suretax_rules.write_revenue(revenue),
            "Units": "1",
            "UnitType": "00",
            "Seconds": "1",
            "TaxIncludedCode": "0",
            "TaxSitusRule": "05" if plus4 else "04",
            "TransTypeCode": getattr(account, _CODES[kind]),
            "SalesTypeCode": taxed.sales_type,
            "RegulatoryCode": account.regulatory_code,
            "TaxExemptionCodeList": list(taxed.exemptions),
            "ExemptReasonCode": "None",
            "CurrencyCode": contents.totals.currency,
        }
        for number, (kind, revenue) in enumerate(revenues.items(), 1)
    ]
    digits = get_currency(contents.totals.currency).minor_digits
    return {
        "DataYear": f"{invoice_on:%Y}",
        "DataMonth": f"{invoice_on:%m}",
        "CmplDataYear": f"{invoice_on:%Y}",
        "CmplDataMonth": f"{invoice_on:%m}",
        "TotalRevenue": suretax_rules.sum_text([item["Revenue"] for item in items]),
        "ReturnFileCode": suretax_wire.QUOTE,
        "ClientTracking": reference.hex,
        # taxes by line, each rounded to the currency's own digits: they are printed as they come
        "ResponseType": f"D{digits or 1}",
        "ResponseGroup": "00",
        "STAN": "",
        "ItemList": items,
    }


def as_filing(question: Question, *, number: str, invoice_id: UUID) -> Question:
    """The same question to be filed under the invoice's number, once.

    Raises InvalidInputError for a number that SureTax does not take.
    """
    suretax_rules.check_invoice_number(number)
    return {
        **question,
        "ReturnFileCode": suretax_wire.FINAL,
        "STAN": stan(invoice_id),
        "ItemList": [{**item, "InvoiceNumber": number} for item in question["ItemList"]],
    }


def stan(invoice_id: UUID) -> str:
    """What SureTax knows a filing again by: at most 16 signs, always the same for an invoice."""
    return hashlib.sha256(invoice_id.bytes).hexdigest()[: suretax_rules.STAN_LENGTH].upper()


def to_taxes(answer: Answer) -> list[TaxAmount]:
    """The tax table: what SureTax said, added up for each tax and rate, never computed anew."""
    sums: dict[tuple[str, Decimal], TaxAmount] = {}
    for tax in answer.taxes:
        percent = round_amount(tax.rate * 100, _PERCENT_PLACES)
        known = sums.get((tax.name, percent))
        base, amount = (known.base, known.amount) if known else (Decimal(0), Decimal(0))
        sums[tax.name, percent] = TaxAmount(
            tax.name, percent, 1, base + round_amount(tax.base, 6), amount + tax.amount
        )
    return list(sums.values())


def freeze(answer: Answer) -> dict[str, Any]:
    """The answer as it is kept with the invoice."""
    return {
        "trans_id": answer.trans_id,
        "code": answer.code,
        "text": answer.text,
        "total": f"{answer.total:f}",
        "taxes": [tax.as_json() for tax in answer.taxes],
    }


def _revenues(charges: Sequence[Charge]) -> Mapping[str, Decimal]:
    """What is to be taxed, by kind of charge; kinds that come to nothing are left out."""
    sums: dict[str, Decimal] = {}
    for charge in charges:
        if charge.tax_mode == TaxMode.EXCLUDING and not charge.tax_details.get("taxes"):
            sums[charge.kind] = sums.get(charge.kind, Decimal(0)) + charge.net
    return {kind: amount for kind, amount in sums.items() if round_amount(amount, 4)}
