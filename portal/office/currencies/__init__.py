"""Currencies: precision, and exchange rates by date."""

from portal.office.currencies import importing, rates, views
from portal.office.currencies.blueprint import bp

__all__ = ["bp", "importing", "rates", "views"]
