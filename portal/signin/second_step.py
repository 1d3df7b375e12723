"""The second step of signing in: a code of the app, or a recovery code."""

from flask import current_app, flash, redirect, request, session
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response

from core.config import Settings
from core.db import Session
from core.errors import TooManyAttemptsError
from core.platform_uow import platform_unit_of_work
from portal import sessions
from portal.access import half_signed_in_panel_view, half_signed_in_view
from portal.htmx import render
from portal.invitations import queue_security_notice
from portal.signin.attempts import client_ip, second_step_attempt, wait_text
from portal.signin.blueprint import bp
from portal.signin.doors import PANEL, STAFF, Door, door_of, page_after
from portal.signin.forms import SecondStepForm
from portal.site import branded
from portal.viewer import Viewer, set_viewer
from tenants import second_factor, signin, signin_accounts, signin_throttle
from tenants.branding import find_brand
from tenants.signed_in import Identity
from tenants.signin_accounts import Account

DIGITS = 6


@bp.route("/login/code", methods=["GET", "POST"])
@half_signed_in_view("code")
def second_step() -> ResponseReturnValue:
    return _second_step(STAFF)


@bp.route("/clients/login/code", methods=["GET", "POST"])
@half_signed_in_panel_view
def panel_second_step() -> ResponseReturnValue:
    return _second_step(PANEL)


def _second_step(door: Door) -> ResponseReturnValue:
    form = SecondStepForm()
    if request.method == "GET":
        return _draw(door, form)
    if not form.validate():
        return _draw(door, form, status=422)
    try:
        token = _try(str(form.code.data))
    except TooManyAttemptsError as error:
        form.code.errors = [wait_text(error.retry_after_s)]
        response = _draw(door, form, status=429)
        response.headers["Retry-After"] = str(error.retry_after_s)
        return response
    if token is None:
        form.code.data = ""
        form.code.raw_data = None
        form.code.errors = [
            _("This code is not right, or was used already. Codes change every 30 seconds.")
        ]
        return _draw(door, form, status=422)
    return _go_on(token)


def half_me() -> Identity:
    """Who has given the password."""
    identity = sessions.half_identity()
    assert identity is not None
    return identity


def key_ring() -> dict[str, bytes]:
    """The keys that secrets of second factors are encrypted with."""
    settings: Settings = current_app.extensions["settings"]
    return settings.credential_key_ring


def show_as_half(identity: Identity) -> None:
    """The page carries the name of the person's reseller and nothing that opens.

    A client's has its reseller's logo and colours too, as every page of its door.
    """
    viewer = Viewer(name="", area="public", reseller_name=identity.reseller_name)
    if door_of(identity) is PANEL:
        with platform_unit_of_work() as db:
            brand = find_brand(db, reseller_id=identity.reseller_id)
        viewer = viewer if brand is None else branded(viewer, brand)
    set_viewer(viewer)


def _try(code: str) -> str | None:
    me = half_me()
    attempt = second_step_attempt(me.area, me.subject_id)
    with platform_unit_of_work() as db:
        # counted in a transaction of its own: a wrong code must not undo its count
        signin_throttle.count_attempt(db, attempt.keys)
    with platform_unit_of_work() as db:
        account = signin_accounts.get_account(db, me.area, me.subject_id)
        if not _is_right(db, account, code):
            signin.record_act(db, account, "second_step_failed", client_ip())
            return None
        signin_throttle.forgive(db, attempt.keys)
        return signin.record_second_step(
            db,
            account,
            pending=me.token_hash,
            ip=client_ip(),
            user_agent=request.user_agent.string,
        )


def _is_right(db: Session, account: Account, code: str) -> bool:
    typed = "".join(code.split())
    if typed.isdecimal() and len(typed) == DIGITS:
        return second_factor.is_right_code(db, account, typed, key_ring())
    left = second_factor.use_recovery_code(db, account, typed, ip=client_ip())
    if left is None:
        return False
    queue_security_notice(db, account, "recovery_code_used")
    session["recovery_codes_left"] = left
    return True


def _go_on(token: str) -> Response:
    me = half_me()
    left = session.get("recovery_codes_left")
    session.clear()
    response = redirect(page_after(me, request.args.get("next")), 303)
    sessions.set_cookie(response, me.area, token)
    if left is not None:
        flash(
            ngettext(
                "You used a recovery code; %(num)d is left. Make new ones in your account.",
                "You used a recovery code; %(num)d are left. Make new ones in your account.",
                left,
            ),
            "warning",
        )
    return response


def _draw(door: Door, form: SecondStepForm, *, status: int = 200) -> Response:
    show_as_half(half_me())
    return render(
        "signin/second_step.html",
        status=status,
        form=form,
        login=half_me().login,
        is_panel=door is PANEL,
        action=door.url("second_step", next=request.args.get("next")),
        sign_out_url=door.url("sign_out"),
    )
