"""The events log over all tenants."""

from datetime import datetime, timedelta

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from core.clock import now
from core.platform_uow import platform_unit_of_work
from portal.access import platform_view
from portal.keyset import read_place
from portal.listing import chosen, render_list
from portal.platform.events import queries
from portal.platform.events.queries import LEVELS, Filters
from tenants.events import SERVICES
from tenants.permissions import PlatformPermission

bp = Blueprint("platform_events", __name__, url_prefix="/platform/events")

PERIODS = {"day": timedelta(days=1), "week": timedelta(days=7), "month": timedelta(days=30)}


@bp.get("/")
@platform_view(PlatformPermission.EVENTS_READ)
def index() -> ResponseReturnValue:
    period = chosen("period", ("", *PERIODS), "")
    filters = Filters(
        level=chosen("level", LEVELS, ""),
        service=chosen("service", SERVICES, ""),
        reseller_id=request.args.get("tenant", type=int),
        since=_since(period),
    )
    with platform_unit_of_work() as session:
        tenants = queries.list_tenants(session)
        page = queries.read_events(session, filters, [one.id for one in tenants], read_place())
    return render_list(
        "platform/events/index.html",
        "platform/events/_table.html",
        rows=page,
        filters=filters,
        period=period,
        tenants=[(one.id, one.name) for one in tenants],
        services=SERVICES,
    )


def _since(period: str) -> datetime | None:
    return now() - PERIODS[period] if period else None
