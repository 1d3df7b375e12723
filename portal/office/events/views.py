"""The events log."""

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from core.uow import unit_of_work
from portal.access import office_view
from portal.keyset import read_place
from portal.listing import chosen, render_list
from portal.office import client_choice
from portal.office.events import queries
from portal.office.events.queries import LEVELS, Filters
from portal.office.period import period_options, read_period
from tenants.permissions import Permission

bp = Blueprint("office_events", __name__, url_prefix="/office/events")


@bp.get("/")
@office_view(Permission.EVENTS_READ)
def index() -> ResponseReturnValue:
    filters = Filters(
        search=request.args.get("q", "").strip()[:100],
        client_id=request.args.get("client", type=int),
        level=chosen("level", LEVELS, "any"),
        service=request.args.get("service", "")[:60],
        period=read_period(),
    )
    with unit_of_work() as session:
        client = client_choice.find_chosen(session, filters.client_id)
        page = queries.read_events(session, filters, read_place())
        services = queries.list_services(session)
    return render_list(
        "office/events/index.html",
        "office/events/_table.html",
        page=page,
        filters=filters,
        client=client,
        services=services,
        periods=period_options(),
    )
