"""Payment gateways of a reseller: credentials go in and never come out."""

from portal.office.gateways import forms, views
from portal.office.gateways.views import bp

__all__ = ["bp", "forms", "views"]
