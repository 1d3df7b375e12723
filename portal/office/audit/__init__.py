"""The audit log: who changed what."""

from portal.office.audit import names, queries, views, wording
from portal.office.audit.views import bp

__all__ = ["bp", "names", "queries", "views", "wording"]
