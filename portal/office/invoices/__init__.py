"""Invoices: their list, page, files and mail, made by hand, corrected, allocated and told of."""

from portal.office.invoices import (
    allocations,
    corrections,
    credit_note_files,
    downloads,
    incoming,
    mass_edit,
    statement,
    views,
)
from portal.office.invoices.blueprint import bp

__all__ = [
    "allocations",
    "bp",
    "corrections",
    "credit_note_files",
    "downloads",
    "incoming",
    "mass_edit",
    "statement",
    "views",
]
