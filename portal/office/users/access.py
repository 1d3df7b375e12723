"""How a user gets in: invited again, stopped, signed out, freed of a lost second factor."""

from flask import Response, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from core.errors import ConflictError
from core.uow import unit_of_work
from portal import user_access
from portal.access import office_view
from portal.office.me import current_me
from portal.office.users.blueprint import bp
from tenants import users
from tenants.permissions import Permission


@bp.post("/<int:user_id>/invite")
@office_view(Permission.USERS_WRITE)
def invite(user_id: int) -> ResponseReturnValue:
    """Send the invitation once more; the earlier link stops working."""
    with unit_of_work() as session:
        user = users.get_managed(session, user_id, current_me())
    user_access.invite(user)
    flash(_("The invitation to %(email)s is on its way.", email=user.email), "success")
    return _back(user_id)


@bp.post("/<int:user_id>/status")
@office_view(Permission.USERS_WRITE)
def change_status(user_id: int) -> ResponseReturnValue:
    """Stop somebody, which signs it out at once, or let it in again."""
    status = request.form.get("status", "")
    with unit_of_work() as session:
        users.change_status(session, user_id, status, me=current_me())
        name = users.get_user(session, user_id).name
    if status == "stop":
        user_access.end_sessions(user_id, "stopped")
        flash(_("%(name)s is stopped and signed out.", name=name), "success")
    else:
        flash(_("%(name)s can sign in again.", name=name), "success")
    return _back(user_id)


@bp.post("/<int:user_id>/sessions/end")
@office_view(Permission.USERS_EXECUTE)
def end_session(user_id: int) -> ResponseReturnValue:
    """The one session that its key names."""
    with unit_of_work() as session:
        users.get_other(session, user_id, current_me())
    key = request.form.get("key", "")
    if user_access.end_sessions(user_id, "ended_by_colleague", key=key):
        flash(_("The session has ended."), "success")
    else:
        flash(_("That session had ended already."), "info")
    return _back(user_id)


@bp.post("/<int:user_id>/sessions/end-all")
@office_view(Permission.USERS_EXECUTE)
def end_all_sessions(user_id: int) -> ResponseReturnValue:
    with unit_of_work() as session:
        users.get_other(session, user_id, current_me())
    user_access.end_sessions(user_id, "ended_by_colleague")
    flash(_("All sessions have ended."), "success")
    return _back(user_id)


@bp.post("/<int:user_id>/second-factor/reset")
@office_view(Permission.USERS_EXECUTE)
def reset_second_factor(user_id: int) -> ResponseReturnValue:
    """For somebody who has lost phone and recovery codes."""
    with unit_of_work() as session:
        user = users.get_other(session, user_id, current_me())
    if user_access.reset_second_factor(user_id):
        flash(
            _(
                "%(name)s has no second factor any more, is signed out and told by mail.",
                name=user.name,
            ),
            "success",
        )
    else:
        raise ConflictError("This person has no second factor.")
    return _back(user_id)


def _back(user_id: int) -> Response:
    return redirect(url_for("office_users.show", user_id=user_id), 303)  # type: ignore[return-value]
