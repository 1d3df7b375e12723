"""The start page: what needs attention."""

from portal.office.home import queries, views
from portal.office.home.views import bp

__all__ = ["bp", "queries", "views"]
