"""Security headers of every answer, in one place."""

from urllib.parse import urlsplit

from flask import Flask, Response, g, request

from core.config import Settings

CONTENT_SECURITY_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}
FIXED_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    # not `no-referrer`: with it browsers send `Origin: null`, which our CSRF check refuses
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
# styles may stand in a mail's own markup; the sandbox gives it an origin of its own
FOREIGN_MARKUP_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none';"
    " base-uri 'none'; frame-ancestors 'self'; sandbox"
)
ONE_YEAR_S = 365 * 24 * 3600


def allow_form_action(address: str) -> None:
    """Let forms of this one answer lead to the origin of `address`, a gateway's hosted page.

    Browsers apply `form-action` to the redirect after a POST too. Raises ValueError for
    anything but an absolute http(s) address.
    """
    parts = urlsplit(address)
    if parts.scheme not in {"http", "https"} or not parts.netloc or " " in parts.netloc:
        raise ValueError("a form may only be allowed to lead to an absolute http(s) address")
    g.form_action_origins = [*g.get("form_action_origins", []), f"{parts.scheme}://{parts.netloc}"]


def allow_own_frame() -> None:
    """Let the page of this one answer hold a frame with an address of ours."""
    g.may_frame = True


def show_foreign_markup() -> None:
    """This one answer is somebody's HTML (a mail): no script, no form, no request leaves it."""
    g.is_foreign = True


def allow_caching() -> None:
    """This one answer is the same for everybody, and its address carries its version as `v`."""
    g.may_cache = "v" in request.args


def init_app(app: Flask, settings: Settings) -> None:
    """Add the headers to every answer of `app`."""

    def add_headers(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = _policy()
        for name, value in FIXED_HEADERS.items():
            response.headers.setdefault(name, value)
        if settings.is_production:
            response.headers["Strict-Transport-Security"] = (
                f"max-age={ONE_YEAR_S}; includeSubDomains"
            )
        _set_caching(response)
        return response

    app.after_request(add_headers)


def _policy() -> str:
    if g.get("is_foreign", False):
        return FOREIGN_MARKUP_POLICY
    directives = dict(CONTENT_SECURITY_POLICY)
    if g.get("may_frame", False):
        directives["frame-src"] = "'self'"
    origins = g.get("form_action_origins", [])
    if origins:
        directives["form-action"] = " ".join([directives["form-action"], *origins])
    return "; ".join(f"{name} {value}" for name, value in directives.items())


def _set_caching(response: Response) -> None:
    if request.endpoint == "static" or g.get("may_cache", False):
        # the address carries a hash of the content, so a copy never goes stale
        if "v" in request.args and response.status_code == 200:
            response.headers["Cache-Control"] = f"public, max-age={ONE_YEAR_S}, immutable"
        return
    # nobody's page may stay in a cache, and a fragment is never given for a page
    response.headers["Cache-Control"] = "no-store"
    response.vary.add("HX-Request")
