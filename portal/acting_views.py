"""Ending a session as somebody else, and switching it between looking and changing."""

from flask import Blueprint, flash, redirect, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from core.platform_uow import platform_unit_of_work
from portal import acting
from portal.access import acting_view
from portal.acting import Where
from portal.sessions import current_identity
from tenants import signing_in_as
from tenants.signed_in import Identity

bp = Blueprint("acting", __name__)
_HOMES: dict[Where, str] = {"office": "/office/", "panel": "/clients/"}


@bp.post("/office/acting/end")
@acting_view("office")
def office_end() -> ResponseReturnValue:
    return _end("office")


@bp.post("/clients/acting/end")
@acting_view("panel")
def panel_end() -> ResponseReturnValue:
    return _end("panel")


@bp.post("/office/acting/mode")
@acting_view("office")
def office_writing() -> ResponseReturnValue:
    return _switch("office")


@bp.post("/clients/acting/mode")
@acting_view("panel")
def panel_writing() -> ResponseReturnValue:
    return _switch("panel")


def _me() -> Identity:
    identity = current_identity()
    assert identity is not None
    return identity


def _end(where: Where) -> ResponseReturnValue:
    me = _me()
    with platform_unit_of_work() as session:
        signing_in_as.end(session, me, ip=request.remote_addr or "")
    flash(_("You are yourself again."), "success")
    home = f"/office/clients/{me.subject_id}"
    if where == "office":
        home = f"/platform/resellers/{me.reseller_id}"
    response = redirect(home, 303)
    acting.clear_cookie(response, where)
    return response


def _switch(where: Where) -> ResponseReturnValue:
    on = request.form.get("mode") == "change"
    with platform_unit_of_work() as session:
        signing_in_as.switch_writing(session, _me(), on=on, ip=request.remote_addr or "")
    return redirect(_HOMES[where], 303)
