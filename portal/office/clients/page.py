"""The page of one client: overview, timeline, and a tab for each related section."""

from typing import Any

from flask import Response, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from billing.explain import BALANCE_NAMES, explain_balance
from core.db import Session
from core.errors import ConflictError, NotFoundError
from core.uow import unit_of_work
from payments import auto_payment, saved_cards
from portal import client_access
from portal.access import current_viewer, office_view
from portal.htmx import hx, render
from portal.keyset import read_place
from portal.listing import chosen
from portal.office import audit_names
from portal.office.auto_words import describe_due
from portal.office.clients import page_queries, saving, tab_queries, tabs, timeline
from portal.office.clients.blueprint import bp
from portal.office.clients.page_queries import ClientHead
from portal.sessions import end_panel_sessions
from tenants.permissions import Permission

LATEST = 8


@bp.get("/<int:client_id>")
@office_view(Permission.CLIENTS_READ)
def show(client_id: int) -> ResponseReturnValue:
    """What matters first: settings, company, cards, pinned notes and what happened last."""
    viewer = current_viewer()
    kinds = timeline.visible_kinds(viewer)

    def read(session: Session, head: ClientHead) -> dict[str, Any]:
        latest = timeline.read_timeline(session, head, kinds, size=LATEST)
        due = auto_payment.preview(session, head.id)
        return {
            "due": due,
            "auto": describe_due(due),
            "cards": _read_cards(session, head),
            "pinned": tab_queries.list_pinned_notes(session, head),
            "latest": latest,
            "names": _read_names(session, latest),
            "factor": client_access.find_factor(head.id) if head.has_panel else None,
        }

    return tabs.draw(client_id, "overview", read)


@bp.get("/<int:client_id>/timeline", endpoint="timeline")
@office_view(Permission.CLIENTS_READ)
def show_timeline(client_id: int) -> ResponseReturnValue:
    """Everything that happened and that the viewer may see, a page at a time."""
    visible = timeline.visible_kinds(current_viewer())
    kind = chosen("kind", ("any", *visible), "any")

    def read(session: Session, head: ClientHead) -> dict[str, Any]:
        page = timeline.read_timeline(
            session,
            head,
            visible if kind == "any" else [kind],
            before=request.args.get("before", ""),
        )
        return {
            "page": page,
            "names": _read_names(session, page),
            "kind": kind,
            "kinds": visible,
        }

    return tabs.draw(client_id, "timeline", read)


@bp.get("/<int:client_id>/transactions")
@office_view(Permission.TRANSACTIONS_READ)
def transactions(client_id: int) -> ResponseReturnValue:
    return tabs.draw(
        client_id,
        "transactions",
        lambda session, head: {"page": tab_queries.read_transactions(session, head, read_place())},
    )


@bp.get("/<int:client_id>/invoices")
@office_view(Permission.INVOICES_READ)
def invoices(client_id: int) -> ResponseReturnValue:
    return tabs.draw(
        client_id,
        "invoices",
        lambda session, head: {"page": tab_queries.read_invoices(session, head, read_place())},
    )


@bp.get("/<int:client_id>/refills")
@office_view(Permission.PAYMENTS_READ)
def refills(client_id: int) -> ResponseReturnValue:
    return tabs.draw(
        client_id,
        "refills",
        lambda session, head: {
            "page": tab_queries.read_refills(session, head, read_place()),
            "cards": _read_cards(session, head),
        },
    )


@bp.get("/<int:client_id>/mail")
@office_view(Permission.MAIL_READ)
def mail(client_id: int) -> ResponseReturnValue:
    return tabs.draw(
        client_id,
        "mail",
        lambda session, head: {"page": tab_queries.read_mails(session, head, read_place())},
    )


@bp.get("/<int:client_id>/events")
@office_view(Permission.EVENTS_READ)
def events(client_id: int) -> ResponseReturnValue:
    return tabs.draw(
        client_id,
        "events",
        lambda session, head: {"page": tab_queries.read_events(session, head, read_place())},
    )


@bp.get("/<int:client_id>/audit")
@office_view(Permission.AUDIT_READ)
def audit(client_id: int) -> ResponseReturnValue:
    def read(session: Session, head: ClientHead) -> dict[str, Any]:
        page = tab_queries.read_changes(session, head, read_place())
        names = audit_names.read_names(session, [row.changes for row in page.rows])
        return {"page": page, "names": names}

    return tabs.draw(client_id, "audit", read)


@bp.get("/<int:client_id>/why/<name>")
@office_view(Permission.CLIENTS_READ)
def explain(client_id: int, name: str) -> ResponseReturnValue:
    """Why a balance is what it is."""
    if name not in BALANCE_NAMES:
        raise NotFoundError
    with unit_of_work() as session:
        head = page_queries.get_head(session, client_id)
        why = explain_balance(
            session,
            client_id,
            next(one for one in BALANCE_NAMES if one == name),
            before=request.args.get("before", type=int),
        )
    page = render("office/clients/why.html", "office/clients/_why.html", head=head, why=why)
    return hx(page, trigger={"dialog:open": {}})


@bp.post("/<int:client_id>/status")
@office_view(Permission.CLIENTS_WRITE)
def change_status(client_id: int) -> ResponseReturnValue:
    """Stop or start a client that is not deleted; sent twice it is done once."""
    status = request.form.get("status", "")
    if status not in ("active", "stop"):
        raise NotFoundError
    with unit_of_work() as session:
        head = page_queries.get_head(session, client_id)
        if head.status == status:
            return _back(client_id)
        if head.status == "deleted":
            raise ConflictError(_("This client is deleted. Restore it first."))
        saved = saving.change_status(
            session, client_id, status, version=request.form.get("version", 0, type=int)
        )
    if saved.ends_sessions:
        end_panel_sessions(client_id, "client_" + status)
    name = saved.client.name
    flash(
        {
            "active": _("%(name)s is active again.", name=name),
            "stop": _("%(name)s is stopped.", name=name),
        }[status],
        "success",
    )
    return _back(client_id)


@bp.post("/<int:client_id>/second-factor/reset")
@office_view(Permission.CLIENTS_WRITE)
def reset_second_factor(client_id: int) -> ResponseReturnValue:
    """For a client that has lost phone and recovery codes: its password alone signs it in."""
    with unit_of_work() as session:
        name = page_queries.get_head(session, client_id).name
    if not client_access.reset_second_factor(client_id):
        raise ConflictError("This client has no second factor.")
    flash(
        _("%(name)s has no second factor any more, is signed out and told by mail.", name=name),
        "success",
    )
    return _back(client_id)


def _read_names(session: Session, page: timeline.Timeline) -> dict[tuple[str, int], str]:
    """Of what the changes among these have as an id."""
    changes = [row.changes or {} for row in page.rows if row.kind == "change"]
    return audit_names.read_names(session, changes)


def _read_cards(session: Session, head: ClientHead) -> list[Any]:
    if not current_viewer().may(Permission.PAYMENTS_READ):
        return []
    return list(saved_cards.list_cards(session, head.id))


def _back(client_id: int) -> Response:
    return redirect(url_for("office_clients.show", client_id=client_id), 303)  # type: ignore[return-value]
