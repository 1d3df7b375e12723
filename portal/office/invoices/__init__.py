"""Invoices: their list, page, file and mail, and an invoice made by hand."""

from portal.office.invoices import queries, views
from portal.office.invoices.views import bp

__all__ = ["bp", "queries", "views"]
