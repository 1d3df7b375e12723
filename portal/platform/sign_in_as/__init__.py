"""Signing in to a reseller's back office in the place of one of its people."""

from portal.platform.sign_in_as import views
from portal.platform.sign_in_as.views import bp

__all__ = ["bp", "views"]
