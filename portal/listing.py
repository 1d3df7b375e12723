"""Addresses of a list: its filters, order and place live in the query string and nowhere else."""

from collections.abc import Sequence
from typing import Any

from flask import Flask, Response, request, url_for
from flask_babel import ngettext

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
    address = url_for(endpoint, **{argument: _SOME_ID})  # type: ignore[arg-type]
    return address.replace("%", "%%").replace(str(_SOME_ID), "%d")


def render_list(page: str, partial: str, /, *, status: int = 200, **context: Any) -> Response:  # noqa: ANN401 (template values)
    """The list's page or its partial; while one types, the address bar follows."""
    here = canonical_url()
    response = render(page, partial, status=status, here=here, **context)
    if not wants_partial():
        return response
    name = request.headers.get("HX-Trigger-Name")
    if name == "q":
        return hx(response, replace_url=here)
    return hx(response, push_url=here) if name else response


def count_text(count: int | None, shown: int) -> str:
    """How many rows there are, as far as they were counted."""
    if count is None:
        return ""
    if count > COUNT_LIMIT:
        return f"{number(COUNT_LIMIT)}+"
    text: str = ngettext(
        "%(shown)s of %(total)s",
        "%(shown)s of %(total)s",
        count,
        shown=number(shown),
        total=number(count),
    )
    return text


def init_app(app: Flask) -> None:
    """Make both known to templates."""
    app.jinja_env.globals.update(
        url_with=url_with, url_pattern=url_pattern, next_sort=next_sort, count_text=count_text
    )
