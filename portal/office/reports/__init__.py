"""Balance report, aging and revenue."""

from portal.office.reports import revenue, saved, views
from portal.office.reports.blueprint import bp

__all__ = ["bp", "revenue", "saved", "views"]
