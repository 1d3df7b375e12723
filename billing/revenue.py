"""Revenue of a period: what was sold, its tax and what was paid, by day or month, in one currency.

Everything is summed by day in the currency of its postings, then brought to `currency` at the rate
of that day. Where there is no rate the amount is left out of the sums and named in `missing`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Literal

from sqlalchemy import ARRAY, DateTime, and_, case, cast, func, select, tuple_

from billing.balance_report import FIRST_DAY, LAST_DAY
from billing.ledger import Account
from billing.models import LedgerEntry, LedgerLine
from billing.periods import local_midnight
from core.db import Session
from core.errors import InvalidInputError
from core.money import round_amount
from core.zones import get_zone
from tenants.models import Client

Grouping = Literal["day", "month"]
Convert = Callable[[Decimal, str, date], Decimal | None]
"""An amount of a currency in the report's own at the rate of a day; None without a rate."""
MOST_DAYS = 800
TOP = 10
_CANDIDATES = 30
_DAY = timedelta(days=1)
_FIGURES = ("revenue", "tax", "paid")


@dataclass(frozen=True, slots=True)
class RevenueWish:
    """Both days belong to the period; no reseller means all of the scope."""

    first_on: date
    last_on: date
    timezone: str
    group: Grouping
    currency: str
    reseller_id: int | None = None


@dataclass(frozen=True, slots=True)
class RevenueRow:
    """A day or a month by its first day; amounts in the report's currency."""

    first_on: date
    revenue: Decimal
    tax: Decimal
    paid: Decimal


@dataclass(frozen=True, slots=True)
class Missing:
    """What could not be brought to the report's currency, in its own."""

    currency: str
    first_on: date
    last_on: date
    revenue: Decimal
    tax: Decimal
    paid: Decimal


@dataclass(frozen=True, slots=True)
class TopClient:
    """A client by its revenue of the period, in the report's currency."""

    client_id: int
    name: str
    revenue: Decimal


@dataclass(frozen=True, slots=True)
class Revenue:
    """Rows in order of time, each day or month of the period; `total` sums them."""

    currency: str
    rows: Sequence[RevenueRow]
    total: RevenueRow
    missing: Sequence[Missing]
    top: Sequence[TopClient]


@dataclass
class _Sums:
    first_on: date
    last_on: date
    amounts: dict[str, Decimal] = field(default_factory=lambda: dict.fromkeys(_FIGURES, Decimal()))

    def add(self, amounts: Mapping[str, Decimal], day: date) -> None:
        self.first_on, self.last_on = min(self.first_on, day), max(self.last_on, day)
        for name, amount in amounts.items():
            self.amounts[name] += amount


def check_wish(wish: RevenueWish) -> None:
    """Raises InvalidInputError naming the field."""
    get_zone(wish.timezone)
    if wish.group not in ("day", "month"):
        raise InvalidInputError("Choose how to group.", "group")
    if not FIRST_DAY <= wish.first_on <= wish.last_on <= LAST_DAY:
        raise InvalidInputError("The first day is after the last one.", "from")
    if (wish.last_on - wish.first_on).days >= MOST_DAYS:
        raise InvalidInputError("Choose at most %(count)s days.", "from", count=MOST_DAYS)


def read_revenue(session: Session, wish: RevenueWish, convert: Convert) -> Revenue:
    """The figures and the best clients of the period; raises InvalidInputError."""
    check_wish(wish)
    days = [(currency, day, one) for _reseller, currency, day, one in _read_days(session, wish)]
    return _gather(wish, days, convert, _read_top(session, wish, convert))


def read_resellers(
    session: Session, wish: RevenueWish, converts: Mapping[int, tuple[str, Convert]]
) -> dict[int, Revenue]:
    """The figures of each reseller in its own currency, without its clients.

    `converts` says of each reseller its currency and how others are brought to it. Raises
    InvalidInputError.
    """
    check_wish(wish)
    found: dict[int, list[tuple[str, date, dict[str, Decimal]]]] = {}
    for reseller_id, currency, day, amounts in _read_days(session, wish):
        found.setdefault(reseller_id, []).append((currency, day, amounts))
    return {
        reseller_id: _gather(
            replace(wish, currency=own, reseller_id=reseller_id),
            found.get(reseller_id, []),
            convert,
            [],
        )
        for reseller_id, (own, convert) in converts.items()
    }


def _gather(
    wish: RevenueWish,
    days: Sequence[tuple[str, date, dict[str, Decimal]]],
    convert: Convert,
    top: Sequence[TopClient],
) -> Revenue:
    groups: dict[date, _Sums] = {first: _Sums(first, first) for first in _first_days(wish)}
    missing: dict[str, _Sums] = {}
    for currency, day, amounts in days:
        exact = _converted(amounts, currency, day, wish, convert)
        if exact is None:
            missing.setdefault(currency, _Sums(day, day)).add(amounts, day)
        else:
            first = day if wish.group == "day" else max(day.replace(day=1), wish.first_on)
            groups[first].add(exact, day)
    rows = [RevenueRow(first, **one.amounts) for first, one in groups.items()]
    total = RevenueRow(
        wish.first_on,
        *(sum((getattr(row, name) for row in rows), Decimal()) for name in _FIGURES),
    )
    left_out = [
        Missing(currency, one.first_on, one.last_on, **one.amounts)
        for currency, one in sorted(missing.items())
    ]
    return Revenue(wish.currency, rows, total, left_out, top)


