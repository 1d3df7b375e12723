"""Who may call a view, and for which tenant: every view carries one of these decorators.

The one place of the portal that sets a tenant scope.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import ParamSpec
from zoneinfo import ZoneInfo

import structlog
from flask import Flask, current_app, flash, redirect, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from core.config import Settings
from core.errors import InvariantError, NotAllowedError
from core.tenancy import Scope, tenant_scope
from portal import acting, sessions
from portal.htmx import hx, wants_partial
from portal.sessions import Step, current_identity, half_identity
from portal.viewer import Viewer, current_viewer, set_viewer
from tenants.permissions import Permission, PlatformPermission
from tenants.signed_in import Identity
from tenants.signing_in_as import acting_actor

__all__ = [
    "ACCESS_MARK", "Access", "acting_view", "current_user_timezone", "current_viewer",
    "half_signed_in_panel_view", "half_signed_in_view", "init_app", "office_view", "panel_view",
    "platform_view", "public_view", "staff_view",
]  # fmt: skip

ACCESS_MARK = "portal_access"
NOT_IN_ROLE = "Your role does not include this action."

P = ParamSpec("P")
View = Callable[P, ResponseReturnValue]
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Access:
    """What a view's decorator declares; `reason` says why a public view may be one."""

    area: str
    permission: str | None = None
    reason: str = ""


