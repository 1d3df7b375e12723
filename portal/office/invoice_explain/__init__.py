"""Why the amounts of an invoice are what they are."""

from portal.office.invoice_explain import views
from portal.office.invoice_explain.views import bp

__all__ = ["bp", "views"]