def _converted(
    amounts: Mapping[str, Decimal], currency: str, day: date, wish: RevenueWish, convert: Convert
) -> dict[str, Decimal] | None:
    if currency == wish.currency:
        return dict(amounts)
    found = {name: convert(amount, currency, day) for name, amount in amounts.items()}
    exact = {name: round_amount(one, 6) for name, one in found.items() if one is not None}
    return exact if len(exact) == len(found) else None


def _first_days(wish: RevenueWish) -> list[date]:
    days = [wish.first_on + n * _DAY for n in range((wish.last_on - wish.first_on).days + 1)]
    if wish.group == "day":
        return days
    return [day for day in days if day.day == 1 or day == wish.first_on]


def _edges(wish: RevenueWish) -> tuple[list[Any], Any]:
    zone = get_zone(wish.timezone)
    count = (wish.last_on - wish.first_on).days + 1
    edges = [local_midnight(wish.first_on + n * _DAY, zone) for n in range(count)]
    return edges, local_midnight(wish.last_on + _DAY, zone)


def _lines(query: Any, wish: RevenueWish) -> Any:  # noqa: ANN401 (a query of many columns)
    """The query over the lines of the period."""
    edges, ends_at = _edges(wish)
    entry, line = LedgerEntry, LedgerLine
    query = (
        query.select_from(line)
        .join(entry, and_(entry.reseller_id == line.reseller_id, entry.id == line.entry_id))
        .where(entry.effective_at >= edges[0], entry.effective_at < ends_at)
    )
    if wish.reseller_id is not None:
        query = query.where(line.reseller_id == wish.reseller_id)
    return query


def _day_number(wish: RevenueWish) -> Any:  # noqa: ANN401 (an expression)
    """Which day of the period an entry lies in, from 1 on, by the zone's midnights."""
    edges, _ends_at = _edges(wish)
    return func.width_bucket(LedgerEntry.effective_at, cast(edges, ARRAY(DateTime(timezone=True))))


def _read_days(
    session: Session, wish: RevenueWish
) -> list[tuple[int, str, date, dict[str, Decimal]]]:
    """Reseller, currency, day and figures, as posted."""
    line = LedgerLine
    figure = case(
        (line.account == Account.REVENUE.value, "revenue"),
        (line.account == Account.TAX.value, "tax"),
        else_="paid",
    )
    wanted = (Account.REVENUE, Account.TAX, Account.CASH, Account.CLEARING)
    day, which = _day_number(wish).label("day"), figure.label("figure")
    rows = session.execute(
        _lines(
            select(
                line.reseller_id, line.currency, day, which, func.sum(line.amount).label("amount")
            ),
            wish,
        )
        .where(line.account.in_([one.value for one in wanted]))
        .group_by(line.reseller_id, line.currency, day, which)
        .order_by(day, line.currency, line.reseller_id)
    )
    found: dict[tuple[int, str, date], dict[str, Decimal]] = {}
    for reseller_id, currency, number, name, amount in rows:
        on = wish.first_on + (number - 1) * _DAY
        amounts = found.setdefault((reseller_id, currency, on), dict.fromkeys(_FIGURES, Decimal()))
        # money that came in is a debit of cash
        amounts[name] = -amount if name == "paid" else amount
    return [(*key, amounts) for key, amounts in found.items()]


def _read_top(session: Session, wish: RevenueWish, convert: Convert) -> list[TopClient]:
    """The clients with most revenue, of the best of each currency, day by day converted."""
    line = LedgerLine
    amount = func.sum(line.amount)
    ranked = (
        _lines(
            select(
                line.client_id,
                line.currency,
                func.row_number()
                .over(partition_by=line.currency, order_by=amount.desc())
                .label("place"),
            ),
            wish,
        )
        .where(line.account == Account.REVENUE.value)
        .group_by(line.client_id, line.currency)
        .subquery("ranked")
    )
    best = session.execute(
        select(ranked.c.client_id, ranked.c.currency).where(ranked.c.place <= _CANDIDATES)
    ).all()
    if not best:
        return []
    day = _day_number(wish).label("day")
    rows = session.execute(
        _lines(select(line.client_id, line.currency, day, amount), wish)
        .where(
            line.account == Account.REVENUE.value,
            tuple_(line.client_id, line.currency).in_([tuple(one) for one in best]),
        )
        .group_by(line.client_id, line.currency, day)
    )
    sums: dict[int, Decimal] = {}
    for client_id, currency, number, revenue in rows:
        on = wish.first_on + (number - 1) * _DAY
        exact = _converted({"revenue": revenue}, currency, on, wish, convert)
        if exact is not None:
            sums[client_id] = sums.get(client_id, Decimal()) + exact["revenue"]
    order = sorted(
        ((client_id, one) for client_id, one in sums.items() if one > 0),
        key=lambda pair: (-pair[1], pair[0]),
    )[:TOP]
    names = {
        row[0]: row[1]
        for row in session.execute(
            select(Client.id, Client.name).where(Client.id.in_([one for one, _ in order]))
        )
    }
    return [TopClient(client_id, names.get(client_id, ""), one) for client_id, one in order]
