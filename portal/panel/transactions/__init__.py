"""The client's payments and charges, each with its explanation."""

from portal.panel.transactions import receipts, views
from portal.panel.transactions.blueprint import bp

__all__ = ["bp", "receipts", "views"]
