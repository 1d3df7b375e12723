"""The events log: what the system noticed."""

from portal.office.events import queries, views
from portal.office.events.views import bp

__all__ = ["bp", "queries", "views"]
