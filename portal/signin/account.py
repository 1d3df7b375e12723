"""One's own account: who I am here, my password, where I am signed in."""

from dataclasses import dataclass

from flask import current_app, flash, redirect, request, session
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from core.db import Session
from core.errors import InvalidInputError, NotFoundError, TooManyAttemptsError
from core.platform_uow import platform_unit_of_work
from portal import sessions
from portal.access import panel_view, staff_view
from portal.errors import LAYOUTS
from portal.htmx import render
from portal.invitations import queue_security_notice
from portal.locales import language_choices
from portal.sessions import current_identity
from portal.signed_in_devices import describe
from portal.signin.attempts import client_ip, own_password_attempt, wait_text
from portal.signin.blueprint import bp
from portal.signin.doors import PANEL, STAFF, Door
from portal.signin.forms import ChangePasswordForm
from portal.wording import refusal
from tenants import (
    passwords,
    second_factor,
    signin,
    signin_accounts,
    signin_sessions,
    signin_throttle,
)
from tenants.signed_in import Identity
from tenants.signin_sessions import ActingSession, OpenSession


@dataclass(frozen=True, slots=True)
class Device:
    """One line of the list of sessions."""

    description: str
    session: OpenSession


@bp.get("/account")
@staff_view
def account() -> ResponseReturnValue:
    return _draw(STAFF, ChangePasswordForm())


@bp.get("/clients/account")
@panel_view
def panel_account() -> ResponseReturnValue:
    return _draw(PANEL, ChangePasswordForm())


@bp.post("/account/password")
@staff_view
def change_password() -> ResponseReturnValue:
    return _change_password(STAFF)


@bp.post("/clients/account/password")
@panel_view
def panel_change_password() -> ResponseReturnValue:
    return _change_password(PANEL)


@bp.post("/account/sessions/end")
@staff_view
def end_session() -> ResponseReturnValue:
    return _end_session(STAFF)


@bp.post("/clients/account/sessions/end")
@panel_view
def panel_end_session() -> ResponseReturnValue:
    return _end_session(PANEL)


@bp.post("/account/sessions/end-others")
@staff_view
def end_other_sessions() -> ResponseReturnValue:
    return _end_other_sessions(STAFF)


@bp.post("/clients/account/sessions/end-others")
@panel_view
def panel_end_other_sessions() -> ResponseReturnValue:
    return _end_other_sessions(PANEL)


def _me() -> Identity:
    identity = current_identity()
    assert identity is not None
    return identity


def _change_password(door: Door) -> Response:
    form = ChangePasswordForm()
    if not form.validate():
        return _draw(door, form, status=422)
    try:
        token = _set_password(form)
    except TooManyAttemptsError as error:
        form.current.errors = [wait_text(error.retry_after_s)]
        response = _draw(door, form, status=429)
        response.headers["Retry-After"] = str(error.retry_after_s)
        return response
    except InvalidInputError as error:
        form[error.field or "password"].errors = [refusal(error)]
        return _draw(door, form, status=422)
    session.clear()
    flash(_("Your password is changed. Your other sessions have ended."), "success")
    response = redirect(door.url("account"), 303)
    sessions.set_cookie(response, _me().area, token)
    return response


def _set_password(form: ChangePasswordForm) -> str:
    me = _me()
    attempt = own_password_attempt(me.area, me.subject_id)
    with platform_unit_of_work() as db:
        signin_throttle.count_attempt(db, attempt.keys)
        account = signin_accounts.get_account(db, me.area, me.subject_id)
    # slow on purpose, so no connection is held while it runs
    if not passwords.verify_password(account.password_hash, str(form.current.data)):
        raise InvalidInputError("This is not your present password.", "current")
    with platform_unit_of_work() as db:
        signin_throttle.forgive(db, attempt.own)
        signin.change_password(
            db, account, str(form.password.data), ip=client_ip(), reason="password_changed"
        )
        queue_security_notice(db, account, "password_changed")
        # the browser that changed it goes on, under a new token
        return signin_sessions.begin_session(
            db,
            area=me.area,
            subject_id=me.subject_id,
            reseller_id=me.reseller_id,
            ip=client_ip(),
            user_agent=request.user_agent.string,
            with_factor=me.factor == "shown",
        )


def _end_session(door: Door) -> Response:
    me = _me()
    with platform_unit_of_work() as db:
        is_ended = signin_sessions.end_session(
            db,
            area=me.area,
            subject_id=me.subject_id,
            key=request.form.get("key", ""),
            reason="ended_by_owner",
        )
        if is_ended:
            account = signin_accounts.get_account(db, me.area, me.subject_id)
            signin.record_act(db, account, "session_ended", client_ip())
    if is_ended:
        flash(_("The session has ended."), "success")
    else:
        flash(_("That session had ended already."), "info")
    return redirect(door.url("account"), 303)


def _end_other_sessions(door: Door) -> Response:
    me = _me()
    with platform_unit_of_work() as db:
        is_ended = signin_sessions.end_sessions(
            db, area=me.area, subject_id=me.subject_id, reason="ended_by_owner", keep=me.token_hash
        )
        if is_ended:
            account = signin_accounts.get_account(db, me.area, me.subject_id)
            signin.record_act(db, account, "other_sessions_ended", client_ip())
    flash(_("All your other sessions have ended."), "success")
    return redirect(door.url("account"), 303)


@bp.post("/account/acting/end")
@staff_view
def end_acting() -> ResponseReturnValue:
    """Close what was opened as somebody else, from one's own page."""
    me = _me()
    with platform_unit_of_work() as db:
        signin_sessions.end_acting(db, me.token_hash, request.form.get("key", ""), "ended_by_staff")
    flash(_("The session has ended."), "success")
    return redirect(STAFF.url("account"), 303)


def _list_acting(db: Session, me: Identity) -> list[tuple[str, ActingSession]]:
    found = []
    for one in signin_sessions.list_acting(db, me.token_hash):
        try:
            account = signin_accounts.get_account(db, one.area, one.subject_id)
        except NotFoundError:
            # a panel switched off meanwhile: the session opens nothing any more
            continue
        found.append((f"{account.name} ({account.label})", one))
    return found


def _draw(door: Door, form: ChangePasswordForm, *, status: int = 200) -> Response:
    me = _me()
    with platform_unit_of_work() as db:
        found = signin_sessions.list_sessions(
            db, area=me.area, subject_id=me.subject_id, current=me.token_hash
        )
        factor = second_factor.find_state(db, me.area, me.subject_id)
        acting_as = _list_acting(db, me)
    return render(
        "signin/account.html",
        status=status,
        layout=LAYOUTS[me.area],
        me=me,
        form=form,
        devices=[Device(describe(one.user_agent), one) for one in found],
        factor=factor,
        few_codes=second_factor.FEW_CODES,
        may_disable=door is PANEL or not current_app.config["SECOND_FACTOR_REQUIRED"],
        set_up_url=door.url("second_factor_set_up"),
        codes_url=door.url("renew_recovery_codes"),
        off_url=door.url("disable_second_factor"),
        acting_as=acting_as,
        min_length=passwords.MIN_LENGTH,
        languages=language_choices(),
        language_url=door.url("change_language"),
        password_url=door.url("change_password"),
        end_url=door.url("end_session"),
        end_others_url=door.url("end_other_sessions"),
    )
