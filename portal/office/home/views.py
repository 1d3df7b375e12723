"""The start page of the back office."""

from flask import Blueprint
from flask.typing import ResponseReturnValue

from core.uow import unit_of_work
from portal.access import current_viewer, office_view
from portal.htmx import render
from portal.office.home import queries
from tenants.permissions import Permission

bp = Blueprint("office_home", __name__, url_prefix="/office")


@bp.get("/")
@office_view(None)
def index() -> ResponseReturnValue:
    """For every role; each part is shown to those who may open what it leads to."""
    viewer = current_viewer()
    with unit_of_work() as session:
        attention = queries.count_attention(session)
        totals = queries.sum_balances(session) if viewer.may(Permission.CLIENTS_READ) else []
        suspended = queries.list_suspended(session) if viewer.may(Permission.PAYMENTS_READ) else []
        events = queries.list_events(session) if viewer.may(Permission.EVENTS_READ) else []
    return render(
        "office/home/index.html",
        attention=attention,
        totals=totals,
        suspended=suspended,
        events=events,
        limit=queries.COUNT_LIMIT,
    )
