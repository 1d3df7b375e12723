"""Choosing the client that a new invoice is about."""

from flask import Response, request

from core.uow import unit_of_work
from portal.htmx import hx, render
from portal.office import client_choice


def choose_client(endpoint: str, title: str) -> Response:
    """A search whose finds lead to `endpoint` with that client."""
    search = request.args.get("q", "").strip()[:100]
    with unit_of_work() as session:
        found = client_choice.search_clients(session, search)
    page = render(
        "office/invoices/choose.html",
        "office/invoices/_found.html" if "q" in request.args else "office/invoices/_choose.html",
        search=search,
        found=found,
        endpoint=endpoint,
        title=title,
    )
    return page if "q" in request.args else hx(page, trigger={"dialog:open": {}})
