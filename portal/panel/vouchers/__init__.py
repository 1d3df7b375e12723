"""Vouchers: the client redeems a top-up card."""

from portal.panel.vouchers.views import bp

__all__ = ["bp"]
