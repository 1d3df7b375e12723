"""Payment terms: when clients are invoiced and when invoices are due."""

from portal.office.terms import forms, views
from portal.office.terms.views import bp

__all__ = ["bp", "forms", "views"]
