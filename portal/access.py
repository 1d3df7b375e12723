"""Who may call a view, and for which tenant: every view carries one of these decorators.

The one place of the portal that sets a tenant scope.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import ParamSpec
from zoneinfo import ZoneInfo

import structlog
from flask import Flask, current_app, request
from flask.typing import ResponseReturnValue

from core.config import Settings
from core.errors import InvariantError, NotAllowedError
from core.tenancy import Actor, Scope, tenant_scope
from portal import sessions
from portal.sessions import current_identity
from portal.viewer import Viewer, current_viewer, set_viewer
from tenants.permissions import Permission, PlatformPermission
from tenants.signed_in import Identity

__all__ = [
    "ACCESS_MARK", "Access", "current_user_timezone", "current_viewer", "init_app", "office_view",
    "panel_view", "platform_view", "public_view", "staff_view",
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
            with tenant_scope(Scope(identity.reseller_ids, actor=_actor("user", identity))):
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
        scope = Scope(
            identity.reseller_ids,
            realm="panel",
            client_id=identity.subject_id,
            actor=_actor("client", identity),
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
    return Viewer(
        name=identity.name,
        area=identity.area,
        reseller_name=identity.reseller_name,
        permissions=identity.permissions,
        locale=identity.locale,
        timezone=identity.timezone,
        detail=identity.login,
        sign_out_endpoint="signin.panel_sign_out" if is_panel else "signin.sign_out",
        profile_endpoint="signin.panel_account" if is_panel else "signin.account",
    )


def _recognise() -> None:
    if request.endpoint == "static":
        return
    view = current_app.view_functions.get(request.endpoint or "")
    access = getattr(view, ACCESS_MARK, None)
    # an unknown address is recognised too: its error page is drawn in the person's own layout
    if view is not None and (access is None or access.area == "public"):
        return
    identity = current_identity()
    if identity is not None:
        set_viewer(viewer_of(identity))
        structlog.contextvars.bind_contextvars(
            person=f"{identity.area}:{identity.subject_id}",
            reseller_id=next(iter(identity.reseller_ids), None),
        )


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


def _actor(kind: str, identity: Identity) -> Actor:
    return Actor(
        "client" if kind == "client" else "user",
        identity.subject_id,
        identity.login,
        request.remote_addr,
    )


def _mark(wrapper: View[P], access: Access) -> View[P]:
    setattr(wrapper, ACCESS_MARK, access)
    return wrapper
