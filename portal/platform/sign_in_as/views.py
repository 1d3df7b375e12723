"""The dialog that asks as whom and why, and the way into the reseller's back office."""

from flask import Blueprint, Response, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import func, select

from core.db import Session
from core.errors import ConflictError, InvalidInputError, InvariantError
from core.platform_uow import platform_unit_of_work
from portal import acting
from portal.access import platform_view
from portal.acting_form import SignInAsUserForm
from portal.fields import put_error, to_choices
from portal.htmx import hx, render, wants_partial
from portal.sessions import current_identity
from portal.wording import refusal
from tenants import resellers, signing_in_as
from tenants.models import Reseller, Role, User
from tenants.permissions import PlatformPermission

bp = Blueprint("platform_sign_in_as", __name__, url_prefix="/platform/sign-in-as")


@bp.route("/reseller/<int:reseller_id>", methods=["GET", "POST"])
@platform_view(PlatformPermission.TENANTS_EXECUTE)
def reseller(reseller_id: int) -> ResponseReturnValue:
    with platform_unit_of_work() as session:
        found = resellers.get_reseller(session, reseller_id)
        people = _list_people(session, reseller_id)
    form = SignInAsUserForm()
    form.user_id.choices = to_choices(people)
    if not form.is_submitted():
        return _draw(form, found)
    if not form.validate():
        return _draw(form, found, status=422)
    try:
        token = _begin(reseller_id, form)
    except InvalidInputError as error:
        put_error(form, error)
        return _draw(form, found, status=422)
    except ConflictError as error:
        return _draw(form, found, status=422, messages=[refusal(error)])
    response = hx(redirect="/office/") if wants_partial() else redirect("/office/", 303)
    acting.set_cookie(response, "office", token)
    return response


def _begin(reseller_id: int, form: SignInAsUserForm) -> str:
    me = current_identity()
    if me is None:
        raise InvariantError("a platform view runs for a signed-in person")
    with platform_unit_of_work() as session:
        return signing_in_as.begin_as_user(
            session,
            me,
            reseller_id=reseller_id,
            user_id=form.user_id.data,
            reason=str(form.reason.data),
            ip=request.remote_addr or "",
            user_agent=request.user_agent.string,
        )


def _list_people(session: Session, reseller_id: int) -> list[tuple[int, str]]:
    """Who could sign in there, those with the widest role first."""
    rows = session.execute(
        select(User.id, User.name, Role.name)
        .join(Role, Role.id == User.role_id)
        .where(User.reseller_id == reseller_id, User.status == "active")
        .order_by(func.cardinality(Role.permissions).desc(), func.lower(User.name), User.id)
    )
    return [(user_id, f"{name} · {role}") for user_id, name, role in rows]


def _draw(
    form: SignInAsUserForm,
    found: Reseller,
    *,
    status: int = 200,
    messages: list[str] | None = None,
) -> Response:
    page = render(
        "platform/sign_in_as/reseller.html",
        "platform/sign_in_as/_reseller.html",
        status=status,
        form=form,
        reseller=found,
        minutes=signing_in_as.MINUTES,
        messages=messages or [],
        back_url=url_for("platform_resellers.show", reseller_id=found.id),
    )
    return hx(page, trigger={"dialog:open": {}}) if status == 200 else page