def office_view(permission: Permission | None) -> Callable[[View[P]], View[P]]:
    """For staff of a reseller whose role has `permission`; None: every role.

    Runs in the scope of the reseller and those beneath it.
    """

    def decorate(view: View[P]) -> View[P]:
        @functools.wraps(view)
        def wrapper(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
            identity = current_identity()
            if identity is None:
                return _sign_in()
            _require(identity, "office", permission)
            acting.refuse_in_anothers_name(identity)
            with tenant_scope(_office_scope(identity)):
                return view(*args, **kwargs)

        return _mark(wrapper, Access("office", permission))

    return decorate


def panel_view(view: View[P]) -> View[P]:
    """For a client, in its own scope: one reseller, one client."""

    @functools.wraps(view)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
        identity = current_identity()
        if identity is None:
            return _sign_in()
        _require(identity, "panel", None)
        acting.refuse_in_anothers_name(identity)
        scope = Scope(
            identity.reseller_ids,
            realm="panel",
            client_id=identity.subject_id,
            actor=acting_actor(identity, request.remote_addr),
            read_only=acting.is_only_looking(identity),
        )
        with tenant_scope(scope):
            return view(*args, **kwargs)

    return _mark(wrapper, Access("panel"))


def platform_view(permission: PlatformPermission | None) -> Callable[[View[P]], View[P]]:
    """For the platform's own staff; no tenant scope, such a view opens the platform's own."""

    def decorate(view: View[P]) -> View[P]:
        @functools.wraps(view)
        def wrapper(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
            identity = current_identity()
            if identity is None:
                return _sign_in()
            _require(identity, "platform", permission)
            return view(*args, **kwargs)

        return _mark(wrapper, Access("platform", permission))

    return decorate


def staff_view(view: View[P]) -> View[P]:
    """For whoever is signed in at /login, of a reseller or of the platform; no tenant scope."""

    @functools.wraps(view)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
        return _sign_in() if current_identity() is None else view(*args, **kwargs)

    return _mark(wrapper, Access("staff"))


def half_signed_in_view(*steps: Step) -> Callable[[View[P]], View[P]]:
    """For staff at one of these steps: "code", "set_up", or "" for who is signed in whole."""

    def decorate(view: View[P]) -> View[P]:
        @functools.wraps(view)
        def wrapper(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
            identity = current_identity() or half_identity()
            if identity is None:
                return _sign_in()
            is_due = sessions.missing_step(identity) in steps
            return view(*args, **kwargs) if is_due else redirect("/", 303)

        return _mark(wrapper, Access("staff"))

    return decorate


def half_signed_in_panel_view(view: View[P]) -> View[P]:
    """For a client that has given the password and has its second factor still to show."""

    @functools.wraps(view)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
        identity = current_identity() or half_identity()
        if identity is None:
            return _sign_in()
        _require(identity, "panel", None)
        acting.refuse_in_anothers_name(identity)
        if sessions.missing_step(identity) != "code":
            return redirect("/clients/", 303)
        return view(*args, **kwargs)

    return _mark(wrapper, Access("panel"))


def acting_view(area: str) -> Callable[[View[P]], View[P]]:
    """For staff signed in as somebody beneath, in the other's area: ending it, switching it.

    Runs in no tenant scope. Anybody else goes home.
    """

    def decorate(view: View[P]) -> View[P]:
        @functools.wraps(view)
        def wrapper(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
            identity = current_identity()
            if identity is None:
                return _sign_in()
            if identity.area != area or identity.acting is None:
                return redirect("/clients/" if area == "panel" else "/", 303)
            return view(*args, **kwargs)

        return _mark(wrapper, Access("acting"))

    return decorate


def public_view(*, reason: str) -> Callable[[View[P]], View[P]]:
    """For everybody; `reason` is read by the guard test and by people."""
    if not reason:
        raise InvariantError("a public view says why it is public")

    def decorate(view: View[P]) -> View[P]:
        @functools.wraps(view)
        def wrapper(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
            return view(*args, **kwargs)

        return _mark(wrapper, Access("public", reason=reason))

    return decorate


def current_user_timezone() -> ZoneInfo:
    """The zone whose days and hours the viewer means."""
    return ZoneInfo(current_viewer().timezone)


def init_app(app: Flask, settings: Settings) -> None:
    """Know people by their cookies, before anything is refused, so that error pages know them."""
    sessions.init_app(app, settings)
    app.before_request(_recognise)


def viewer_of(identity: Identity) -> Viewer:
    """What layouts may know of the person."""
    is_panel = identity.area == "panel"
    banner = acting.banner_of(identity)
    # who is signed in as another leaves by the banner, and has no account here
    sign_out = "signin.panel_sign_out" if is_panel else "signin.sign_out"
    profile = "signin.panel_account" if is_panel else "signin.account"
    return Viewer(
        name=identity.name,
        area=identity.area,
        reseller_name=identity.reseller_name,
        permissions=identity.permissions,
        locale=identity.locale,
        timezone=identity.timezone,
        detail=identity.login,
        has_shortcuts=identity.has_shortcuts,
        sign_out_endpoint="" if banner else sign_out,
        profile_endpoint="" if banner else profile,
        acting=banner,
    )


def _recognise() -> ResponseReturnValue | None:
    if request.endpoint == "static":
        return None
    view = current_app.view_functions.get(request.endpoint or "")
    access = getattr(view, ACCESS_MARK, None)
    # an unknown address is recognised too: its error page is drawn in the person's own layout
    if view is not None and (access is None or access.area == "public"):
        return None
    over = sessions.is_acting_over()
    if over is not None:
        return _leave(over)
    identity = current_identity()
    if identity is not None:
        set_viewer(viewer_of(identity))
        by = identity.acting
        structlog.contextvars.bind_contextvars(
            person=f"{identity.area}:{identity.subject_id}",
            reseller_id=next(iter(identity.reseller_ids), None),
            **({} if by is None else {"acting": f"{by.by_area}:{by.by_id}"}),
        )
    return None


def _leave(where: acting.Where) -> ResponseReturnValue:
    """The time as another is over: out of its pages, and back to one's own."""
    flash(_("You are no longer signed in as somebody else."), "info")
    home = "/"
    response = hx(redirect=home) if wants_partial() else redirect(home, 303)
    acting.clear_cookie(response, where)
    return response


def _sign_in() -> ResponseReturnValue:
    answer: ResponseReturnValue = sessions.login_manager.unauthorized()
    return answer


def _require(identity: Identity, area: str, permission: str | None) -> None:
    if identity.area == area and (permission is None or permission in identity.permissions):
        return
    _log.warning(
        "access.refused",
        area=area,
        permission=permission,
        person=f"{identity.area}:{identity.subject_id}",
        endpoint=request.endpoint,
    )
    raise NotAllowedError(NOT_IN_ROLE)


def _office_scope(identity: Identity) -> Scope:
    return Scope(
        identity.reseller_ids,
        actor=acting_actor(identity, request.remote_addr),
        read_only=acting.is_only_looking(identity),
    )


def _mark(wrapper: View[P], access: Access) -> View[P]:
    setattr(wrapper, ACCESS_MARK, access)
    return wrapper
