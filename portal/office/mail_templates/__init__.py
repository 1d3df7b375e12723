"""Mail templates: a reseller's own words for the mails that the portal sends."""

from portal.office.mail_templates import trial, views
from portal.office.mail_templates.blueprint import bp

__all__ = ["bp", "trial", "views"]
