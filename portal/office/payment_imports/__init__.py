"""Payments and opening balances from a file."""

from portal.office.payment_imports import opening, views
from portal.office.payment_imports.blueprint import bp

__all__ = ["bp", "opening", "views"]
