"""Users: the staff of a reseller."""

from portal.office.users import access, saving, views
from portal.office.users.blueprint import bp

__all__ = ["access", "bp", "saving", "views"]
