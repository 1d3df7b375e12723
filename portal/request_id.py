"""One id per request: in the answer, in every log line and on every error page."""

import re

import structlog
from flask import Flask, Response, g, request

from core.ids import new_id

HEADER = "X-Request-ID"
_SANE = re.compile(r"[A-Za-z0-9._-]{8,64}")


def request_id() -> str:
    """The id of the present request."""
    value: str = g.request_id
    return value


def init_app(app: Flask) -> None:
    """Give every request an id before anything else looks at it."""
    app.before_request(_begin)
    app.after_request(_tell)


def _begin() -> None:
    # a caller's id reaches logs and pages, so nothing but a short plain word is taken over
    offered = request.headers.get(HEADER, "")
    g.request_id = offered if _SANE.fullmatch(offered) else new_id().hex
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=g.request_id)


def _tell(response: Response) -> Response:
    response.headers[HEADER] = g.request_id
    return response
