"""Resellers: the tree beneath the own company, and all settings of each."""

from portal.office.resellers import making, own, pages, parts, views
from portal.office.resellers.blueprint import bp, settings_bp

__all__ = ["bp", "making", "own", "pages", "parts", "settings_bp", "views"]
