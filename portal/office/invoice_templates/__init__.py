"""Invoice templates: how invoices look."""

from portal.office.invoice_templates import forms, views
from portal.office.invoice_templates.views import bp

__all__ = ["bp", "forms", "views"]
