"""What an event says, in the viewer's language and on the viewer's clock."""

from collections.abc import Mapping
from typing import Any, Protocol

from flask import Flask
from flask_babel import get_locale, get_translations
from flask_babel import lazy_gettext as _l

from portal.viewer import current_viewer
from tenants.event_texts import tell

SERVICES = {
    "any": _l("Everything else"),
    "audit": _l("Audit log"),
    "balances": _l("Balances"),
    "clients": _l("Clients"),
    "invoicing": _l("Invoicing"),
    "ledger": _l("Ledger"),
    "mail": _l("Mail"),
    "payments": _l("Payments"),
    "tasks": _l("Tasks"),
    "webhooks": _l("Webhooks"),
}


class Told(Protocol):
    """A row of an events list."""

    @property
    def text(self) -> str: ...
    @property
    def message(self) -> str: ...
    @property
    def params(self) -> Mapping[str, Any]: ...


def tell_event(row: Told) -> str:
    """Its sentence; an old event that has none says its English text."""
    if not row.message:
        return row.text
    return tell(
        row.message,
        row.params,
        locale=str(get_locale() or "en"),
        zone=current_viewer().timezone,
        translate=get_translations().ugettext,
    )


def name_service(service: str) -> str:
    """What a service is called."""
    return str(SERVICES.get(service, service.replace("_", " ").capitalize()))


def init_app(app: Flask) -> None:
    """Make both known to templates."""
    app.jinja_env.globals.update(tell_event=tell_event, name_service=name_service)
