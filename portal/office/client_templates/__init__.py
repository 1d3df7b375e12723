"""Clients templates: the list and the form."""

from portal.office.client_templates import views
from portal.office.client_templates.blueprint import bp

__all__ = ["bp", "views"]
