"""The form of a client."""

from types import SimpleNamespace
from uuid import UUID

from flask import Response, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.exc import IntegrityError

from billing import client_billing
from billing.client_billing import Billing
from core.db import Session
from core.errors import ConflictError
from core.ids import new_id
from core.tenancy import current_scope
from core.uow import unit_of_work
from core.zones import list_zone_names
from payments import auto_payment
from payments.auto_payment import AutoPayment
from portal.access import office_view
from portal.htmx import hx, render, toast, wants_partial
from portal.office.clients import queries, saving
from portal.office.clients.blueprint import bp
from portal.office.clients.choices import read_choices
from portal.office.clients.comparison import list_differences
from portal.office.clients.forms import Choices, ClientForms, make_forms
from portal.office.clients.saving import RefusedError, Saved
from portal.office.form_ids import read_form_id
from portal.sessions import end_panel_sessions
from tenants import client_blocks, resellers
from tenants.client_blocks import Company, PanelLogin
from tenants.clients import StaleVersionError, find_by_request, get_client
from tenants.models import Client
from tenants.permissions import Permission

CHANGED = "clients-changed"


@bp.get("/new")
@office_view(Permission.CLIENTS_WRITE)
def new() -> ResponseReturnValue:
    with unit_of_work() as session:
        home = resellers.get_reseller(session, current_scope().home_reseller_id)
        choices = read_choices(session)
        tags = queries.list_tag_names(session)
    general = SimpleNamespace(
        reseller_id=home.id, currency=home.currency, timezone=home.timezone, status="active"
    )
    forms = make_forms(None, choices, _stored(general))
    return _draw(forms, choices, tags, request_id=new_id())


@bp.post("/new")
@office_view(Permission.CLIENTS_WRITE)
def create() -> ResponseReturnValue:
    request_id = read_form_id("request_id")
    with unit_of_work() as session:
        choices = read_choices(session)
        tags = queries.list_tag_names(session)
    home_id = current_scope().home_reseller_id
    forms = make_forms(request.form, choices, _stored(SimpleNamespace(reseller_id=home_id)))
    if not forms.validate():
        return _draw(forms, choices, tags, request_id=request_id, status=422)
    try:
        saved, similar = _create(forms, request_id, home_id)
    except RefusedError:
        return _draw(forms, choices, tags, request_id=request_id, status=422)
    return _saved(saved, similar)


@bp.get("/<int:client_id>/edit")
@office_view(Permission.CLIENTS_WRITE)
def edit(client_id: int) -> ResponseReturnValue:
    with unit_of_work() as session:
        client = get_client(session, client_id)
        choices = read_choices(session, client.reseller_id)
        tags = queries.list_tag_names(session)
        forms = make_forms(None, choices, _read_stored(session, client))
    return _draw(forms, choices, tags, client=client)


@bp.post("/<int:client_id>/edit")
@office_view(Permission.CLIENTS_WRITE)
def update(client_id: int) -> ResponseReturnValue:
    with unit_of_work() as session:
        client = get_client(session, client_id)
        choices = read_choices(session, client.reseller_id)
        tags = queries.list_tag_names(session)
        stored = _read_stored(session, client)
    forms = make_forms(request.form, choices, stored)
    if not forms.validate():
        return _draw(forms, choices, tags, client=client, status=422, version=_version())
    try:
        with unit_of_work() as session:
            saved = saving.update(session, client_id, forms, version=_version())
            similar = queries.count_similar(session, saved.client.name, but=client_id)
    except RefusedError:
        return _draw(forms, choices, tags, client=client, status=422, version=_version())
    except StaleVersionError:
        return _draw_stale(client_id, forms, choices, tags)
    return _saved(saved, similar)


