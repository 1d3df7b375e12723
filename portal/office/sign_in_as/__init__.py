"""Signing in to a client's panel in its place."""

from portal.office.sign_in_as import views
from portal.office.sign_in_as.views import bp

__all__ = ["bp", "views"]
