"""Imports: a file of clients becomes clients."""

from portal.office.imports.blueprint import bp

__all__ = ["bp"]
