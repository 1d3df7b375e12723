"""Autoinvoicing: what would be invoiced now, runs with their progress, and what was refused."""

from portal.office.autoinvoicing import views
from portal.office.autoinvoicing.blueprint import bp

__all__ = ["bp", "views"]
