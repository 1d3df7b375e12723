"""The page of one client: its balances and why, what comes next, and the latest of everything."""

from typing import Any

from flask import Response, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from billing.explain import BALANCE_NAMES, explain_balance
from core.clock import today
from core.errors import NotFoundError
from core.uow import unit_of_work
from core.zones import get_zone
from payments import auto_payment, saved_cards
from portal.access import current_viewer, office_view
from portal.htmx import hx, render
from portal.office.clients import page_queries, saving
from portal.office.clients.blueprint import bp
from portal.sessions import end_panel_sessions
from tenants.models import CLIENT_STATUSES
from tenants.permissions import Permission


@bp.get("/<int:client_id>")
@office_view(Permission.CLIENTS_READ)
def show(client_id: int) -> ResponseReturnValue:
    viewer = current_viewer()
    with unit_of_work() as session:
        head = page_queries.get_head(session, client_id)
        sees_payments = viewer.may(Permission.PAYMENTS_READ)
        context: dict[str, Any] = {
            "due": auto_payment.preview(session, client_id),
            "cards": saved_cards.list_cards(session, client_id) if sees_payments else [],
            "transactions": page_queries.list_transactions(session, client_id)
            if viewer.may(Permission.TRANSACTIONS_READ)
            else [],
            "invoices": page_queries.list_invoices(session, client_id)
            if viewer.may(Permission.INVOICES_READ)
            else [],
            "refills": page_queries.list_refills(session, client_id) if sees_payments else [],
            "mails": page_queries.list_mails(session, client_id)
            if viewer.may(Permission.MAIL_READ)
            else [],
        }
    return render(
        "office/clients/show.html",
        "office/clients/_overview.html",
        head=head,
        day=today(get_zone(head.timezone)),
        **context,
    )


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
    """Stop, start or delete; sent twice it is done once."""
    status = request.form.get("status", "")
    if status not in CLIENT_STATUSES:
        raise NotFoundError
    with unit_of_work() as session:
        head = page_queries.get_head(session, client_id)
        if head.status == status:
            return _back(client_id)
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
            "deleted": _("%(name)s is deleted. Its history and money stay.", name=name),
        }[status],
        "success",
    )
    return _back(client_id)


def _back(client_id: int) -> Response:
    return redirect(url_for("office_clients.show", client_id=client_id), 303)  # type: ignore[return-value]
