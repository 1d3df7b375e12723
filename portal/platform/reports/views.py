"""The platform's revenue page."""

from flask.typing import ResponseReturnValue

from core.clock import today
from core.platform_uow import platform_unit_of_work
from core.zones import get_zone
from portal.access import platform_view
from portal.listing import render_list
from portal.platform.reports import queries
from portal.platform.reports.blueprint import bp
from portal.revenue_figures import draw, period_options, read_asked, row_name
from tenants.permissions import PlatformPermission


@bp.get("/revenue")
@platform_view(PlatformPermission.LEDGER_READ)
def revenue() -> ResponseReturnValue:
    """What every reseller sold and was paid, by currency."""
    asked = read_asked("")
    with platform_unit_of_work() as session:
        parts = queries.read_parts(session, asked.wish, today(get_zone(asked.wish.timezone)))
    return render_list(
        "platform/reports/revenue.html",
        "platform/reports/_revenue.html",
        asked=asked,
        wish=asked.wish,
        parts=[
            (part, draw(part.sums, asked.wish.group, lambda row: row.revenue)) for part in parts
        ],
        periods=period_options(),
        row_name=row_name,
    )
