"""Invoices of the client, its credit notes and its statement of account."""

from portal.panel.invoices import documents, views
from portal.panel.invoices.blueprint import bp

__all__ = ["bp", "documents", "views"]
