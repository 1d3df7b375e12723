"""The mailbox's web application: pages and JSON API behind the same headers.

Only loopback names are answered, and what changes something takes JSON or DELETE only, so that a
page of another site cannot read the mails (they hold reset links) or switch faults on.
"""

import re

from flask import Flask, Response, abort, jsonify, request
from werkzeug.exceptions import HTTPException

from sandbox.mailbox.api import make_api
from sandbox.mailbox.faults import FaultPlan
from sandbox.mailbox.pages import PAGE_POLICY, make_pages, show_page
from sandbox.mailbox.store import Store

LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]"})


def _refuse_other_names() -> None:
    if re.sub(r":\d+$", "", request.host) not in LOOPBACK_NAMES:
        abort(421, "The mailbox answers at 127.0.0.1 and localhost only.")


def _harden(response: Response) -> Response:
    response.headers.setdefault("Content-Security-Policy", PAGE_POLICY)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    return response


def _show_error(error: HTTPException) -> tuple[Response, int]:
    code = error.code or 500
    if request.path.startswith(("/api/", "/control")):
        return jsonify(error=error.description), code
    return show_page("error.html", title=error.name, text=error.description), code


def create_app(store: Store, plan: FaultPlan) -> Flask:
    """The web application over a store of messages and a fault plan."""
    app = Flask("sandbox.mailbox", static_folder=None)
    app.before_request(_refuse_other_names)
    app.after_request(_harden)
    app.register_error_handler(HTTPException, _show_error)
    app.register_blueprint(make_pages(store))
    app.register_blueprint(make_api(store, plan))
    return app
