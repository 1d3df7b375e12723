"""The dialog that asks why, and the way into the client's panel."""

from flask import Blueprint, Response, redirect, url_for
from flask.typing import ResponseReturnValue

from core.errors import ConflictError, InvalidInputError
from core.uow import unit_of_work
from portal import acting, user_access
from portal.access import office_view
from portal.acting_form import SignInAsForm
from portal.fields import put_error
from portal.htmx import hx, render, wants_partial
from portal.wording import refusal
from tenants import clients
from tenants.models import Client
from tenants.permissions import Permission
from tenants.signing_in_as import MINUTES

bp = Blueprint("office_sign_in_as", __name__, url_prefix="/office/sign-in-as")


@bp.route("/client/<int:client_id>", methods=["GET", "POST"])
@office_view(Permission.CLIENTS_EXECUTE)
def client(client_id: int) -> ResponseReturnValue:
    with unit_of_work() as session:
        found = clients.get_client(session, client_id)
    form = SignInAsForm()
    if not form.is_submitted():
        return _draw(form, found)
    if not form.validate():
        return _draw(form, found, status=422)
    try:
        token = user_access.begin_as_client(client_id, str(form.reason.data))
    except InvalidInputError as error:
        put_error(form, error)
        return _draw(form, found, status=422)
    except ConflictError as error:
        return _draw(form, found, status=422, messages=[refusal(error)])
    response = hx(redirect="/clients/") if wants_partial() else redirect("/clients/", 303)
    acting.set_cookie(response, "panel", token)
    return response


def _draw(
    form: SignInAsForm, found: Client, *, status: int = 200, messages: list[str] | None = None
) -> Response:
    page = render(
        "office/sign_in_as/client.html",
        "office/sign_in_as/_client.html",
        status=status,
        form=form,
        client=found,
        minutes=MINUTES,
        messages=messages or [],
        back_url=url_for("office_clients.show", client_id=found.id),
    )
    return hx(page, trigger={"dialog:open": {}}) if status == 200 else page
