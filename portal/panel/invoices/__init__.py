"""The client's invoices: list, page, file, and the way to pay one."""

from portal.panel.invoices.views import bp

__all__ = ["bp"]
