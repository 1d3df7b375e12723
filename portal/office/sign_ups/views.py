"""Who has signed up: the list, and approving or refusing somebody."""

from uuid import UUID

from flask import Response, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from core.errors import ConflictError, InvalidInputError
from core.uow import unit_of_work
from payments import client_sign_ups
from portal.access import current_viewer, office_view
from portal.fields import put_error
from portal.htmx import hx, render
from portal.keyset import read_place
from portal.listing import chosen, render_list
from portal.office.saved import saved
from portal.office.sign_ups import queries
from portal.office.sign_ups.blueprint import CHANGED, bp
from portal.office.sign_ups.forms import ApproveForm, RefuseForm
from portal.wording import refusal
from tenants import sign_up_rules, sign_ups
from tenants.permissions import Permission
from tenants.sign_up_models import SignUp


@bp.get("/")
@office_view(Permission.CLIENTS_READ)
def index() -> ResponseReturnValue:
    state = chosen("state", queries.STATES, "any")
    search = request.args.get("q", "").strip()[:100]
    viewer = current_viewer()
    with unit_of_work() as session:
        page = queries.read_sign_ups(session, state, search, read_place())
        rules = sign_up_rules.read_own_rules(session)
    return render_list(
        "office/sign_ups/index.html",
        "office/sign_ups/_table.html",
        page=page,
        state=state,
        search=search,
        mode=rules.mode,
        may_write=viewer.may(Permission.CLIENTS_WRITE),
        may_set=viewer.may(Permission.SETTINGS_READ),
    )


@bp.get("/<uuid:sign_up_id>/approve")
@office_view(Permission.CLIENTS_WRITE)
def ask_approve(sign_up_id: UUID) -> ResponseReturnValue:
    row = _get(sign_up_id)
    return _draw("approve", row, ApproveForm(login=row.login))


@bp.post("/<uuid:sign_up_id>/approve")
@office_view(Permission.CLIENTS_WRITE)
def approve(sign_up_id: UUID) -> ResponseReturnValue:
    """A worker makes the client, who is told by mail."""
    row, form = _get(sign_up_id), ApproveForm(request.form)
    if not form.validate():
        return _draw("approve", row, form, status=422)
    try:
        with unit_of_work() as session:
            sign_ups.approve(session, sign_up_id, login=form.login.data or "")
    except InvalidInputError as error:
        put_error(form, error)
        return _draw("approve", row, form, status=422)
    except ConflictError as error:
        return _draw("approve", row, form, status=409, messages=(refusal(error),))
    return _saved(_("%(name)s is approved and becomes a client in a moment.", name=row.name))


@bp.get("/<uuid:sign_up_id>/refuse")
@office_view(Permission.CLIENTS_WRITE)
def ask_refuse(sign_up_id: UUID) -> ResponseReturnValue:
    return _draw("refuse", _get(sign_up_id), RefuseForm())


@bp.post("/<uuid:sign_up_id>/refuse")
@office_view(Permission.CLIENTS_WRITE)
def refuse(sign_up_id: UUID) -> ResponseReturnValue:
    row, form = _get(sign_up_id), RefuseForm(request.form)
    if not form.validate():
        return _draw("refuse", row, form, status=422)
    try:
        with unit_of_work() as session:
            client_sign_ups.refuse(session, sign_up_id, reason=form.reason.data or "")
    except ConflictError as error:
        return _draw("refuse", row, form, status=409, messages=(refusal(error),))
    return _saved(_("%(name)s is refused.", name=row.name))


def _get(sign_up_id: UUID) -> SignUp:
    with unit_of_work() as session:
        return sign_ups.get_sign_up(session, sign_up_id)


def _saved(text: str) -> Response:
    return saved(text, changed=CHANGED, address=url_for(".index"))


def _draw(
    move: str,
    row: SignUp,
    form: ApproveForm | RefuseForm,
    *,
    status: int = 200,
    messages: tuple[str, ...] = (),
) -> Response:
    page = render(
        "office/sign_ups/decide.html",
        "office/sign_ups/_decide.html",
        status=status,
        move=move,
        row=row,
        form=form,
        messages=messages,
    )
    return hx(page, trigger={"dialog:open": {}}) if status == 200 else page
