"""The client's payments and charges, each with its explanation."""

from portal.panel.transactions.views import bp

__all__ = ["bp"]
