"""Auto payment: every client that has it, what it would do now and why, and how declines go on."""

from portal.office.auto_payment import rules, views
from portal.office.auto_payment.blueprint import bp

__all__ = ["bp", "rules", "views"]
