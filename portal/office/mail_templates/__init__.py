"""Mail templates: the texts of mails, per kind and locale."""

from portal.office.mail_templates.blueprint import bp

__all__ = ["bp"]
