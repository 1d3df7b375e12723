"""A write must come from our own page: a token of the session, and the browser's own word for it.

Sec-Fetch-Site decides where the browser sends it (https and loopback addresses), else Origin.
A caller with neither header is no browser of these days and brings no cookies by itself: for it
the token alone decides.
"""

from urllib.parse import urlsplit

from flask import Flask, request
from flask_wtf.csrf import CSRFProtect

from core.config import Settings
from core.errors import NotAllowedError

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
# gateways have neither our token nor our origin; their signature is checked instead
EXEMPT_BLUEPRINTS = frozenset({"webhooks"})
TOKEN_LIFETIME_S = 12 * 3600

_tokens = CSRFProtect()


def init_app(app: Flask, settings: Settings) -> None:
    """Check every write of `app` outside `EXEMPT_BLUEPRINTS`; call after they are registered."""
    app.config.update(
        WTF_CSRF_TIME_LIMIT=TOKEN_LIFETIME_S,
        # the check below is stricter than the Referer comparison and works behind a proxy
        WTF_CSRF_SSL_STRICT=False,
    )

    def refuse_other_sites() -> None:
        if request.method in SAFE_METHODS or request.blueprint in EXEMPT_BLUEPRINTS:
            return
        if not _is_same_origin(needs_https=settings.is_production):
            raise NotAllowedError("This request did not come from our own page.")

    app.before_request(refuse_other_sites)
    _tokens.init_app(app)
    for name in EXEMPT_BLUEPRINTS & app.blueprints.keys():
        _tokens.exempt(app.blueprints[name])


def _is_same_origin(*, needs_https: bool) -> bool:
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("Origin")
    if origin is None:
        return True
    parts = urlsplit(origin)
    return parts.netloc == request.host and (parts.scheme == "https" or not needs_https)
