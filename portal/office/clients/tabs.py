"""The frame of a client's page: its head, and its tabs as addresses of their own.

htmx gets only what it puts into the page: the tabs with the one that was asked for, or the page
as a whole after something was changed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Response, request, url_for
from flask_babel import LazyString
from flask_babel import lazy_gettext as _l

from core.clock import today
from core.db import Session
from core.uow import unit_of_work
from core.zones import get_zone
from payments import auto_payment
from payments.dues import Due
from portal.access import current_viewer
from portal.htmx import render, wants_partial
from portal.listing import canonical_url
from portal.office.clients import next_actions, page_queries
from portal.office.clients.page_queries import ClientHead
from portal.viewer import Viewer
from tenants.permissions import Permission

Read = Callable[[Session, ClientHead], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Tab:
    """One tab; `full` is the endpoint of the whole section, filtered to the client."""

    name: str
    label: LazyString
    permission: Permission = Permission.CLIENTS_READ
    full: str = ""

    @property
    def endpoint(self) -> str:
        return "office_clients." + ("show" if self.name == "overview" else self.name)


TABS = (
    Tab("overview", _l("Overview")),
    Tab("timeline", _l("Timeline")),
    Tab(
        "transactions",
        _l("Transactions"),
        Permission.TRANSACTIONS_READ,
        "office_transactions.index",
    ),
    Tab("invoices", _l("Invoices"), Permission.INVOICES_READ, "office_invoices.index"),
    Tab("packages", _l("Packages"), Permission.PACKAGES_READ),
    Tab("refills", _l("Refills & cards"), Permission.PAYMENTS_READ, "office_refills.index"),
    Tab("mail", _l("Mail"), Permission.MAIL_READ, "office_mail.index"),
    Tab("events", _l("Events"), Permission.EVENTS_READ, "office_events.index"),
    Tab("audit", _l("Audit log"), Permission.AUDIT_READ, "office_audit.index"),
    Tab("notes", _l("Notes")),
    Tab("files", _l("Files")),
)
_BY_NAME = {tab.name: tab for tab in TABS}


def draw(
    client_id: int, name: str, read: Read, *, status: int = 200, **context: object
) -> Response:
    """The tab `name`, with what `read` found; the head only where the browser needs it."""
    viewer = current_viewer()
    is_tab_only = wants_partial() and request.headers.get("HX-Target") == "tabs"
    with unit_of_work() as session:
        head = page_queries.get_head(session, client_id)
        found = read(session, head)
        if not is_tab_only:
            # the overview has asked already
            due = found.get("due") or auto_payment.preview(session, head.id)
            found |= _read_head(session, head, viewer, due)
    tab = _BY_NAME[name]
    is_read = request.method == "GET"
    return render(
        "office/clients/show.html",
        "office/clients/_tabs.html" if is_tab_only else "office/clients/_page.html",
        status=status,
        head=head,
        tab=tab,
        tabs=list_tabs(head, viewer, name),
        full=url_for(tab.full, client=client_id) if tab.full else "",
        here=canonical_url() if is_read else url_for(tab.endpoint, client_id=client_id),
        day=today(get_zone(head.timezone)),
        **{**found, **context},
    )


def list_tabs(head: ClientHead, viewer: Viewer, current: str) -> list[dict[str, Any]]:
    """Those that the viewer may open, for the navigation."""
    counts = {"notes": head.notes, "files": head.files}
    return [
        {
            "name": tab.name,
            "label": str(tab.label),
            "href": url_for(tab.endpoint, client_id=head.id),
            "current": tab.name == current,
            "count": counts.get(tab.name, 0),
        }
        for tab in TABS
        if viewer.may(tab.permission)
    ]


def _read_head(session: Session, head: ClientHead, viewer: Viewer, due: Due) -> dict[str, Any]:
    coming = next_actions.read_coming(session, head, due)
    return {
        "next_actions": next_actions.list_next(head, due, coming),
        "can_charge_card": viewer.may(Permission.PAYMENTS_EXECUTE)
        and page_queries.has_card(session, head),
    }
