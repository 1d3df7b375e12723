"""What a request's address decides: that we answer at it at all, and whose colours it wears.

Answered are the host of BASE_URL, the portal hosts of tenants, and in development this machine;
any other name leads nowhere, so nobody's page or link is ever made for a name of a stranger's.
"""

import ipaddress
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

import structlog
from flask import Flask, Response, make_response, request, url_for
from flask.typing import ResponseReturnValue

from core.config import Settings
from core.db import Session
from core.platform_uow import platform_unit_of_work
from portal.sessions import current_identity
from portal.viewer import Viewer, current_viewer, set_viewer
from tenants import branding, platform_settings
from tenants.branding import Brand

MISDIRECTED = 421
# a supervisor asks by whatever address it knows; the answers tell nothing of any tenant
_ASKED_BY_ADDRESS = frozenset({"health.healthz", "health.readyz", "health.metrics"})
_DRESSED = frozenset({"office", "platform", "panel"})
_log = structlog.get_logger(__name__)


def check_hosts(app: Flask, settings: Settings) -> None:
    """Refuse requests for hosts that are not ours. Call before anybody is recognised."""
    own = (urlsplit(settings.base_url).hostname or "").lower()

    def refuse_strange_host() -> ResponseReturnValue | None:
        if request.endpoint in _ASKED_BY_ADDRESS:
            return None
        host = host_of_request()
        if host == own or (not settings.is_production and _is_this_machine(host)):
            return None
        with platform_unit_of_work() as session:
            if branding.is_portal_host(session, host):
                return None
        _log.warning("host.refused", host=host[:253])
        return _nothing_here()

    app.before_request(refuse_strange_host)


def wear_brand(app: Flask) -> None:
    """Give pages of signed-in people what belongs to their place. Call after access control."""
    app.before_request(_dress)


def host_of_request() -> str:
    """The host name that was asked for, in small letters and without its port."""
    try:
        return (urlsplit(f"//{request.host}").hostname or "").rstrip(".").lower()
    except ValueError:
        return ""


def branded(viewer: Viewer, brand: Brand) -> Viewer:
    """The viewer with a tenant's name, logo and colour."""
    return replace(
        viewer,
        reseller_name=brand.name,
        brand_css=(
            url_for("signin.brand_css", code=brand.code, v=brand.version) if brand.color else ""
        ),
        brand_logo=(
            url_for("signin.brand_logo", code=brand.code, v=brand.logo_id) if brand.logo_id else ""
        ),
    )


@dataclass(frozen=True, slots=True)
class Support:
    """Whom staff can ask; each may be empty."""

    email: str
    phone: str


def read_support() -> Support:
    """The platform's own, from its settings."""
    with platform_unit_of_work() as session:
        stored = platform_settings.read_settings(session).settings
    return Support(stored.support_email, stored.support_phone)


def read_logo(reseller_id: int) -> bytes | None:
    """The logo that a reseller's papers carry now: a PNG."""
    with platform_unit_of_work() as session:
        brand = branding.find_brand(session, reseller_id=reseller_id)
        return None if brand is None else branding.find_logo_content(session, brand.code)


def name_platform(session: Session) -> None:
    """Let a page that belongs to no reseller carry the platform's name."""
    stored = platform_settings.read_settings(session).settings
    set_viewer(replace(current_viewer(), reseller_name=stored.name))


def _dress() -> None:
    viewer = current_viewer()
    if viewer.area not in _DRESSED:
        return
    identity = current_identity()
    if viewer.area == "panel" and identity is not None:
        with platform_unit_of_work() as session:
            brand = branding.find_brand(session, reseller_id=identity.reseller_id)
        if brand is not None:
            set_viewer(branded(viewer, brand))
        return
    unchanged = platform_settings.Settings()
    stored = identity.platform if identity is not None else None
    name, banner, level = stored or (unchanged.name, unchanged.banner, unchanged.banner_level)
    shown = viewer.reseller_name or name
    set_viewer(replace(viewer, reseller_name=shown, banner=banner, banner_level=level))


def _is_this_machine(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _nothing_here() -> Response:
    # plain words, drawn without a template: nothing of ours is shown under a stranger's name
    answer = make_response("There is nothing at this address.\n", MISDIRECTED)
    answer.content_type = "text/plain; charset=utf-8"
    return answer
