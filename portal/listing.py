"""Addresses of a list: its filters, order and place live in the query string and nowhere else."""

from collections.abc import Sequence
from typing import Any

from flask import Flask, Response, current_app, request, url_for
from flask_babel import gettext as _

from portal.formatting import number
from portal.htmx import hx, render, wants_partial
from portal.keyset import COUNT_LIMIT

_SOME_ID = 987654321987654321
# the place in the list is lost whenever what is listed changes
PLACE_ARGUMENTS = ("after", "before")


def url_with(**changes: str | None) -> str:
    """The present address with some arguments changed; None removes one.

    The place of the page is dropped unless it is itself what changes.
    """
    arguments = _arguments()
    for name in PLACE_ARGUMENTS:
        arguments.pop(name, None)
    for name, value in changes.items():
        arguments.pop(name, None)
        if value not in (None, ""):
            arguments[name] = [str(value)]
    return url_for(str(request.endpoint), **(request.view_args or {}), **arguments)  # type: ignore[arg-type]


def next_sort(column: str, current: str) -> str:
    """The order that a click on `column` asks for: up first, then down (`-name`)."""
    return f"-{column}" if current == column else column


def chosen(name: str, options: Sequence[str], default: str) -> str:
    """The argument `name` when it is one of `options`, else `default`: a filter never fails."""
    value = request.args.get(name, default)
    return value if value in options else default


def canonical_url() -> str:
    """The present address without empty arguments: what the address bar should show."""
    arguments = {name: values for name, values in _arguments().items() if any(values)}
    return url_for(str(request.endpoint), **(request.view_args or {}), **arguments)  # type: ignore[arg-type]


def _arguments() -> dict[str, list[str]]:
    """The query's own: what the path says already is not said twice."""
    arguments = request.args.to_dict(flat=False)
    for name in request.view_args or {}:
        arguments.pop(name, None)
    return arguments


def url_pattern(endpoint: str, argument: str) -> str:
    """The address of `endpoint` for `%`: a list asks the router once, not for each row.

    `{% set show = url_pattern("office_clients.show", "client_id") %}` … `{{ show % row.id }}`
    """
    known: dict[object, str] = current_app.extensions.setdefault("url_patterns", {})
    key = (endpoint, argument, request.script_root)
    if key not in known:
        address = url_for(endpoint, **{argument: _SOME_ID})  # type: ignore[arg-type]
        known[key] = address.replace("%", "%%").replace(str(_SOME_ID), "%d")
    return known[key]


def render_list(
    page: str,
    partial: str,
    /,
    *,
    status: int = 200,
    here: str | None = None,
    **context: Any,  # noqa: ANN401 (template values)
) -> Response:
    """The list's page or its partial; while one types, the address bar follows.

    `here` is the list's own way to write this address, if it has one.
    """
    here = canonical_url() if here is None else here
    response = render(page, partial, status=status, here=here, **context)
    if not wants_partial():
        return response
    name = request.headers.get("HX-Trigger-Name")
    if name == "q":
        return hx(response, replace_url=here)
    return hx(response, push_url=here) if name else response


def count_text(count: int | None, shown: int, first: int | None = None) -> str:
    """Where one is among how many rows, as far as both are known: “51–100 of 10,000+”."""
    if count is None:
        return ""
    is_many = count > COUNT_LIMIT
    total = f"{number(COUNT_LIMIT)}+" if is_many else number(count)
    # rows may have gone since the number was counted
    if first is None or shown == 0 or (not is_many and first + shown - 1 > count):
        return (
            total if is_many else str(_("%(shown)s of %(total)s", shown=number(shown), total=total))
        )
    last = number(first + shown - 1)
    return str(_("%(first)s–%(last)s of %(total)s", first=number(first), last=last, total=total))


def count_of(count: int) -> str:
    """A figure that was counted no further than COUNT_LIMIT."""
    return f"{number(COUNT_LIMIT)}+" if count > COUNT_LIMIT else number(count)


def init_app(app: Flask) -> None:
    """Make them known to templates."""
    app.jinja_env.globals.update(
        url_with=url_with,
        url_pattern=url_pattern,
        next_sort=next_sort,
        count_text=count_text,
        count_of=count_of,
    )
