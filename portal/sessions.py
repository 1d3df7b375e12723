"""Cookies of signed-in people, and Flask-Login taught to believe only a session's row.

Back office and platform staff share one cookie, the client panel has its own; neither is valid in
the other. Flask's own signed cookie holds only the form secret and one-time messages.
"""

from typing import Literal

from flask import Flask, Request, current_app, request
from flask import Response as FlaskResponse
from flask_login import LoginManager, UserMixin, current_user
from werkzeug.wrappers import Response

from core.config import Settings
from core.platform_uow import platform_unit_of_work
from portal.htmx import hx, wants_partial
from portal.next_page import is_panel_path, sign_in_with_next
from tenants import signed_in, signin_sessions
from tenants.signed_in import Identity
from tenants.signin_sessions import Area

Realm = Literal["staff", "panel"]
_NAMES: dict[Realm, str] = {"staff": "office_session", "panel": "panel_session"}

login_manager = LoginManager()


class SignedIn(UserMixin):  # type: ignore[misc]  # flask-login has no types
    """What Flask-Login calls the user."""

    def __init__(self, identity: Identity) -> None:
        self.identity = identity

    def get_id(self) -> str:
        return f"{self.identity.area}:{self.identity.subject_id}"


def init_app(app: Flask, settings: Settings) -> None:
    """Let `app` know people by the cookies of this module and by nothing else."""
    is_https = settings.base_url.startswith("https://")
    app.config.update(
        SIGN_IN_COOKIE_PREFIX="__Host-" if is_https else "",
        SIGN_IN_COOKIE_SECURE=is_https,
        # Flask-Login asks this cookie before our loader; the prefix keeps strangers from setting it
        REMEMBER_COOKIE_NAME="__Host-never-used",
    )
    login_manager.session_protection = None
    login_manager.request_loader(_load)
    login_manager.unauthorized_handler(_ask_to_sign_in)
    login_manager.init_app(app, add_context_processor=False)


def realm_of_area(area: Area) -> Realm:
    return "panel" if area == "panel" else "staff"


def cookie_prefix() -> str:
    """Over https `__Host-`: the browser then takes such a cookie from this very host only."""
    prefix: str = current_app.config["SIGN_IN_COOKIE_PREFIX"]
    return prefix


def cookie_name(realm: Realm) -> str:
    return cookie_prefix() + _NAMES[realm]


def current_identity() -> Identity | None:
    """Who sends this request, by the cookie of the area that it is sent to."""
    return current_user.identity if current_user.is_authenticated else None


def set_cookie(response: Response, area: Area, token: str) -> None:
    """Give the browser the token; it forgets it with the session's longest life."""
    response.set_cookie(
        cookie_name(realm_of_area(area)),
        token,
        max_age=signin_sessions.LIFETIMES[area].absolute,
        secure=current_app.config["SIGN_IN_COOKIE_SECURE"],
        httponly=True,
        samesite="Lax",
    )


def clear_cookie(response: Response, realm: Realm) -> None:
    response.delete_cookie(
        cookie_name(realm),
        secure=current_app.config["SIGN_IN_COOKIE_SECURE"],
        httponly=True,
        samesite="Lax",
    )


def end_panel_sessions(client_id: int, reason: str) -> None:
    """End all panel sessions of a client, after staff changed its login."""
    with platform_unit_of_work() as session:
        signin_sessions.end_sessions(session, area="panel", subject_id=client_id, reason=reason)


def forget_panel_sessions(client_id: int) -> None:
    """Remove all that tells from where a client signed in, after it was removed for good."""
    with platform_unit_of_work() as session:
        signin_sessions.delete_sessions_of_client(session, client_id)


def _load(incoming: Request) -> SignedIn | None:
    realm: Realm = "panel" if is_panel_path(incoming.path) else "staff"
    token = incoming.cookies.get(cookie_name(realm))
    if not token:
        return None
    find = signed_in.find_client if realm == "panel" else signed_in.find_staff
    with platform_unit_of_work() as session:
        identity = find(session, token)
    return None if identity is None else SignedIn(identity)


def _ask_to_sign_in() -> Response:
    realm: Realm = "panel" if is_panel_path(request.path) else "staff"
    had_session = cookie_name(realm) in request.cookies
    address = sign_in_with_next(ended=had_session)
    if wants_partial():
        # a redirect would be followed and the sign-in page swapped into a corner of this one
        response: Response = hx(FlaskResponse(status=401), redirect=address)
    else:
        response = Response(status=303, headers={"Location": address})
    if had_session:
        clear_cookie(response, realm)
    return response
