"""Invented taxes by zip code: federal, state, county and city, fees by unit, and tax on tax."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any


@dataclass(frozen=True)
class Rate:
    """`level`: 0 federal, 1 state, 2 county, 3 city. `on_tax`: also on the taxes before it."""

    code: str
    name: str
    level: int
    rate: str = "0"
    fee: str = "0"
    taxable: str = "1"
    on_tax: bool = False


_FEDERAL = (
    Rate("035", "FEDERAL UNIVERSAL SERVICE FUND", 0, "0.256", taxable="0.649"),
    Rate("060", "FEDERAL TRS FUND", 0, "0.0178"),
)
# first digits of the zip code: state, county, city, and what is due there
_PLACES: dict[str, tuple[str, str, str, tuple[Rate, ...]]] = {
    "1": (
        "NY", "NEW YORK", "NEW YORK",
        (
            Rate("101", "NY STATE SALES TAX", 1, "0.04"),
            Rate("116", "NY TELECOM EXCISE TAX", 1, "0.025", on_tax=True),
            Rate("216", "NYC LOCAL SALES TAX", 3, "0.045", on_tax=True),
            Rate("206", "NY COUNTY E911", 2, fee="0.30"),
        ),
    ),
    "9": (
        "CA", "SAN DIEGO", "SAN DIEGO",
        (
            Rate("106", "CA EMERG TEL. USERS SURCHARGE", 1, "0.005"),
            Rate("108", "CA P.U.C. FEE", 1, "0.0018"),
            Rate("122", "CA UNIVERSAL LIFELINE SURCHARGE", 1, "0.0115"),
            Rate("316", "LOCAL UTILITY USERS TAX", 3, "0.055", on_tax=True),
        ),
    ),
    "7": (
        "TX", "DALLAS", "DALLAS",
        (
            Rate("101", "TX STATE SALES TAX", 1, "0.0625"),
            Rate("126", "TX UNIVERSAL SERVICE FUND", 1, "0.033"),
            Rate("304", "DALLAS CITY SALES TAX", 3, "0.01"),
        ),
    ),
}  # fmt: skip
_ELSEWHERE = (
    "FL", "ORANGE", "ORLANDO",
    (
        Rate("102", "FL COMMUNICATIONS SERVICES TAX", 1, "0.0744"),
        Rate("304", "LOCAL COMMUNICATIONS SERVICES TAX", 3, "0.0522"),
    ),
)  # fmt: skip
_EXEMPTED = {
    "01": {0}, "02": {1}, "03": {0, 1}, "04": {2, 3}, "05": {0, 2, 3}, "06": {1, 2, 3},
    "07": {0, 1, 2, 3}, "09": {0}, "99": {0, 1, 2, 3},
}  # fmt: skip


def group(item: dict[str, Any], digits: int) -> dict[str, Any]:
    """One entry of GroupList: the taxes of an item."""
    state, county, city, local = _PLACES.get(str(item["Zipcode"])[:1], _ELSEWHERE)
    revenue = Decimal(str(item["Revenue"]))
    free = set().union(*(_EXEMPTED.get(code, set()) for code in item["TaxExemptionCodeList"]))
    taxes: list[dict[str, Any]] = []
    so_far = Decimal(0)
    for rate in (*_FEDERAL, *local):
        if rate.level in free or (rate.level == 0 and item["SalesTypeCode"] == "L"):
            continue
        on_tax = so_far * Decimal(rate.rate) if rate.on_tax else Decimal(0)
        own = revenue * Decimal(rate.rate) * Decimal(rate.taxable)
        fee = Decimal(rate.fee) * Decimal(str(item["Units"])) * (-1 if revenue < 0 else 1)
        amount = _round(own + on_tax + fee, digits)
        # what the rate is taken of
        base = _round((revenue + so_far if rate.on_tax else revenue) * Decimal(rate.taxable), 4)
        so_far += amount
        taxes.append(_tax(rate, amount, base, _round(on_tax, digits), revenue, county, city))
    return {
        "LineNumber": str(item.get("LineNumber") or ""),
        "StateCode": state,
        "InvoiceNumber": str(item.get("InvoiceNumber") or ""),
        "CustomerNumber": str(item.get("CustomerNumber") or ""),
        "LocationCode": "",
        "TaxList": taxes,
    }


def total(groups: Sequence[dict[str, Any]]) -> Decimal:
    """All taxes together."""
    return sum((Decimal(tax["TaxAmount"]) for one in groups for tax in one["TaxList"]), Decimal(0))


def _tax(
    rate: Rate,
    amount: Decimal,
    base: Decimal,
    on_tax: Decimal,
    revenue: Decimal,
    county: str,
    city: str,
) -> dict[str, Any]:
    return {
        "TaxTypeCode": rate.code,
        "TaxTypeDesc": rate.name,
        "TaxAmount": f"{amount:f}",
        "Revenue": f"{revenue:f}",
        "RevenueBase": f"{base:f}",
        "CountyName": county if rate.level >= 2 else "",
        "CityName": city if rate.level >= 3 else "",
        "TaxRate": float(rate.rate),
        "PercentTaxable": float(rate.taxable),
        "FeeRate": float(rate.fee),
        "TaxOnTax": f"{on_tax:f}",
        "TaxAuthorityID": "",
        "TaxAuthorityName": ("UNITED STATES", "STATE", county, city)[rate.level],
        "Juriscode": "",
    }


def _round(amount: Decimal, digits: int) -> Decimal:
    return amount.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
