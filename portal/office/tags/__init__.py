"""Tags: their names, and how many clients carry each."""

from portal.office.tags import forms, queries, views
from portal.office.tags.blueprint import bp

__all__ = ["bp", "forms", "queries", "views"]
