"""Sign-ups: who wants to become a client, and what strangers are allowed."""

from portal.office.sign_ups import rules, views
from portal.office.sign_ups.blueprint import bp

__all__ = ["bp", "rules", "views"]
