"""What the revenue pages of the office and of the platform share: rates, refills, charts."""

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import chain

from babel.dates import format_skeleton
from flask import Response, request, send_file
from flask_babel import get_locale
from flask_babel import gettext as _
from sqlalchemy import func, select

from billing import exchange_rates
from billing.exchange_rates import HeldRate, NoExchangeRateError
from billing.invoice_models import Invoice
from billing.named_periods import named_period
from billing.periods import local_midnight
from billing.revenue import Convert, Grouping, Revenue, RevenueWish, check_wish
from core.clock import today
from core.db import Session
from core.errors import InvalidInputError
from core.sheet_writer import CSV_TYPE, XLSX_TYPE, Cell, write_csv, write_xlsx
from core.zones import get_zone
from payments.models import Refill
from portal import charts
from portal.access import current_viewer
from portal.formatting import day as day_text
from portal.formatting import money
from portal.listing import chosen
from portal.wording import refusal

PERIODS = ("month", "last_month", "quarter", "last_quarter", "year", "last_year", "custom")
_SUCCEEDED = ("succeeded",)
_DECLINED = ("declined", "failed")


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address asks for; `messages` say what of it could not be taken."""

    wish: RevenueWish
    period: str
    messages: Sequence[str]


@dataclass(frozen=True, slots=True)
class Refills:
    """How many refills that were asked for in the period came to which end."""

    succeeded: int = 0
    declined: int = 0
    open: int = 0


def read_asked(currency: str, reseller_id: int | None = None) -> Asked:
    """The period and grouping of the address, by the viewer's calendar."""
    zone = current_viewer().timezone
    day = today(get_zone(zone))
    period = chosen("period", PERIODS, "month")
    messages: list[str] = []
    try:
        first_on, last_on = _read_days(period, day)
        wish = RevenueWish(
            first_on, last_on, zone, _read_group(first_on, last_on), currency, reseller_id
        )
        check_wish(wish)
    except InvalidInputError as error:
        messages, period = [refusal(error)], "month"
        wish = RevenueWish(*named_period("month", day), zone, "day", currency, reseller_id)
    return Asked(wish, period, messages)


def period_options() -> list[tuple[str, str]]:
    """Pairs of value and text."""
    return [
        ("month", _("This month")),
        ("last_month", _("Last month")),
        ("quarter", _("This quarter")),
        ("last_quarter", _("Last quarter")),
        ("year", _("This year")),
        ("last_year", _("Last year")),
        ("custom", _("From … to …")),
    ]


def make_convert(session: Session, reseller_id: int, currency: str) -> Convert:
    """Brings amounts to `currency` by the reseller's rates, each asked for once."""
    known: dict[tuple[str, date], HeldRate | None] = {}

    def convert(amount: Decimal, source: str, day: date) -> Decimal | None:
        key = (source, day)
        if key not in known:
            known[key] = _find_rate(session, reseller_id, source, currency, day)
        held = known[key]
        return None if held is None else exchange_rates.apply_rate(amount, held, places=6)

    return convert


def read_refills(session: Session, wish: RevenueWish) -> dict[int, Refills]:
    """By reseller."""
    zone = get_zone(wish.timezone)
    query = (
        select(
            Refill.reseller_id,
            func.count().filter(Refill.state.in_(_SUCCEEDED)),
            func.count().filter(Refill.state.in_(_DECLINED)),
            func.count().filter(Refill.state.not_in((*_SUCCEEDED, *_DECLINED, "abandoned"))),
        )
        .where(
            Refill.created_at >= local_midnight(wish.first_on, zone),
            Refill.created_at < local_midnight(wish.last_on + timedelta(days=1), zone),
        )
        .group_by(Refill.reseller_id)
    )
    if wish.reseller_id is not None:
        query = query.where(Refill.reseller_id == wish.reseller_id)
    return {row[0]: Refills(row[1], row[2], row[3]) for row in session.execute(query)}


