"""Staff of the platform."""

from portal.platform.users import access, saving, views
from portal.platform.users.blueprint import bp

__all__ = ["access", "bp", "saving", "views"]
