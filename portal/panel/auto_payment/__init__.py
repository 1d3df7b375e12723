"""Automatic payment: the client's switch and extra amount, within its provider's caps."""

from portal.panel.auto_payment.views import bp

__all__ = ["bp"]
