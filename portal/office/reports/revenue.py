"""Revenue dashboard of a reseller, in its currency."""

from decimal import Decimal

from flask import current_app, request, url_for
from flask.typing import ResponseReturnValue

from billing import revenue as revenue_report
from core.clock import today
from core.tenancy import current_scope
from core.uow import unit_of_work
from core.zones import get_zone
from portal.access import current_viewer, office_view
from portal.listing import render_list
from portal.office import client_choice
from portal.office.reports.blueprint import bp
from portal.revenue_figures import (
    Refills,
    add_up,
    draw,
    make_convert,
    period_options,
    read_asked,
    read_outstanding,
    read_refills,
    row_name,
)
from tenants import resellers
from tenants.permissions import Permission


@bp.get("/revenue")
@office_view(Permission.REPORTS_READ)
def revenue() -> ResponseReturnValue:
    """What was sold and paid, refills, what is open, and the best clients."""
    with unit_of_work() as session:
        family = client_choice.list_family(session)
        chosen_id = request.args.get("reseller", type=int)
        only = chosen_id if chosen_id in {one for one, _name in family} else None
        home = current_scope().home_reseller_id
        currency = resellers.get_reseller(session, only or home).currency
        asked = read_asked(currency, only)
        # one who is looked at alone is told by its own rates
        convert = make_convert(session, only or home, currency)
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
        rates_url=_rates_url(),
        periods=period_options(),
        row_name=row_name,
        sold_chart=draw(found, asked.wish.group, lambda row: row.revenue),
        paid_chart=draw(found, asked.wish.group, lambda row: row.paid),
    )


def _rates_url() -> str:
    """Where exchange rates are given, for who may look at them."""
    endpoint = "office_currencies.index"
    is_there = endpoint in current_app.view_functions
    return (
        url_for(endpoint) if is_there and current_viewer().may(Permission.CURRENCIES_READ) else ""
    )
