"""Payment accounts: where money is received."""

from portal.office.payment_accounts import views
from portal.office.payment_accounts.blueprint import bp

__all__ = ["bp", "views"]
