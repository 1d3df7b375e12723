"""Mass edit: one change for many clients."""

from portal.office.mass_edit import views
from portal.office.mass_edit.blueprint import bp

__all__ = ["bp", "views"]
