"""Auto payment: the list of clients that have it, and the page of one with its history."""

from flask import request
from flask.typing import ResponseReturnValue

from core.tenancy import current_scope
from core.uow import unit_of_work
from portal.access import current_viewer, office_view
from portal.htmx import render
from portal.keyset import read_place
from portal.listing import chosen, render_list
from portal.office.auto_payment import queries
from portal.office.auto_payment.blueprint import bp
from portal.office.auto_payment.forms import KIND_NAMES
from portal.office.auto_payment.queries import STATES, Filters
from portal.office.auto_words import say_why
from tenants.permissions import Permission


@bp.get("/")
@office_view(Permission.PAYMENTS_READ)
def index() -> ResponseReturnValue:
    """Every client with auto payment: what it would do now, the last charge, why not."""
    filters = Filters(
        search=request.args.get("q", "").strip()[:100], state=chosen("state", STATES, "on")
    )
    with unit_of_work() as session:
        page = queries.read_rows(session, filters, read_place())
        figures = queries.read_figures(session)
    viewer = current_viewer()
    return render_list(
        "office/auto_payment/index.html",
        "office/auto_payment/_table.html",
        page=page,
        filters=filters,
        figures=figures,
        is_family=len(current_scope().reseller_ids) > 1,
        may_execute=viewer.may(Permission.PAYMENTS_EXECUTE),
        sees_rules=viewer.may(Permission.GATEWAYS_READ),
    )


@bp.get("/<int:client_id>")
@office_view(Permission.PAYMENTS_READ)
def show(client_id: int) -> ResponseReturnValue:
    """What it would do now, the calendar, and every step so far with its figures."""
    viewer = current_viewer()
    with unit_of_work() as session:
        desk = queries.read_desk(session, client_id)
    return render(
        "office/auto_payment/show.html",
        desk=desk,
        kind_names=KIND_NAMES,
        why_text=say_why,
        may_execute=viewer.may(Permission.PAYMENTS_EXECUTE),
        may_edit=viewer.may(Permission.CLIENTS_WRITE),
        sees_rules=viewer.may(Permission.GATEWAYS_READ),
    )
