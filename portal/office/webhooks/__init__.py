"""Webhooks: where the reseller's own systems listen, and what was sent to them."""

from portal.office.webhooks import deliveries, forms, queries, views
from portal.office.webhooks.blueprint import bp

__all__ = ["bp", "deliveries", "forms", "queries", "views"]
