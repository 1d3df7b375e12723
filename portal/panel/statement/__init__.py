"""The client's statement of account: what was invoiced and paid in a period."""

from portal.panel.statement.views import bp

__all__ = ["bp"]
