"""What the client is subscribed to, and what is left of its included units."""

from portal.panel.packages.views import bp

__all__ = ["bp"]
