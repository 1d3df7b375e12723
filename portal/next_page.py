"""The page to go on to after sign-in; only ever one of our own, in the area signed in to."""

from urllib.parse import urlencode, urlsplit

from flask import request

from portal.errors import sign_in_address

_NEVER = ("/login", "/clients/login", "/logout", "/clients/logout")


def is_panel_path(path: str) -> bool:
    return path == "/clients" or path.startswith("/clients/")


def safe_next(wanted: str | None, *, panel: bool) -> str | None:
    """`wanted` if it is a path of this site and area; else None.

    Browsers read `//host` and `/\\host` as another site, and drop control characters first.
    """
    if not wanted or not wanted.startswith("/") or wanted.startswith(("//", "/\\")):
        return None
    if not wanted.isascii() or not wanted.isprintable() or "\\" in wanted:
        return None
    path = urlsplit(wanted).path
    if is_panel_path(path) != panel or path.startswith(_NEVER):
        return None
    return wanted


def sign_in_with_next(*, ended: bool) -> str:
    """Where to sign in, coming back to the page that is open; `ended`: a session is over."""
    is_panel = is_panel_path(request.path)
    query = {}
    wanted = safe_next(_open_page(), panel=is_panel)
    if wanted is not None:
        query["next"] = wanted
    if ended:
        query["ended"] = "1"
    return sign_in_address() + (f"?{urlencode(query)}" if query else "")


def _open_page() -> str | None:
    if request.method != "GET" or request.headers.get("HX-Request"):
        # an action or a fragment is no page: the one it stands on is
        page = urlsplit(request.headers.get("HX-Current-URL") or request.headers.get("Referer", ""))
        return f"{page.path}?{page.query}" if page.query else page.path
    return request.full_path.rstrip("?")
