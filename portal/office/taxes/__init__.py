"""Tax profiles: named sets of taxes."""

from portal.office.taxes import forms, views
from portal.office.taxes.views import bp

__all__ = ["bp", "forms", "views"]
