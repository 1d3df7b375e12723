"""The client's overview: what it has, what it owes and why."""

from portal.panel.home.views import bp

__all__ = ["bp"]
