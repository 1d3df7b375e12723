"""Tags: their names, and how many clients carry each."""

from portal.office.tags.blueprint import bp

__all__ = ["bp"]
