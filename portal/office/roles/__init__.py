"""Roles: permissions per section."""

from portal.office.roles.blueprint import bp

__all__ = ["bp"]
