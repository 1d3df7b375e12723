"""Revenue dashboard of a reseller, in its currency."""

from decimal import Decimal

from flask import current_app, request, url_for
from flask.typing import ResponseReturnValue

from billing import revenue as revenue_report
from billing.revenue import Convert
from core.clock import today
from core.db import Session
from core.errors import NotFoundError
from core.tenancy import current_scope
from core.uow import unit_of_work
from core.zones import get_zone
from portal.access import current_viewer, office_view
from portal.listing import render_list
from portal.office import client_choice
from portal.office.reports.blueprint import bp
from portal.revenue_figures import (
    Asked,
    Refills,
    add_up,
    draw,
    make_convert,
    period_options,
    read_asked,
    read_outstanding,
    read_refills,
    row_name,
    send_sheet,
)
from tenants import audit, resellers
from tenants.permissions import Permission

_ASKED = ("period", "from", "to", "group", "reseller")


@bp.get("/revenue")
@office_view(Permission.REPORTS_READ)
def revenue() -> ResponseReturnValue:
    """What was sold and paid, refills, what is open, and the best clients."""
    with unit_of_work() as session:
        family = client_choice.list_family(session)
        asked, convert, only = _read_wish(session, family)
        currency = asked.wish.currency
        found = revenue_report.read_revenue(session, asked.wish, convert)
        refills = read_refills(session, asked.wish)
        outstanding: dict[str, Decimal] = {}
        for amounts in read_outstanding(session, only).values():
            for code, amount in amounts.items():
                outstanding[code] = outstanding.get(code, Decimal()) + amount
        day = today(get_zone(asked.wish.timezone))
        open_total, no_rate = add_up(outstanding, currency, day, convert)
    return render_list(
        "office/reports/revenue.html",
        "office/reports/_revenue.html",
        asked=asked,
        wish=asked.wish,
        found=found,
        refills=Refills(
            sum(one.succeeded for one in refills.values()),
            sum(one.declined for one in refills.values()),
            sum(one.open for one in refills.values()),
        ),
        open_total=open_total,
        open_parts=outstanding,
        no_rate=no_rate,
        family=family,
        file_urls=_file_urls(),
        rates_url=_rates_url(),
        periods=period_options(),
        row_name=row_name,
        sold_chart=draw(found, asked.wish.group, lambda row: row.revenue),
        paid_chart=draw(found, asked.wish.group, lambda row: row.paid),
    )


@bp.post("/revenue/<kind>")
@office_view(Permission.REPORTS_WRITE)
def revenue_file(kind: str) -> ResponseReturnValue:
    """The figures of the dashboard as CSV or XLSX, every digit of them."""
    if kind not in ("csv", "xlsx"):
        raise NotFoundError("There is no such file.")
    with unit_of_work() as session:
        asked, convert, _only = _read_wish(session, client_choice.list_family(session))
        found = revenue_report.read_revenue(session, asked.wish, convert)
        audit.record(
            session,
            reseller_id=current_scope().home_reseller_id,
            action="export",
            object_type="report",
            object_id="revenue",
            object_label=f"revenue-{asked.wish.first_on}-{asked.wish.last_on}.{kind}",
            changes={"rows": (None, len(found.rows)), "format": (None, kind)},
        )
    return send_sheet(found, asked.wish, kind)


def _read_wish(
    session: Session, family: list[tuple[int, str]]
) -> tuple[Asked, Convert, int | None]:
    """What the address asks for, how it is brought to one currency, and of whom alone."""
    chosen_id = request.args.get("reseller", type=int)
    only = chosen_id if chosen_id in {one for one, _name in family} else None
    home = current_scope().home_reseller_id
    currency = resellers.get_reseller(session, only or home).currency
    # one who is looked at alone is told by its own rates
    return read_asked(currency, only), make_convert(session, only or home, currency), only


def _file_urls() -> list[tuple[str, str]]:
    """Kind and address of the files of what is shown, for who may take them out."""
    if not current_viewer().may(Permission.REPORTS_WRITE):
        return []
    asked = {name: request.args[name] for name in _ASKED if name in request.args}
    return [
        (kind, url_for("office_reports.revenue_file", kind=kind, **asked))  # type: ignore[arg-type]
        for kind in ("csv", "xlsx")
    ]


def _rates_url() -> str:
    """Where exchange rates are given, for who may look at them."""
    endpoint = "office_currencies.index"
    is_there = endpoint in current_app.view_functions
    return (
        url_for(endpoint) if is_there and current_viewer().may(Permission.CURRENCIES_READ) else ""
    )
