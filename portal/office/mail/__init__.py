"""The mail queue: what was mailed, what waits, what failed."""

from portal.office.mail import queries, views
from portal.office.mail.views import bp

__all__ = ["bp", "queries", "views"]
