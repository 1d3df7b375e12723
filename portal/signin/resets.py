"""A forgotten password: a link by mail, whoever asks gets the same answer after the same time.

Platform staff belong to no tenant, so no mail queue carries theirs: `portal reset-password` sets a
new one on the server.
"""

import time

import structlog
from flask import current_app, redirect, request, session
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from core.config import Settings
from core.db import Session
from core.errors import InvalidInputError, TooManyAttemptsError
from core.platform_uow import platform_unit_of_work
from mail import templates
from mail.queue import MailKind, portal_address, queue_mail
from portal.access import public_view
from portal.htmx import render
from portal.signin.attempts import (
    Attempt,
    client_ip,
    remember_device,
    reset_link_attempt,
    reset_request_attempt,
    wait_text,
)
from portal.signin.blueprint import bp
from portal.signin.doors import PANEL, STAFF, Door, enter_tenant
from portal.signin.forms import NewPasswordForm, PanelForgotForm, StaffForgotForm
from portal.site import branded
from portal.viewer import Viewer, set_viewer
from portal.wording import refusal
from tenants import password_resets, passwords, resellers, signin_accounts, signin_throttle
from tenants.branding import find_brand
from tenants.signin_accounts import Account
from tenants.signin_sessions import hash_token

# longer than writing a mail takes, so that the time does not tell whether one was written
ANSWER_AFTER_S = 0.25

_log = structlog.get_logger(__name__)


@bp.route("/login/forgot", methods=["GET", "POST"])
@public_view(reason="who has forgotten the password cannot sign in")
def forgot() -> ResponseReturnValue:
    return _forgot(STAFF, StaffForgotForm())


@bp.route("/clients/login/forgot", methods=["GET", "POST"])
@public_view(reason="who has forgotten the password cannot sign in")
def panel_forgot() -> ResponseReturnValue:
    return _forgot(PANEL, PanelForgotForm())


@bp.route("/login/reset/<token>", methods=["GET", "POST"])
@public_view(reason="the mailed link is the proof")
def reset(token: str) -> ResponseReturnValue:
    return _reset(STAFF, token)


@bp.route("/clients/login/reset/<token>", methods=["GET", "POST"])
@public_view(reason="the mailed link is the proof")
def panel_reset(token: str) -> ResponseReturnValue:
    return _reset(PANEL, token)


def reset_url(door: Door, token: str, portal_host: str | None = None) -> str:
    """The link, at our configured address: the request's Host header is the sender's to choose.

    A client's leads to `portal_host`, which its reseller has set.
    """
    settings: Settings = current_app.extensions["settings"]
    address = portal_address(portal_host) if door is PANEL and portal_host else settings.base_url
    return address + door.url("reset", token=token)


def _forgot(door: Door, form: StaffForgotForm | PanelForgotForm) -> ResponseReturnValue:
    if request.method == "GET":
        with platform_unit_of_work() as db:
            enter_tenant(db, door)
        return _draw_forgot(door, form)
    if not form.validate():
        return _draw_forgot(door, form, status=422)
    started = time.monotonic()
    try:
        _send_links(door, str(form.name.data))
    except TooManyAttemptsError as error:
        response = _draw_forgot(door, form, status=429, problem=wait_text(error.retry_after_s))
        response.headers["Retry-After"] = str(error.retry_after_s)
        return response
    time.sleep(max(0.0, started + ANSWER_AFTER_S - time.monotonic()))
    return redirect(door.url("forgot", portal=door.portal_code, sent="1"), 303)


def _send_links(door: Door, name: str) -> None:
    with platform_unit_of_work() as db:
        reseller_id = enter_tenant(db, door)
        signin_throttle.count_attempt(db, reset_request_attempt(door, name, reseller_id).keys)
        for account in signin_accounts.list_accounts(db, door.area, name, reseller_id):
            if account.is_open and account.email and account.reseller_id is not None:
                _queue_link(db, door, account, account.reseller_id)


