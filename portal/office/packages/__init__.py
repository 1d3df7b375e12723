"""Packages and the subscriptions of clients."""

from portal.office.packages.blueprint import bp

__all__ = ["bp"]