def read_outstanding(
    session: Session, reseller_id: int | None = None
) -> dict[int, dict[str, Decimal]]:
    """What is open on issued invoices now, by reseller and currency."""
    query = (
        select(Invoice.reseller_id, Invoice.currency, func.sum(Invoice.total - Invoice.paid))
        .where(
            Invoice.direction == "outgoing",
            Invoice.issued_at.is_not(None),
            Invoice.paid < Invoice.total,
        )
        .group_by(Invoice.reseller_id, Invoice.currency)
    )
    if reseller_id is not None:
        query = query.where(Invoice.reseller_id == reseller_id)
    found: dict[int, dict[str, Decimal]] = {}
    for owner, currency, amount in session.execute(query):
        found.setdefault(owner, {})[currency] = amount
    return found


def add_up(
    amounts: dict[str, Decimal], currency: str, day: date, convert: Convert
) -> tuple[Decimal, list[str]]:
    """All in one currency, and the currencies for which there is no rate."""
    total, missing = Decimal(), []
    for source, amount in sorted(amounts.items()):
        exact = amount if source == currency else convert(amount, source, day)
        if exact is None:
            missing.append(source)
        else:
            total += exact
    return total, missing


def row_name(first_on: date, group: str) -> str:
    """What a row is called."""
    if group == "day":
        return day_text(first_on)
    return str(format_skeleton("yMMM", first_on, locale=get_locale() or "en"))


def draw(found: Revenue, group: str, figure: Callable[..., Decimal]) -> charts.Chart | None:
    """Bars of one figure of each row."""
    values = []
    for row in found.rows:
        name, amount = row_name(row.first_on, group), figure(row)
        values.append((name, amount, f"{name}: {money(amount, found.currency)}"))
    return charts.draw_bars(values)


def _find_rate(
    session: Session, reseller_id: int, source: str, target: str, day: date
) -> HeldRate | None:
    try:
        return exchange_rates.rate_on(session, reseller_id, source, target, day)
    except NoExchangeRateError:
        return None


def _read_days(period: str, day: date) -> tuple[date, date]:
    if period != "custom":
        return named_period(period, day)
    try:
        return (
            date.fromisoformat(request.args.get("from", "")),
            date.fromisoformat(request.args.get("to", "")),
        )
    except ValueError:
        raise InvalidInputError("Choose both days of the period.", "from") from None


def _read_group(first_on: date, last_on: date) -> Grouping:
    """By day for what fits in a screen of days, unless the address says."""
    default = "day" if (last_on - first_on).days <= 62 else "month"
    return "day" if chosen("group", ("day", "month"), default) == "day" else "month"


def sheet_rows(found: Revenue, group: str) -> tuple[list[str], Iterator[list[Cell]]]:
    """The dashboard as a table: headings, every day or month, the total, the best clients."""
    code = found.currency
    headings = [_("Period"), _("Sold (%(currency)s)", currency=code), _("Tax"), _("Paid")]

    def rows() -> Iterator[list[Cell]]:
        for row in found.rows:
            yield [row_name(row.first_on, group), row.revenue, row.tax, row.paid]
        yield [_("Total"), found.total.revenue, found.total.tax, found.total.paid]
        if found.top:
            yield []
            yield [_("Best clients"), _("Sold (%(currency)s)", currency=code)]
            for one in found.top:
                yield [one.name, one.revenue]

    return headings, rows()


def send_sheet(found: Revenue, wish: RevenueWish, kind: str) -> Response:
    """The table as CSV or XLSX to be saved."""
    headings, rows = sheet_rows(found, wish.group)
    out = io.BytesIO()
    if kind == "xlsx":
        write_xlsx(out, headings, rows, sheet=_("Revenue"))
    else:
        for piece in write_csv(chain([headings], rows), with_bom=True):
            out.write(piece)
    out.seek(0)
    return send_file(
        out,
        mimetype=XLSX_TYPE if kind == "xlsx" else CSV_TYPE,
        download_name=f"revenue-{wish.first_on}-{wish.last_on}.{kind}",
        as_attachment=True,
        etag=False,
    )
