"""One's own second factor: set it up with an app, make recovery codes, switch it off."""

import segno
from flask import current_app, flash, redirect, request, session
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_wtf import FlaskForm
from werkzeug.wrappers import Response

from core.config import Settings
from core.errors import ConflictError, InvalidInputError, InvariantError, TooManyAttemptsError
from core.platform_uow import platform_unit_of_work
from portal import sessions
from portal.access import half_signed_in_view, panel_view, staff_view
from portal.errors import LAYOUTS
from portal.htmx import render
from portal.invitations import queue_security_notice
from portal.sessions import current_identity, half_identity
from portal.signin.attempts import (
    Attempt,
    client_ip,
    own_password_attempt,
    second_step_attempt,
    wait_text,
)
from portal.signin.blueprint import bp
from portal.signin.doors import PANEL, STAFF, Door, door_of, page_after
from portal.signin.forms import DisableForm, RenewCodesForm, SetUpForm
from portal.signin.second_step import key_ring, show_as_half
from portal.wording import refusal
from tenants import (
    passwords,
    second_factor,
    signin_accounts,
    signin_sessions,
    signin_throttle,
)
from tenants.signed_in import Identity
from tenants.signin_accounts import Account


@bp.route("/account/second-factor", methods=["GET", "POST"])
@half_signed_in_view("", "set_up")
def second_factor_set_up() -> ResponseReturnValue:
    return _set_up(STAFF)


@bp.route("/clients/account/second-factor", methods=["GET", "POST"])
@panel_view
def panel_second_factor_set_up() -> ResponseReturnValue:
    return _set_up(PANEL)


@bp.route("/account/second-factor/codes", methods=["GET", "POST"])
@staff_view
def renew_recovery_codes() -> ResponseReturnValue:
    return _renew_codes(STAFF)


@bp.route("/clients/account/second-factor/codes", methods=["GET", "POST"])
@panel_view
def panel_renew_recovery_codes() -> ResponseReturnValue:
    return _renew_codes(PANEL)


@bp.route("/account/second-factor/off", methods=["GET", "POST"])
@staff_view
def disable_second_factor() -> ResponseReturnValue:
    if current_app.config["SECOND_FACTOR_REQUIRED"]:
        raise ConflictError("A second factor is required here, so it cannot be switched off.")
    return _switch_off(STAFF)


@bp.route("/clients/account/second-factor/off", methods=["GET", "POST"])
@panel_view
def panel_disable_second_factor() -> ResponseReturnValue:
    """Of clients no second factor is required anywhere: they may always switch it off."""
    return _switch_off(PANEL)


def _set_up(door: Door) -> ResponseReturnValue:
    me, account = _me(), _account()
    if account.has_factor:
        flash(_("Your second factor is switched on already."), "info")
        return redirect(door.url("account"), 303)
    form = SetUpForm()
    if request.method == "GET":
        return _draw_offer(form, account, second_factor.new_secret())
    secret = _read_offer(form, account)
    if not form.validate():
        return _draw_offer(form, account, secret, status=422)
    try:
        codes, token = _create(account, secret, str(form.code.data))
    except InvalidInputError as error:
        form.code.errors = [refusal(error)]
        return _draw_offer(form, account, secret, status=422)
    except TooManyAttemptsError as error:
        form.code.errors = [wait_text(error.retry_after_s)]
        return _draw_offer(form, account, secret, status=429)
    response = _draw_codes(codes, page_after(me, request.args.get("next")))
    session.clear()
    sessions.set_cookie(response, me.area, token)
    return response


def _renew_codes(door: Door) -> ResponseReturnValue:
    form = RenewCodesForm()
    if request.method == "GET":
        return _draw_form("signin/renew_codes.html", form)
    if not form.validate():
        return _draw_form("signin/renew_codes.html", form, status=422)
    account = _account()
    try:
        _count_code(account)
        with platform_unit_of_work() as db:
            codes = second_factor.renew_codes(
                db, account, code=str(form.code.data), key_ring=key_ring(), ip=client_ip()
            )
            signin_throttle.forgive(db, _code_attempt(account).keys)
    except (InvalidInputError, TooManyAttemptsError) as error:
        return _refuse("signin/renew_codes.html", form, error)
    return _draw_codes(codes, door.url("account"))


def _switch_off(door: Door) -> ResponseReturnValue:
    form = DisableForm()
    if request.method == "GET":
        return _draw_form("signin/disable_factor.html", form)
    if not form.validate():
        return _draw_form("signin/disable_factor.html", form, status=422)
    try:
        _disable(form)
    except (InvalidInputError, TooManyAttemptsError) as error:
        return _refuse("signin/disable_factor.html", form, error)
    flash(_("The second factor is switched off. Your other sessions have ended."), "success")
    return redirect(door.url("account"), 303)


