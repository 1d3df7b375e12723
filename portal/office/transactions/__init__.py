"""Transactions: payments and charges, their list, forms and ledger entries."""

from portal.office.transactions import forms, views
from portal.office.transactions.views import bp

__all__ = ["bp", "forms", "views"]
