"""Settings of the platform."""

from portal.platform.settings import forms, views
from portal.platform.settings.blueprint import bp

__all__ = ["bp", "forms", "views"]
