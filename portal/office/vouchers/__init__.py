"""Vouchers: series of top-up cards, their PINs, and redeeming one for a client."""

from portal.office.vouchers import moves, pins, redeeming, views
from portal.office.vouchers.blueprint import bp

__all__ = ["bp", "moves", "pins", "redeeming", "views"]
