"""The list of users and the page of one."""

from flask import request
from flask.typing import ResponseReturnValue

from core.errors import NotFoundError
from core.tenancy import current_scope
from core.uow import unit_of_work
from portal import user_access
from portal.access import current_viewer, office_view
from portal.htmx import render
from portal.keyset import read_place
from portal.listing import chosen, render_list
from portal.office.me import current_me
from portal.office.users import queries
from portal.office.users.blueprint import bp
from portal.office.users.queries import STATUSES, Filters
from portal.signed_in_devices import describe
from tenants import resellers
from tenants.permissions import Permission


@bp.get("/")
@office_view(Permission.USERS_READ)
def index() -> ResponseReturnValue:
    scope = current_scope()
    reseller_id = request.args.get("reseller", type=int)
    filters = Filters(
        search=request.args.get("q", "").replace("\x00", "").strip()[:100],
        status=chosen("status", STATUSES, ""),
        reseller_id=reseller_id if reseller_id in scope.reseller_ids else None,
    )
    with unit_of_work() as session:
        page = queries.read_users(session, filters, read_place())
        family = resellers.list_resellers(session) if len(scope.reseller_ids) > 1 else []
    return render_list(
        "office/users/index.html",
        "office/users/_table.html",
        page=page,
        filters=filters,
        family=[(one.id, one.name) for one in family],
        me=current_me(),
        may_write=current_viewer().may(Permission.USERS_WRITE),
    )


@bp.get("/<int:user_id>")
@office_view(Permission.USERS_READ)
def show(user_id: int) -> ResponseReturnValue:
    viewer, me = current_viewer(), current_me()
    with unit_of_work() as session:
        row = queries.find_row(session, user_id)
        if row is None:
            raise NotFoundError("User not found.")
        history = (
            queries.list_history(session, user_id) if viewer.may(Permission.AUDIT_READ) else []
        )
    is_mine = row.role_permissions <= me.permissions
    return render(
        "office/users/show.html",
        row=row,
        history=history,
        devices=[(describe(one.user_agent), one) for one in user_access.list_sessions(user_id)],
        is_me=user_id == me.user_id,
        is_stronger=not is_mine,
        may_write=is_mine and viewer.may(Permission.USERS_WRITE),
        may_execute=is_mine and viewer.may(Permission.USERS_EXECUTE),
    )
