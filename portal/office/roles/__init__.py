"""Roles: what people may do."""

from portal.office.roles import saving, views
from portal.office.roles.blueprint import bp

__all__ = ["bp", "saving", "views"]
