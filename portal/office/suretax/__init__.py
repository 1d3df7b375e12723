"""SureTax: a reseller's account there, invoices that wait for it, and what it said of each."""

from portal.office.suretax import forms, invoices, queries, views, waiting
from portal.office.suretax.blueprint import bp

__all__ = ["bp", "forms", "invoices", "queries", "views", "waiting"]
