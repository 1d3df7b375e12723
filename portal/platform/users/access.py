"""How a person of the platform gets in: a link, a stop, an ended session, a lost second factor.

Platform staff belong to no reseller, so no mail queue carries a link to them: it is shown once to
the colleague who asked for it, to be handed over in person (decision 22).
"""

from flask import Response, current_app, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from core.config import Settings
from core.errors import ConflictError
from core.platform_uow import platform_unit_of_work
from portal.access import platform_view
from portal.htmx import hx, render
from portal.platform.actor import platform_actor
from portal.platform.users.blueprint import bp
from tenants import password_resets, platform_staff, second_factor, signin, signin_sessions
from tenants.permissions import PlatformPermission
from tenants.signin_accounts import Account


@bp.post("/<int:platform_user_id>/link")
@platform_view(PlatformPermission.USERS_WRITE)
def make_link(platform_user_id: int) -> ResponseReturnValue:
    """A link to choose a password; earlier ones stop working."""
    actor = platform_actor()
    with platform_unit_of_work() as session:
        account = platform_staff.get_other(session, platform_user_id, actor)
        if not account.is_open:
            raise ConflictError("This person is stopped. Let it in again first.")
        is_invitation = account.password_hash is None
        password_resets.end_links(session, "platform", platform_user_id)
        make = password_resets.create_invitation if is_invitation else password_resets.create_reset
        token = make(session, account)
        action = "invite" if is_invitation else "password_link"
        signin.record_act(session, account, action, actor.ip or "", actor=actor)
    return draw_link(account, token, is_invitation=is_invitation)


@bp.post("/<int:platform_user_id>/status")
@platform_view(PlatformPermission.USERS_WRITE)
def change_status(platform_user_id: int) -> ResponseReturnValue:
    status = request.form.get("status", "")
    with platform_unit_of_work() as session:
        platform_staff.change_status(session, platform_user_id, status, actor=platform_actor())
        if status == "stop":
            signin_sessions.end_sessions(
                session, area="platform", subject_id=platform_user_id, reason="stopped"
            )
        name = platform_staff.get_platform_user(session, platform_user_id).name
    if status == "stop":
        flash(_("%(name)s is stopped and signed out.", name=name), "success")
    else:
        flash(_("%(name)s can sign in again.", name=name), "success")
    return _back(platform_user_id)


@bp.post("/<int:platform_user_id>/sessions/end")
@platform_view(PlatformPermission.USERS_WRITE)
def end_sessions(platform_user_id: int) -> ResponseReturnValue:
    actor = platform_actor()
    with platform_unit_of_work() as session:
        account = platform_staff.get_other(session, platform_user_id, actor)
        is_ended = signin_sessions.end_sessions(
            session, area="platform", subject_id=platform_user_id, reason="ended_by_colleague"
        )
        if is_ended:
            signin.record_act(session, account, "sessions_ended", actor.ip or "", actor=actor)
    flash(_("All sessions have ended."), "success")
    return _back(platform_user_id)


@bp.post("/<int:platform_user_id>/second-factor/reset")
@platform_view(PlatformPermission.USERS_WRITE)
def reset_second_factor(platform_user_id: int) -> ResponseReturnValue:
    actor = platform_actor()
    with platform_unit_of_work() as session:
        account = platform_staff.get_other(session, platform_user_id, actor)
        if not second_factor.delete_factor(session, account):
            raise ConflictError("This person has no second factor.")
        signin_sessions.end_sessions(
            session, area="platform", subject_id=platform_user_id, reason="second_factor_reset"
        )
        signin.record_act(session, account, "second_factor_reset", actor.ip or "", actor=actor)
    flash(
        _("%(name)s has no second factor any more and is signed out.", name=account.name),
        "success",
    )
    return _back(platform_user_id)


def draw_link(account: Account, token: str, *, is_invitation: bool) -> Response:
    """The one page that ever shows the link."""
    settings: Settings = current_app.extensions["settings"]
    lifetime = password_resets.INVITATION_LIFETIME if is_invitation else password_resets.LIFETIME
    page = render(
        "platform/users/link.html",
        "platform/users/_link.html",
        account=account,
        # at our configured address: the request's Host header is the sender's to choose
        link=settings.base_url + url_for("signin.reset", token=token),
        is_invitation=is_invitation,
        days=lifetime.days,
        minutes=int(lifetime.total_seconds() // 60),
    )
    return hx(page, trigger={"platform-users-changed": {}})


def _back(platform_user_id: int) -> Response:
    return redirect(url_for("platform_users.show", platform_user_id=platform_user_id), 303)  # type: ignore[return-value]
