"""The audit log: who changed what."""

from portal.office.audit import queries, views
from portal.office.audit.views import bp

__all__ = ["bp", "queries", "views"]
