"""Users: the staff of a reseller."""

from portal.office.users.blueprint import bp

__all__ = ["bp"]
