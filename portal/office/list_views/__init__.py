"""List views: the columns, density and saved searches of a person."""

from portal.office.list_views import views
from portal.office.list_views.blueprint import bp

__all__ = ["bp", "views"]
