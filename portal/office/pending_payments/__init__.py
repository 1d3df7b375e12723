"""Pending payments: what is not final, and what gives a payment back."""

from portal.office.pending_payments import returning, views
from portal.office.pending_payments.blueprint import bp

__all__ = ["bp", "returning", "views"]
