"""Saved cards: added on the gateway's page, kept there, chosen and removed here."""

from portal.panel.cards.views import bp

__all__ = ["bp"]
