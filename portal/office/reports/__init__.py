"""Balance report, aging and revenue."""

from portal.office.reports import views
from portal.office.reports.blueprint import bp

__all__ = ["bp", "views"]
