"""Cookies of signed-in people, and Flask-Login taught to believe only a session's row.

Back office and platform staff share one cookie, the client panel has its own; neither is valid in
the other. Flask's own signed cookie holds only the form secret and one-time messages.
"""

from typing import Literal

from flask import Flask, Request, current_app, g, request
from flask import Response as FlaskResponse
from flask_login import LoginManager, UserMixin, current_user
from werkzeug.wrappers import Response

from core.config import Settings
from core.db import Session
from core.platform_uow import platform_unit_of_work
from portal import acting
from portal.htmx import hx, wants_partial
from portal.next_page import is_panel_path, sign_in_with_next
from tenants import signed_in, signin_sessions
from tenants.signed_in import Identity
from tenants.signin_sessions import Area

Realm = Literal["staff", "panel"]
Step = Literal["", "code", "set_up"]
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
        SECOND_FACTOR_REQUIRED=settings.requires_second_factor,
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
    """Who sends this request, by the cookie of the area that it is sent to.

    None too for somebody who has still to show or set up a second factor: see `half_identity`.
    """
    known = _known()
    return None if known is None or missing_step(known) else known


def half_identity() -> Identity | None:
    """Who has given the password and misses a second factor, which must be shown or set up."""
    known = _known()
    return known if known is not None and missing_step(known) else None


def missing_step(identity: Identity) -> Step:
    """What a person has still to do before anything opens."""
    if identity.factor == "asked":
        return "code"
    is_staff = identity.area != "panel" and identity.acting is None
    must_have = current_app.config["SECOND_FACTOR_REQUIRED"]
    return "set_up" if is_staff and must_have and identity.factor == "none" else ""


def is_acting_over() -> acting.Where | None:
    """Where a session as another was, whose cookie the browser still has."""
    _known()
    over: acting.Where | None = g.get("acting_over")
    return over


def set_cookie(response: Response, area: Area, token: str) -> None:
    """Give the browser the token; it forgets it with the session's longest life."""
    response.set_cookie(
        cookie_name(realm_of_area(area)),
        token,
        max_age=signin_sessions.COOKIE_LIFE[area],
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


def _known() -> Identity | None:
    return current_user.identity if current_user.is_authenticated else None


def _load(incoming: Request) -> SignedIn | None:
    realm: Realm = "panel" if is_panel_path(incoming.path) else "staff"
    token = incoming.cookies.get(cookie_name(realm))
    if not token and not acting.has_cookie(incoming):
        return None
    with platform_unit_of_work() as session:
        identity = _find(session, realm, token, incoming)
    return None if identity is None else SignedIn(identity)


def _find(session: Session, realm: Realm, token: str | None, incoming: Request) -> Identity | None:
    if not acting.has_cookie(incoming):
        return find_identity(session, realm, token)
    staff = find_identity(session, "staff", incoming.cookies.get(cookie_name("staff")))
    found = acting.find(session, incoming, staff)
    if found is not None and found.identity is not None:
        return found.identity
    if found is not None:
        g.acting_over = found.where
    return staff if realm == "staff" else find_identity(session, realm, token)


def find_identity(session: Session, realm: Realm, token: str | None) -> Identity | None:
    """Who a cookie of this realm belongs to, at the address that this request comes from."""
    if not token:
        return None
    if realm == "panel":
        return signed_in.find_client(session, token)
    return signed_in.find_staff(session, token, request.remote_addr or "")


def _ask_to_sign_in() -> Response:
    realm: Realm = "panel" if is_panel_path(request.path) else "staff"
    half = half_identity()
    had_session = half is None and cookie_name(realm) in request.cookies
    address = sign_in_with_next(ended=had_session)
    if wants_partial():
        # a redirect would be followed and the sign-in page swapped into a corner of this one
        response: Response = hx(FlaskResponse(status=401), redirect=address)
    else:
        response = Response(status=303, headers={"Location": address})
    if had_session:
        clear_cookie(response, realm)
    return response
