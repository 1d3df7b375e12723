"""The log of an endpoint: what was sent, what it answered; try it, send a message again."""

import json
from uuid import UUID

from flask import Response, flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from core.errors import ConflictError
from core.ids import new_id
from core.uow import unit_of_work
from portal.access import current_viewer, office_view
from portal.htmx import render
from portal.keyset import read_place
from portal.listing import chosen, render_list
from portal.office.form_ids import read_form_id
from portal.office.webhooks import queries
from portal.office.webhooks.blueprint import bp
from portal.office.webhooks.forms import WORDS
from portal.wording import refusal
from tenants import webhook_delivery, webhook_endpoints, webhook_fanout
from tenants.permissions import Permission


@bp.get("/<int:endpoint_id>")
@office_view(Permission.SETTINGS_READ)
def show(endpoint_id: int) -> ResponseReturnValue:
    """An endpoint and the log of its messages."""
    state = chosen("state", queries.STATES, "any")
    with unit_of_work() as session:
        endpoint = webhook_endpoints.get_endpoint(session, endpoint_id)
        page = queries.read_deliveries(session, endpoint, state, read_place())
    return render_list(
        "office/webhooks/show.html",
        "office/webhooks/_log.html",
        endpoint=endpoint,
        page=page,
        state=state,
        states=queries.STATES,
        words=WORDS,
        request_id=str(new_id()),
        may_write=current_viewer().may(Permission.SETTINGS_WRITE),
    )


@bp.get("/messages/<uuid:delivery_id>")
@office_view(Permission.SETTINGS_READ)
def message(delivery_id: UUID) -> ResponseReturnValue:
    """A message as it was signed and sent."""
    with unit_of_work() as session:
        delivery = queries.get_delivery(session, delivery_id)
        endpoint = webhook_endpoints.get_endpoint(session, delivery.endpoint_id)
    return render(
        "office/webhooks/message.html",
        delivery=delivery,
        endpoint=endpoint,
        words=WORDS,
        pretty=json.dumps(json.loads(delivery.payload), ensure_ascii=False, indent=2),
        may_write=current_viewer().may(Permission.SETTINGS_WRITE),
    )


@bp.post("/<int:endpoint_id>/try")
@office_view(Permission.SETTINGS_WRITE)
def send_ping(endpoint_id: int) -> ResponseReturnValue:
    request_id = read_form_id("request_id")
    with unit_of_work() as session:
        endpoint = webhook_endpoints.get_endpoint(session, endpoint_id)
        is_on = endpoint.enabled
        if is_on:
            webhook_fanout.send_ping(session, endpoint, request_id)
    if is_on:
        flash(_("A message is on its way; its answer stands here in a moment."), "success")
    else:
        flash(_("This endpoint is switched off: switch it on first."), "error")
    return _back(endpoint_id)


@bp.post("/messages/<uuid:delivery_id>/again")
@office_view(Permission.SETTINGS_WRITE)
def send_again(delivery_id: UUID) -> ResponseReturnValue:
    try:
        with unit_of_work() as session:
            endpoint_id = webhook_delivery.send_again(session, delivery_id).endpoint_id
    except ConflictError as error:
        with unit_of_work() as session:
            endpoint_id = queries.get_delivery(session, delivery_id).endpoint_id
        flash(refusal(error), "error")
    else:
        flash(_("The message is sent again, with the same id."), "success")
    return _back(endpoint_id)


def _back(endpoint_id: int) -> Response:
    return redirect(url_for("office_webhooks.show", endpoint_id=endpoint_id), 303)  # type: ignore[return-value]
