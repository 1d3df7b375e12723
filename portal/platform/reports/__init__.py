"""Revenue over all resellers, each in its own currency."""

from portal.platform.reports import views
from portal.platform.reports.blueprint import bp

__all__ = ["bp", "views"]
