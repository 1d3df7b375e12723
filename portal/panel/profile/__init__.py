"""The client's own details: company and contacts, as far as its provider lets it change them."""

from portal.panel.profile.views import bp

__all__ = ["bp"]
