"""Revenue, refills and open invoices of every reseller."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sqlalchemy import select

from billing import revenue
from billing.revenue import Revenue, RevenueRow, RevenueWish
from core.db import Session
from portal.revenue_figures import Refills, add_up, make_convert, read_outstanding, read_refills
from tenants.models import Reseller


@dataclass(frozen=True, slots=True)
class ResellerRow:
    """One reseller in its own currency; `no_rate` names currencies that are left out."""

    id: int
    name: str
    currency: str
    found: Revenue
    refills: Refills
    outstanding: Decimal
    no_rate: Sequence[str]


@dataclass(frozen=True, slots=True)
class CurrencyPart:
    """The resellers of one currency, those who sold most first, and their sums over time."""

    currency: str
    rows: Sequence[ResellerRow]
    sums: Revenue
    outstanding: Decimal


def read_parts(session: Session, wish: RevenueWish, day: date) -> list[CurrencyPart]:
    """One part for each currency that a reseller has; open invoices are brought over by `day`."""
    resellers = session.execute(
        select(Reseller.id, Reseller.name, Reseller.currency).order_by(Reseller.name, Reseller.id)
    ).all()
    converts = {
        row.id: (row.currency, make_convert(session, row.id, row.currency)) for row in resellers
    }
    found = revenue.read_resellers(session, wish, converts)
    refills, outstanding = read_refills(session, wish), read_outstanding(session)
    by_currency: dict[str, list[ResellerRow]] = {}
    for row in resellers:
        total, no_rate = add_up(outstanding.get(row.id, {}), row.currency, day, converts[row.id][1])
        missing = {one.currency for one in found[row.id].missing} | set(no_rate)
        by_currency.setdefault(row.currency, []).append(
            ResellerRow(
                row.id,
                row.name,
                row.currency,
                found[row.id],
                refills.get(row.id, Refills()),
                total,
                sorted(missing),
            )
        )
    return [_part(currency, by_currency[currency], wish) for currency in sorted(by_currency)]


def _part(currency: str, rows: list[ResellerRow], wish: RevenueWish) -> CurrencyPart:
    def add(ones: Sequence[RevenueRow]) -> RevenueRow:
        return RevenueRow(
            ones[0].first_on if ones else wish.first_on,
            sum((one.revenue for one in ones), Decimal()),
            sum((one.tax for one in ones), Decimal()),
            sum((one.paid for one in ones), Decimal()),
        )

    over_time = [add(ones) for ones in zip(*(row.found.rows for row in rows), strict=True)]
    sums = Revenue(currency, over_time, add([row.found.total for row in rows]), [], [])
    rows.sort(key=lambda row: (-row.found.total.revenue, row.name, row.id))
    return CurrencyPart(currency, rows, sums, sum((row.outstanding for row in rows), Decimal()))
