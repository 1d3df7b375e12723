"""Making a reseller: the form, the tenant in one transaction, the invitation of its first user."""

from flask import Response, flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from core.errors import InvalidInputError
from core.ids import new_id
from core.platform_uow import platform_unit_of_work
from portal.access import platform_view
from portal.fields import put_error
from portal.htmx import hx, render, wants_partial
from portal.platform.actor import platform_actor
from portal.platform.resellers import queries
from portal.platform.resellers.blueprint import bp
from portal.tenant_form import ResellerForm
from portal.tenant_making import find_made, make_tenant
from portal.wording import refusal
from tenants import platform_settings
from tenants.models import Reseller
from tenants.permissions import PlatformPermission


@bp.get("/new")
@platform_view(PlatformPermission.TENANTS_WRITE)
def new() -> ResponseReturnValue:
    form = _form()
    form.request_id.data = str(new_id())
    with platform_unit_of_work() as session:
        form.timezone.data = platform_settings.read_settings(session).settings.timezone
    return _draw(form)


@bp.post("/new")
@platform_view(PlatformPermission.TENANTS_WRITE)
def create() -> ResponseReturnValue:
    form = _form()
    request_id = form.form_id()
    known = find_made(request_id)
    if known is not None:
        # a second click: the first one has made it
        return _made(known)
    if not form.validate():
        return _draw(form, status=422)
    try:
        made = make_tenant(request_id, form.to_wish(), platform_actor())
    except InvalidInputError as error:
        messages = [] if put_error(form, error) else [refusal(error)]
        return _draw(form, status=422, messages=messages)
    return _made(made)


def _form() -> ResellerForm:
    form = ResellerForm()
    with platform_unit_of_work() as session:
        form.offer(queries.list_parents(session), none=_("None: it stands by itself"))
    return form


def _made(reseller: Reseller) -> Response:
    flash(_("%(name)s is made; its first user gets a mail.", name=reseller.name), "success")
    address = url_for("platform_resellers.show", reseller_id=reseller.id)
    if wants_partial():
        return hx(redirect=address)
    return redirect(address, 303)  # type: ignore[return-value]  # werkzeug's own response


def _draw(form: ResellerForm, *, status: int = 200, messages: list[str] | None = None) -> Response:
    page = render(
        "platform/resellers/new.html",
        "platform/resellers/_form.html",
        status=status,
        form=form,
        messages=messages or [],
    )
    return hx(page, trigger={"dialog:open": {}}) if status == 200 else page
