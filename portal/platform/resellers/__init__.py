"""Resellers: the list, one of them, making, suspending."""

from portal.platform.resellers import invitations, making, suspending, views
from portal.platform.resellers.blueprint import bp

__all__ = ["bp", "invitations", "making", "suspending", "views"]