@bp.get("/similar")
@office_view(Permission.CLIENTS_WRITE)
def similar_names() -> ResponseReturnValue:
    """Whether another client has the name that is being typed."""
    name = request.args.get("general-name", "").strip()[:200]
    with unit_of_work() as session:
        found = (
            queries.count_similar(session, name, but=request.args.get("but", type=int))
            if name
            else []
        )
    return render("office/clients/similar.html", "office/clients/_similar.html", similar=found)


def _create(forms: ClientForms, request_id: UUID, home_id: int) -> tuple[Saved, list[int]]:
    try:
        with unit_of_work() as session:
            saved = saving.create(session, forms, request_id=request_id, home_id=home_id)
            return saved, queries.count_similar(session, saved.client.name, but=saved.client.id)
    except IntegrityError as error:
        # two clicks at the same moment: the other one has made it
        with unit_of_work() as session:
            known = find_by_request(session, request_id)
            if known is None:
                raise ConflictError("Somebody was faster. Try again.") from error
            return Saved(saving.repeated(known, forms)), []


def _saved(saved: Saved, similar: list[int]) -> Response:
    client = saved.client
    if saved.ends_sessions:
        end_panel_sessions(client.id, "login_changed")
    text = _("%(name)s is saved.", name=client.name)
    level = "success"
    if similar:
        level = "warning"
        ids = ", ".join(f"#{one}" for one in similar)
        text = f"{text} " + _("Another client has this name: %(ids)s.", ids=ids)
    if wants_partial():
        done = {"dialog:close": {}, CHANGED: {}, "toast": toast(text, level)}
        return hx(trigger=done, reswap="none")
    flash(text, level)
    return redirect(url_for("office_clients.show", client_id=client.id), 303)  # type: ignore[return-value]


def _draw(
    forms: ClientForms,
    choices: Choices,
    tags: list[str],
    *,
    client: Client | None = None,
    request_id: UUID | None = None,
    version: int | None = None,
    status: int = 200,
    **more: object,
) -> Response:
    page = render(
        "office/clients/form.html",
        "office/clients/_form.html",
        status=status,
        forms=forms,
        choices=choices,
        client=client,
        request_id=request_id,
        version=version or (client.version if client else 0),
        zones=list_zone_names(),
        tags=tags,
        **{"messages": [], "differences": [], **more},
    )
    return hx(page, trigger={"dialog:open": {}}) if status == 200 else page


def _draw_stale(client_id: int, forms: ClientForms, choices: Choices, tags: list[str]) -> Response:
    """Both versions: what was typed stays in the form, what is stored stands beside it."""
    with unit_of_work() as session:
        client = get_client(session, client_id)
        theirs = make_forms(None, choices, _read_stored(session, client))
    forms.invoicing.shown_last_invoiced_on.raw_data = None
    forms.invoicing.shown_last_invoiced_on.data = theirs.invoicing.shown_last_invoiced_on.data
    return _draw(
        forms,
        choices,
        tags,
        client=client,
        status=409,
        messages=[_(StaleVersionError(client).message)],
        differences=list_differences(forms, theirs),
    )


def _stored(general: object) -> dict[str, object]:
    return {
        "general": general,
        "panel": PanelLogin(),
        "credit": Billing(),
        "invoicing": Billing(),
        "auto": AutoPayment(),
        "company": Company(),
    }


def _read_stored(session: Session, client: Client) -> dict[str, object]:
    billing = client_billing.get_billing(session, client.id)
    general = SimpleNamespace(
        name=client.name,
        reseller_id=client.reseller_id,
        currency=client.currency,
        timezone=client.timezone,
        status=client.status,
        tags=", ".join(client_blocks.list_tags(session, client.id)),
    )
    return {
        "general": general,
        "panel": client_blocks.get_panel_login(session, client.id),
        "credit": billing,
        "invoicing": billing,
        "auto": auto_payment.get_auto_payment(session, client.id),
        "company": client_blocks.get_company(session, client.id),
    }


def _version() -> int:
    return request.form.get("version", 0, type=int)
