"""Reconciliation: the gateways' lists against ours, and what to do about each difference."""

from portal.office.reconciliation.views import bp

__all__ = ["bp"]
