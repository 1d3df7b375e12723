"""Making a reseller beneath the own company, or beneath one of those beneath it."""

from flask import Response, flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from core.errors import ConflictError, InvalidInputError
from core.ids import new_id
from core.tenancy import current_actor, current_scope
from core.uow import unit_of_work
from portal.access import office_view
from portal.fields import put_error
from portal.htmx import hx, render, wants_partial
from portal.office.resellers import pages, queries
from portal.office.resellers.blueprint import bp
from portal.tenant_form import ResellerForm
from portal.tenant_making import find_made, make_tenant
from portal.wording import refusal
from tenants import resellers
from tenants.models import Reseller
from tenants.permissions import Permission


@bp.get("/new")
@office_view(Permission.RESELLERS_WRITE)
def new() -> ResponseReturnValue:
    form = _form()
    form.request_id.data = str(new_id())
    with unit_of_work() as session:
        home = resellers.get_reseller(session, current_scope().home_reseller_id)
    form.parent_id.data, form.currency.data = home.id, home.currency
    form.timezone.data = home.timezone
    return _draw(form)


@bp.post("/new")
@office_view(Permission.RESELLERS_WRITE)
def create() -> ResponseReturnValue:
    pages.refuse_acting()
    form = _form()
    request_id = form.form_id()
    known = find_made(request_id)
    if known is not None:
        # a second click: the first one has made it
        return _made(known)
    if not form.validate():
        return _draw(form, status=422)
    wish = form.to_wish()
    try:
        if wish.parent_id not in current_scope().reseller_ids:
            raise InvalidInputError("Choose one of your resellers.", "parent_id")
        made = make_tenant(request_id, wish, current_actor())
    except InvalidInputError as error:
        messages = [] if put_error(form, error) else [refusal(error)]
        return _draw(form, status=422, messages=messages)
    return _made(made)


def _form() -> ResellerForm:
    form = ResellerForm()
    with unit_of_work() as session:
        form.offer(queries.list_parents(session))
    return form


def _made(reseller: Reseller) -> Response:
    if current_scope().home_reseller_id not in reseller.path[:-1]:
        # somebody else's form had the same id: nothing of it is told
        raise ConflictError("This form is out of date. Load the page anew.")
    flash(_("%(name)s is made; its first user gets a mail.", name=reseller.name), "success")
    address = url_for("office_resellers.show", reseller_id=reseller.id)
    if wants_partial():
        return hx(redirect=address)
    return redirect(address, 303)  # type: ignore[return-value]  # werkzeug's own response


def _draw(form: ResellerForm, *, status: int = 200, messages: list[str] | None = None) -> Response:
    page = render(
        "office/resellers/new.html",
        "office/resellers/_form.html",
        status=status,
        form=form,
        messages=messages or [],
    )
    return hx(page, trigger={"dialog:open": {}}) if status == 200 else page
