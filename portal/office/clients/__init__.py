"""Clients: the list, the form, and the page of one client."""

from portal.office.clients import deletion, files, notes, page, views
from portal.office.clients.blueprint import bp

__all__ = ["bp", "deletion", "files", "notes", "page", "views"]