def _create(account: Account, secret: str, code: str) -> tuple[list[str], str]:
    me = _me()
    _count_code(account)
    with platform_unit_of_work() as db:
        codes = second_factor.create_factor(
            db, account, secret=secret, code=code, key_ring=key_ring(), ip=client_ip()
        )
        signin_throttle.forgive(db, _code_attempt(account).keys)
        # sessions that knew only the password end; this browser goes on under a new token
        signin_sessions.end_sessions(
            db, area=me.area, subject_id=me.subject_id, reason="second_factor_on"
        )
        queue_security_notice(db, account, "second_factor_on")
        token = signin_sessions.begin_session(
            db,
            area=me.area,
            subject_id=me.subject_id,
            reseller_id=me.reseller_id,
            ip=client_ip(),
            user_agent=request.user_agent.string,
            with_factor=True,
        )
    return codes, token


def _disable(form: DisableForm) -> None:
    me, account = _me(), _account()
    attempt = own_password_attempt(me.area, me.subject_id)
    with platform_unit_of_work() as db:
        signin_throttle.count_attempt(db, attempt.keys)
    # slow on purpose, so no connection is held while it runs
    if not passwords.verify_password(account.password_hash, str(form.current.data)):
        raise InvalidInputError("This is not your present password.", "current")
    _count_code(account)
    with platform_unit_of_work() as db:
        second_factor.disable_factor(
            db, account, code=str(form.code.data), key_ring=key_ring(), ip=client_ip()
        )
        signin_throttle.forgive(db, (*attempt.keys, *_code_attempt(account).keys))
        signin_sessions.end_sessions(
            db,
            area=me.area,
            subject_id=me.subject_id,
            reason="second_factor_off",
            keep=me.token_hash,
        )
        queue_security_notice(db, account, "second_factor_off")


def _me() -> Identity:
    identity = current_identity() or half_identity()
    assert identity is not None
    return identity


def _account() -> Account:
    me = _me()
    with platform_unit_of_work() as db:
        return signin_accounts.get_account(db, me.area, me.subject_id)


def _code_attempt(account: Account) -> Attempt:
    return second_step_attempt(account.area, account.subject_id)


def _count_code(account: Account) -> None:
    with platform_unit_of_work() as db:
        signin_throttle.count_attempt(db, _code_attempt(account).keys)


def _read_offer(form: SetUpForm, account: Account) -> str:
    try:
        return second_factor.open_offer(account, form.offer.data or "", key_ring())
    except (InvariantError, InvalidInputError) as error:
        raise InvalidInputError("This page is out of date. Load it anew.") from error


def _draw_offer(form: SetUpForm, account: Account, secret: str, *, status: int = 200) -> Response:
    settings: Settings = current_app.extensions["settings"]
    issuer = _me().reseller_name or settings.base_url.partition("://")[2]
    address = second_factor.describe_address(secret, login=account.label, issuer=issuer)
    form.offer.data = second_factor.seal_offer(account, secret, key_ring())
    return _draw_form(
        "signin/set_up_factor.html",
        form,
        status=status,
        qr_code=segno.make(address, error="m").svg_data_uri(scale=5, border=4),
        secret=" ".join(secret[start : start + 4] for start in range(0, len(secret), 4)),
        is_required=half_identity() is not None,
        action=door_of(_me()).url("second_factor_set_up", next=request.args.get("next")),
        sign_out_url=door_of(_me()).url("sign_out"),
    )


def _draw_codes(codes: list[str], go_on_url: str) -> Response:
    return _draw_form("signin/recovery_codes.html", None, codes=codes, go_on_url=go_on_url)


def _refuse(
    page: str, form: FlaskForm, error: InvalidInputError | TooManyAttemptsError
) -> Response:
    if isinstance(error, TooManyAttemptsError):
        form.code.errors = [wait_text(error.retry_after_s)]
        response = _draw_form(page, form, status=429)
        response.headers["Retry-After"] = str(error.retry_after_s)
        return response
    form[error.field or "code"].errors = [refusal(error)]
    return _draw_form(page, form, status=422)


def _draw_form(page: str, form: FlaskForm | None, *, status: int = 200, **more: object) -> Response:
    half = half_identity()
    if half is not None:
        show_as_half(half)
    door = door_of(_me())
    return render(
        page,
        status=status,
        layout=LAYOUTS["public" if half is not None else _me().area],
        form=form,
        account_url=door.url("account"),
        codes_url=door.url("renew_recovery_codes"),
        off_url=door.url("disable_second_factor"),
        **more,
    )
