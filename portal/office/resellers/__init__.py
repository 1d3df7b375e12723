"""Resellers: the tree beneath the own company, and all settings of each."""

from portal.office.resellers.blueprint import bp

__all__ = ["bp"]
