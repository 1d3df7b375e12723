"""Refills: card payments, their attempts, and what the system does next."""

from portal.office.refills import queries, views
from portal.office.refills.views import bp

__all__ = ["bp", "queries", "views"]
