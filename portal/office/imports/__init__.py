"""Imports: a file of clients becomes clients."""

from portal.office.imports import examples, views
from portal.office.imports.blueprint import bp

__all__ = ["bp", "examples", "views"]
