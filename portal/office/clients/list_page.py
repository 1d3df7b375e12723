"""The Clients list: its page, and the very part of it that htmx asks for."""

from typing import Any
from urllib.parse import urlencode

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue

from core.uow import unit_of_work
from portal.access import current_viewer, office_view
from portal.htmx import wants_partial
from portal.keyset import read_place
from portal.listing import render_list
from portal.office.client_columns import Column, choose_columns
from portal.office.client_search import Filters, parse_filters
from portal.office.client_selection import may_ask
from portal.office.clients import queries
from portal.office.clients.blueprint import bp
from portal.office.clients.cells import flags_of, get_drawer, shown_actions
from portal.office.clients.chips import list_chips
from portal.office.clients.search_panel import read_panel
from portal.office.lists import LISTS, read_layout
from tenants.permissions import Permission

# what stands in the address beside the filters
_BESIDE = ("view", "after", "before")


@bp.get("/")
@office_view(Permission.CLIENTS_READ)
def index() -> ResponseReturnValue:
    filters = parse_filters(request.args)
    if not wants_partial() and not filters.errors and _is_sent_by_form():
        # a form sends its empty fields too: the address that is kept and sent on is the short one
        return redirect(_address(filters), 302)
    actions = shown_actions()
    may_export, may_mass_edit = may_ask("export_clients"), may_ask("mass_edit_clients")
    may_pick = may_export or may_mass_edit
    with unit_of_work() as session:
        layout = read_layout(session, LISTS["clients"], request.args.get("view", ""))
        columns = _columns(layout.columns, filters)
        page = queries.read_clients(session, filters, read_place(), columns, flags_of(actions))
        chips = list_chips(session, filters, layout.current)
        panel = read_panel(session, filters) if filters.errors else None
    drawer = get_drawer(columns, actions, may_pick=may_pick)
    return render_list(
        "office/clients/index.html",
        "office/clients/_table.html",
        status=422 if filters.errors else 200,
        here=request.full_path if filters.errors else _address(filters),
        page=page,
        filters=filters,
        query=filters.to_query(),
        layout=layout,
        heads=drawer.heads,
        rows=drawer.rows(page.rows),
        chips=chips,
        panel=panel,
        hidden=_hidden(filters),
        may_pick=may_pick,
        may_export=may_export,
        may_mass_edit=may_mass_edit,
        may_write=current_viewer().may(Permission.CLIENTS_WRITE),
    )


def _is_sent_by_form() -> bool:
    return any(not value for _name, values in request.args.lists() for value in values)


def _address(filters: Filters) -> str:
    """This list's own address: the filters written shortly, the view and the place as they are."""
    beside: dict[str, Any] = {
        name: request.args[name] for name in _BESIDE if request.args.get(name)
    }
    query = urlencode({**filters.to_args(), **beside}, doseq=True)
    here = url_for("office_clients.index")
    return f"{here}?{query}" if query else here


def _columns(keys: tuple[str, ...], filters: Filters) -> tuple[Column, ...]:
    """Those of the layout; the status too where rows differ in it."""
    if filters.status == "any" and "status" not in keys:
        keys = (*keys, "status")
    return choose_columns(keys)


def _hidden(filters: Filters) -> list[tuple[str, str]]:
    """What the box above the list sends along: every filter that it does not show itself."""
    args = {**filters.to_args(), "view": request.args.get("view", "")}
    pairs = []
    for name, value in args.items():
        if name not in ("q", "status") and value:
            pairs += [(name, one) for one in ([value] if isinstance(value, str) else value)]
    return pairs
