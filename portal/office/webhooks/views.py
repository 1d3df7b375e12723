"""Endpoints: list, new, edit, on and off, a new secret, delete."""

from flask import Response, current_app, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from core.config import Settings
from core.db import Session
from core.errors import ConflictError, InvalidInputError
from core.ids import new_id
from core.tenancy import current_scope
from core.uow import unit_of_work
from portal.access import current_viewer, office_view
from portal.fields import put_error, to_choices
from portal.htmx import render
from portal.office.form_ids import read_form_id
from portal.office.saved import saved
from portal.office.webhooks import queries
from portal.office.webhooks.blueprint import bp
from portal.office.webhooks.forms import WORDS, EndpointForm, NewEndpointForm
from portal.wording import refusal
from tenants import resellers, webhook_endpoints
from tenants.permissions import Permission
from tenants.webhook_endpoints import Wish
from tenants.webhook_models import WebhookEndpoint

CHANGED = "webhooks-changed"


@bp.get("/")
@office_view(Permission.SETTINGS_READ)
def index() -> ResponseReturnValue:
    with unit_of_work() as session:
        rows = queries.list_endpoints(session)
    return render(
        "office/webhooks/index.html",
        "office/webhooks/_table.html",
        rows=rows,
        may_write=current_viewer().may(Permission.SETTINGS_WRITE),
        is_family=len(current_scope().reseller_ids) > 1,
    )


@bp.get("/new")
@office_view(Permission.SETTINGS_WRITE)
def new() -> ResponseReturnValue:
    form = NewEndpointForm(reseller_id=current_scope().home_reseller_id)
    with unit_of_work() as session:
        _offer(session, form)
    return _draw(form, request_id=str(new_id()))


@bp.post("/new")
@office_view(Permission.SETTINGS_WRITE)
def create() -> ResponseReturnValue:
    """The secret is shown on the page that follows, once; the same form again makes no second."""
    request_id = read_form_id("request_id")
    form = NewEndpointForm(request.form, data={"reseller_id": current_scope().home_reseller_id})
    with unit_of_work() as session:
        _offer(session, form)
    if not form.validate():
        return _draw(form, request_id=str(request_id), status=422)
    try:
        with unit_of_work() as session:
            endpoint, secret = webhook_endpoints.create_endpoint(
                session,
                reseller_id=form.reseller_id.data,
                request_id=request_id,
                wish=_wish(form),
                settings=_settings(),
            )
            endpoint_id, url = endpoint.id, endpoint.url
    except InvalidInputError as error:
        put_error(form, error)
        return _draw(form, request_id=str(request_id), status=422)
    if not secret:
        return redirect(url_for("office_webhooks.show", endpoint_id=endpoint_id), 303)
    return render(
        "office/webhooks/secret.html", endpoint_id=endpoint_id, url=url, secret=secret, is_new=True
    )


@bp.get("/<int:endpoint_id>/edit")
@office_view(Permission.SETTINGS_WRITE)
def edit(endpoint_id: int) -> ResponseReturnValue:
    with unit_of_work() as session:
        endpoint = webhook_endpoints.get_endpoint(session, endpoint_id)
        form = EndpointForm(obj=endpoint)
    return _draw(form, endpoint)


@bp.post("/<int:endpoint_id>/edit")
@office_view(Permission.SETTINGS_WRITE)
def update(endpoint_id: int) -> ResponseReturnValue:
    with unit_of_work() as session:
        endpoint = webhook_endpoints.get_endpoint(session, endpoint_id)
    form = EndpointForm(request.form)
    if not form.validate():
        return _draw(form, endpoint, status=422)
    try:
        with unit_of_work() as session:
            webhook_endpoints.update_endpoint(
                session,
                endpoint_id,
                version=request.form.get("version", 0, type=int),
                wish=_wish(form),
                settings=_settings(),
            )
    except InvalidInputError as error:
        put_error(form, error)
        return _draw(form, endpoint, status=422)
    except ConflictError as error:
        return _draw(form, endpoint, status=409, messages=[refusal(error)])
    return saved(
        _("The webhook is saved."), changed=CHANGED, address=url_for("office_webhooks.index")
    )


@bp.post("/<int:endpoint_id>/enabled")
@office_view(Permission.SETTINGS_WRITE)
def set_enabled(endpoint_id: int) -> ResponseReturnValue:
    wanted = request.form.get("enabled") == "1"
    with unit_of_work() as session:
        webhook_endpoints.set_enabled(session, endpoint_id, enabled=wanted)
    text = _("The webhook is on.") if wanted else _("The webhook is off: it hears nothing.")
    return saved(text, changed=CHANGED, address=url_for("office_webhooks.index"))


@bp.post("/<int:endpoint_id>/secret")
@office_view(Permission.SETTINGS_WRITE)
def roll_secret(endpoint_id: int) -> ResponseReturnValue:
    """A new secret, shown once; the one before signs beside it for a day."""
    with unit_of_work() as session:
        secret = webhook_endpoints.roll_secret(session, endpoint_id, settings=_settings())
        url = webhook_endpoints.get_endpoint(session, endpoint_id).url
    return render(
        "office/webhooks/secret.html", endpoint_id=endpoint_id, url=url, secret=secret, is_new=False
    )


@bp.post("/<int:endpoint_id>/delete")
@office_view(Permission.SETTINGS_WRITE)
def delete(endpoint_id: int) -> ResponseReturnValue:
    with unit_of_work() as session:
        webhook_endpoints.delete_endpoint(session, endpoint_id)
    flash(_("The webhook is deleted, with the log of its messages."), "success")
    return redirect(url_for("office_webhooks.index"), 303)


def _wish(form: EndpointForm) -> Wish:
    return Wish(form.url.data or "", form.types.data or [], form.description.data or "")


def _offer(session: Session, form: NewEndpointForm) -> None:
    form.reseller_id.choices = to_choices(
        [(one.id, one.name) for one in resellers.list_resellers(session)]
    )


def _draw(
    form: EndpointForm,
    endpoint: WebhookEndpoint | None = None,
    *,
    request_id: str = "",
    status: int = 200,
    messages: list[str] | None = None,
) -> Response:
    return render(
        "office/webhooks/form.html",
        "office/webhooks/_form.html",
        status=status,
        form=form,
        endpoint=endpoint,
        request_id=request_id,
        words=WORDS,
        messages=messages or [],
    )


def _settings() -> Settings:
    settings: Settings = current_app.extensions["settings"]
    return settings
