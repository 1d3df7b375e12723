"""Tasks: what runs in the background, its progress and its results."""

from portal.office.tasks import export, views
from portal.office.tasks.blueprint import bp

__all__ = ["bp", "export", "views"]
