"""Staff of the platform."""

from portal.platform.users.blueprint import bp

__all__ = ["bp"]
