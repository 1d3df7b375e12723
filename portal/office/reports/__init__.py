"""Balance report, aging and revenue."""

from portal.office.reports import saved, views
from portal.office.reports.blueprint import bp

__all__ = ["bp", "saved", "views"]
