"""The program's own files: addresses that change with their content, and all its styles as one."""

import hashlib
import os
from functools import cache
from pathlib import Path

from flask import Blueprint, Flask, Response, current_app, g, request, url_for

from portal.access import public_view
from portal.headers import allow_caching

STATIC = Path(__file__).resolve().parents[1] / "static"
# later ones win: a sheet may lean on those before it, and the narrow window changes all of them
SHEETS = (
    "base", "table", "forms", "parts", "areas", "platform", "office", "tasks", "records", "panel",
    "people", "rows", "company", "client_form", "invoices", "invoice_look", "reports", "taxes",
    "packages", "webhooks", "panel_more", "auto_payment", "pending", "documents", "vouchers",
    "sign_ups", "narrow",
)  # fmt: skip
bp = Blueprint("assets", __name__)


def init_app(app: Flask) -> None:
    app.jinja_env.globals.update(
        icon_sprite=_icon_sprite, static_url=_static_url, style_url=style_url
    )
    app.url_defaults(_name_version)


@bp.get("/assets/portal.css")
@public_view(reason="how every page looks, also before anybody is known")
def styles() -> Response:
    """The sheets one after the other: a browser asks once instead of once for each."""
    content, _ = _join_sheets(_changes())
    allow_caching()
    return Response(content, content_type="text/css; charset=utf-8")


def style_url() -> str:
    """The address of `styles`, which changes with what it answers."""
    _, version = _join_sheets(_changes())
    return url_for("assets.styles", v=version)


def _changes() -> frozenset[int]:
    """When each sheet was changed; cheap, as every page asks."""
    with os.scandir(STATIC / "css") as entries:
        return frozenset(entry.stat().st_mtime_ns for entry in entries)


@cache
def _join_sheets(_changes: frozenset[int]) -> tuple[bytes, str]:
    """The text and its version; made again when somebody has changed a sheet."""
    content = b"\n".join((STATIC / "css" / f"{name}.css").read_bytes() for name in SHEETS)
    return content, _version(content)


def _name_version(endpoint: str, values: dict[str, object]) -> None:
    if endpoint == "static" and "filename" in values:
        path = STATIC / str(values["filename"])
        values.setdefault("v", _file_version(path, path.stat().st_mtime_ns))


@cache
def _file_version(path: Path, _changed_ns: int) -> str:
    return _version(path.read_bytes())


def _version(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]


def _static_url(filename: str) -> str:
    """The address of one of our files, which changes with its content; made once for each."""
    changed_ns = (STATIC / filename).stat().st_mtime_ns
    known: dict[object, str] = current_app.extensions.setdefault("static_urls", {})
    key = (filename, changed_ns, request.script_root)
    if key not in known:
        known[key] = url_for("static", filename=filename)
    return known[key]


def _icon_sprite() -> str:
    # a page draws dozens of icons: the file is looked at once a request
    if "icon_sprite" not in g:
        g.icon_sprite = _static_url("icons.svg")
    address: str = g.icon_sprite
    return address
