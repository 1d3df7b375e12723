"""One log line and one measurement for every request; the line carries ids and no contents."""

import time

import structlog
from flask import Flask, Response, g, request

from core import metrics

_log = structlog.get_logger("portal.request")


def init_app(app: Flask) -> None:
    """Call right after the request's id is made, so that refusals are counted too."""
    app.before_request(_begin)
    app.after_request(_record)


def _begin() -> None:
    g.request_begun = time.monotonic()


def _record(response: Response) -> Response:
    duration_s = time.monotonic() - g.get("request_begun", time.monotonic())
    # of an unknown address nothing is kept: anybody can invent endless ones
    endpoint = request.endpoint or "unknown"
    status = str(response.status_code)
    metrics.REQUESTS.labels(endpoint, request.method, status).inc()
    metrics.REQUEST_SECONDS.labels(endpoint, status).observe(duration_s)
    say = _log.debug if endpoint in {"static", "health.healthz", "health.readyz"} else _log.info
    say(
        "request",
        method=request.method,
        endpoint=endpoint,
        # addresses of reset links and webhooks hold secrets: the rule, not the address
        rule=request.url_rule.rule if request.url_rule else None,
        status=response.status_code,
        duration_s=round(duration_s, 4),
        ip=request.remote_addr,
    )
    return response
