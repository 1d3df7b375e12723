"""The one place that knows htmx: page or partial, and the headers that steer the browser.

`htmx-flask` gives `request.htmx` and the response headers. Its own check of `HX-Reswap` refuses
`beforebegin`, `afterbegin` and every modifier, so that header is set here.
"""

from collections.abc import Mapping
from typing import Any

import htmx_flask
from flask import Flask, Response, request
from flask.templating import render_template  # noqa: TID251 (this is the one place)

_htmx = htmx_flask.Htmx()

Trigger = str | Mapping[str, object]
TOAST_LEVELS = frozenset({"success", "info", "warning", "error"})


def init_app(app: Flask) -> None:
    """Make `request.htmx` known to `app`."""
    _htmx.init_app(app)


def wants_partial() -> bool:
    """True when htmx will put the answer inside the page that is open now."""
    htmx = request.htmx  # type: ignore[attr-defined]  # set by htmx-flask's request class
    return bool(htmx) and not htmx.history_restore_request and not htmx.boosted


def render(
    page: str,
    partial: str | None = None,
    /,
    *,
    status: int = 200,
    **context: Any,  # noqa: ANN401 (template values are of any type)
) -> Response:
    """The whole `page`; only its `partial` when htmx asks, never for a history restore."""
    name = partial if partial is not None and wants_partial() else page
    return htmx_flask.make_response(render_template(name, **context), status)  # type: ignore[no-any-return]


def hx(
    response: Response | str = "",
    *,
    trigger: Trigger | None = None,
    trigger_after_swap: Trigger | None = None,
    redirect: str | None = None,
    refresh: bool = False,
    push_url: str | None = None,
    replace_url: str | None = None,
    reswap: str | None = None,
    retarget: str | None = None,
) -> Response:
    """`response` with htmx's headers; `trigger` names browser events, with details if a mapping."""
    answer: Response = htmx_flask.make_response(
        response,
        trigger=None if trigger is None else _trigger(trigger),
        trigger_after_swap=None if trigger_after_swap is None else _trigger(trigger_after_swap),
        redirect=redirect,
        refresh=refresh,
        push_url=push_url,
        replace_url=replace_url,
        retarget=retarget,
    )
    if reswap is not None:
        answer.headers["HX-Reswap"] = reswap
    return answer


def toast(text: str, level: str = "success", *, request_id: str = "") -> dict[str, object]:
    """Detail of a `toast` event: `hx(response, trigger={"toast": toast(_("Saved."))})`."""
    if level not in TOAST_LEVELS:
        raise ValueError(f"a toast is one of {sorted(TOAST_LEVELS)}")
    return {"text": str(text), "level": level, "requestId": request_id}


def _trigger(value: Trigger) -> str | dict[str, object]:
    return value if isinstance(value, str) else dict(value)
