"""Health: the rules that must hold, and when each last held."""

from portal.platform.health import queries, rules, views
from portal.platform.health.blueprint import bp

__all__ = ["bp", "queries", "rules", "views"]
