"""Clients: the list, the form, and the page of one client."""

from portal.office.clients import (
    deletion,
    files,
    list_page,
    notes,
    packages,
    page,
    search_panel,
    views,
)
from portal.office.clients.blueprint import bp

__all__ = [
    "bp",
    "deletion",
    "files",
    "list_page",
    "notes",
    "packages",
    "page",
    "search_panel",
    "views",
]
