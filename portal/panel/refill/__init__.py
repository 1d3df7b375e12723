"""Refill: choosing an amount and a card, and watching the payment until it is final."""

from portal.panel.refill.views import bp

__all__ = ["bp"]
