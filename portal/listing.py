"""Addresses of a list: its filters, order and place live in the query string and nowhere else."""

from flask import Flask, request, url_for

# the place in the list is lost whenever what is listed changes
PLACE_ARGUMENTS = ("after", "before")


def url_with(**changes: str | None) -> str:
    """The present address with some arguments changed; None removes one.

    The place of the page is dropped unless it is itself what changes.
    """
    arguments = request.args.to_dict(flat=False)
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


def init_app(app: Flask) -> None:
    """Make both known to templates."""
    app.jinja_env.globals.update(url_with=url_with, next_sort=next_sort)
