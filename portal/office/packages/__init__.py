"""Packages and the subscriptions of clients."""

from portal.office.packages import subscriptions, usage_import, views
from portal.office.packages.blueprint import bp

__all__ = ["bp", "subscriptions", "usage_import", "views"]