def _queue_link(db: Session, door: Door, account: Account, reseller_id: int) -> None:
    token = password_resets.create_reset(db, account)
    reseller = resellers.get_reseller(db, reseller_id)
    letter = templates.write(
        db,
        reseller_id=reseller_id,
        name="password_reset",
        locale=account.locale,
        variables={
            "name": account.name,
            "sender_name": reseller.name,
            "reset_url": reset_url(door, token, reseller.portal_host),
            "minutes": int(password_resets.LIFETIME.total_seconds() // 60),
        },
    )
    try:
        queue_mail(
            db,
            reseller_id=reseller_id,
            client_id=account.client_id,
            kind=MailKind.PASSWORD_RESET,
            dedupe_key=f"password_reset:{hash_token(token).hex()[:32]}",
            to_address=account.email,
            subject=letter.subject,
            body_text=letter.text,
            body_html=letter.html,
        )
    except InvalidInputError as error:
        # an answer of its own would tell that the account exists
        _log.warning("reset.not_mailed", subject=account.subject_id, reason=error.message)


def _reset(door: Door, token: str) -> ResponseReturnValue:
    attempt = reset_link_attempt()
    _count(attempt)
    with platform_unit_of_work() as db:
        account = password_resets.find_reset(db, door.areas, token)
        if account is not None:
            signin_throttle.take_back(db, attempt.shared)
        enter_tenant(db, door)
        brand = find_brand(db, reseller_id=account.reseller_id) if account is not None else None
        if door is PANEL and brand is not None:
            # whatever the address says: the link knows whose client it is
            set_viewer(branded(Viewer(name="", area="public"), brand))
    form = NewPasswordForm()
    if account is None:
        return _draw_reset(door, token, form, None, status=410)
    if request.method == "GET":
        return _draw_reset(door, token, form, account)
    if not form.validate():
        return _draw_reset(door, token, form, account, status=422)
    return _set_password(door, token, form, account)


def _set_password(door: Door, token: str, form: NewPasswordForm, account: Account) -> Response:
    try:
        with platform_unit_of_work() as db:
            is_done = password_resets.use_reset(
                db, account, token, str(form.password.data), ip=client_ip()
            )
    except InvalidInputError as error:
        form.password.errors = [refusal(error)]
        return _draw_reset(door, token, form, account, status=422)
    if not is_done:
        return _draw_reset(door, token, form, None, status=410)
    session.clear()
    response = redirect(door.url("sign_in", reset="1"), 303)
    # whoever keeps the account busy with wrong passwords must not keep its owner out now
    remember_device(response, door, account.label, None, account.reseller_id)
    return response


def _count(attempt: Attempt) -> None:
    try:
        with platform_unit_of_work() as db:
            signin_throttle.count_attempt(db, attempt.keys)
    except TooManyAttemptsError as error:
        raise TooManyAttemptsError(wait_text(error.retry_after_s), error.retry_after_s) from error


def _draw_forgot(
    door: Door,
    form: StaffForgotForm | PanelForgotForm,
    *,
    status: int = 200,
    problem: str = "",
) -> Response:
    code = door.portal_code
    return render(
        "signin/forgot.html",
        status=status,
        form=form,
        title=_("Forgot your password?"),
        problem=problem,
        is_sent="sent" in request.args and request.method == "GET",
        is_panel=door.realm == "panel",
        minutes=int(password_resets.LIFETIME.total_seconds() // 60),
        action=door.url("forgot", portal=code),
        sign_in_url=door.url("sign_in", portal=code),
    )


def _draw_reset(
    door: Door, token: str, form: NewPasswordForm, account: Account | None, *, status: int = 200
) -> Response:
    response = render(
        "signin/reset.html",
        status=status,
        form=form,
        title=_("Set a new password") if account else _("This link does not work"),
        label=account.label if account else "",
        min_length=passwords.MIN_LENGTH,
        action=door.url("reset", token=token),
        forgot_url=door.url("forgot"),
        sign_in_url=door.url("sign_in"),
    )
    # the address of this page is a secret
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
