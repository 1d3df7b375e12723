"""Signing in and out: staff at /login, clients at /clients/login."""

from flask import redirect, request, session
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from core.db import Session
from core.errors import TooManyAttemptsError
from core.platform_uow import platform_unit_of_work
from portal import sessions
from portal.access import public_view
from portal.htmx import render
from portal.signin.attempts import client_ip, remember_device, sign_in_attempt, wait_text
from portal.signin.blueprint import bp
from portal.signin.doors import PANEL, STAFF, Door, door_of, enter_tenant, page_after
from portal.signin.forms import PanelSignInForm, StaffSignInForm
from portal.signin.sign_up import sign_up_url
from portal.site import read_support
from tenants import signin, signin_accounts, signin_sessions, signin_throttle
from tenants.signed_in import Identity

SignInForm = StaffSignInForm | PanelSignInForm


@bp.get("/")
@public_view(reason="leads to the right door")
def home() -> ResponseReturnValue:
    identity = sessions.current_identity() or sessions.half_identity()
    if identity is not None:
        return redirect(_next_after(identity), 303)
    with platform_unit_of_work() as db:
        door = STAFF if enter_tenant(db, STAFF) is None else PANEL
    return redirect(door.url("sign_in"), 303)


@bp.route("/login", methods=["GET", "POST"])
@public_view(reason="the door of staff")
def sign_in() -> ResponseReturnValue:
    return _sign_in(STAFF, StaffSignInForm())


@bp.route("/clients/login", methods=["GET", "POST"])
@public_view(reason="the door of clients")
def panel_sign_in() -> ResponseReturnValue:
    return _sign_in(PANEL, PanelSignInForm())


@bp.post("/logout")
@public_view(reason="also for a session that has just ended")
def sign_out() -> ResponseReturnValue:
    return _sign_out(STAFF)


@bp.post("/clients/logout")
@public_view(reason="also for a session that has just ended")
def panel_sign_out() -> ResponseReturnValue:
    return _sign_out(PANEL)


def _sign_in(door: Door, form: SignInForm) -> ResponseReturnValue:
    identity = sessions.current_identity() or sessions.half_identity()
    if request.method == "GET":
        if identity is not None:
            return redirect(_next_after(identity), 303)
        with platform_unit_of_work() as db:
            enter_tenant(db, door)
        return _draw(door, form, notice=_notice())
    if not form.validate():
        return _draw(door, form, status=422)
    try:
        return _try(door, form, identity)
    except TooManyAttemptsError as error:
        response = _draw(door, form, status=429, problem=wait_text(error.retry_after_s))
        response.headers["Retry-After"] = str(error.retry_after_s)
        return response


def _try(door: Door, form: SignInForm, before: Identity | None) -> Response:
    name, password = str(form.name.data), str(form.password.data)
    ip = client_ip()
    with platform_unit_of_work() as db:
        reseller_id = enter_tenant(db, door)
        attempt = sign_in_attempt(door, name, reseller_id)
        signin_throttle.count_attempt(db, attempt.keys)
        accounts = signin_accounts.list_accounts(db, door.area, name, reseller_id)
    # slow on purpose, so no connection is held while it runs
    fitting = signin.list_fitting(accounts, password)
    match = signin.choose_open(fitting, ip)
    with platform_unit_of_work() as db:
        token = None
        if match is not None:
            token = signin.record_sign_in(
                db, match, password=password, ip=ip, user_agent=request.user_agent.string
            )
        if token is None:
            signin.record_failure(db, accounts, ip)
        else:
            signin_throttle.forgive(db, attempt.own)
            signin_throttle.take_back(db, attempt.shared)
            if before is not None:
                _end_current(before, db, "signed_in_again")
        identity = sessions.find_identity(db, door.realm, token)
    if match is None or token is None or identity is None:
        return _refused(door, form, is_suspended=any(one.is_suspended for one in fitting))
    # nothing of the time before sign-in is believed afterwards: a new form secret too
    session.clear()
    response = redirect(_next_after(identity), 303)
    sessions.set_cookie(response, match.area, token)
    remember_device(response, door, name, reseller_id)
    return response


def _next_after(identity: Identity) -> str:
    """The page that was wanted, or first the second step that is due."""
    wanted = request.args.get("next")
    step = sessions.missing_step(identity)
    if step == "code":
        return door_of(identity).url("second_step", next=wanted)
    if step == "set_up":
        return STAFF.url("second_factor_set_up", next=wanted)
    return page_after(identity, wanted)


def _sign_out(door: Door) -> Response:
    identity = sessions.current_identity() or sessions.half_identity()
    if identity is not None and identity.acting is not None:
        # staff in a client's panel are not the client: they leave, and the client stays
        return redirect("/clients/", 303)
    if identity is not None:
        with platform_unit_of_work() as db:
            _end_current(identity, db, "sign_out")
            account = signin_accounts.get_account(db, identity.area, identity.subject_id)
            signin.record_act(db, account, "sign_out", client_ip())
    session.clear()
    response = redirect(door.url("sign_in", out="1"), 303)
    sessions.clear_cookie(response, door.realm)
    # nothing of ours is kept in the browser's storage but the chosen colours
    response.headers["Clear-Site-Data"] = '"cache"'
    return response


def _end_current(identity: Identity, db: Session, reason: str) -> None:
    signin_sessions.end_session(
        db,
        area=identity.area,
        subject_id=identity.subject_id,
        key=identity.token_hash.hex(),
        reason=reason,
    )


def _refused(door: Door, form: SignInForm, *, is_suspended: bool) -> Response:
    # only who knows the password is told why it does not open
    if is_suspended and door.realm == "panel":
        problem = _("Your provider’s access to this portal is suspended. Please ask your provider.")
    elif is_suspended:
        problem = _("Your company’s access is suspended. Please ask the support of the platform.")
    elif door.realm == "panel":
        problem = _("The login or the password is not right.")
    else:
        problem = _("The e-mail address or the password is not right.")
    return _draw(door, form, status=422, problem=problem)


def _notice() -> str:
    text = ""
    if "out" in request.args:
        text = _("You have signed out.")
    elif "reset" in request.args:
        text = _("Your new password is set. Sign in with it.")
    elif "ended" in request.args:
        text = _("Your session has ended. Please sign in again.")
    return text


def _draw(
    door: Door, form: SignInForm, *, status: int = 200, problem: str = "", notice: str = ""
) -> Response:
    is_panel = door.realm == "panel"
    code = door.portal_code
    with platform_unit_of_work() as db:
        new_here = sign_up_url(db, enter_tenant(db, door)) if is_panel else ""
    return render(
        "signin/sign_in.html",
        status=status,
        form=form,
        title=_("Sign in"),
        problem=problem,
        notice=notice,
        is_panel=is_panel,
        action=door.url("sign_in", portal=code, next=request.args.get("next")),
        support=None if is_panel else read_support(),
        forgot_url=door.url("forgot", portal=code),
        sign_up_url=new_here,
        other_url=(STAFF if is_panel else PANEL).url("sign_in"),
    )
