"""Settings of the platform."""

from portal.platform.settings.blueprint import bp

__all__ = ["bp"]
