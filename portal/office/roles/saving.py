"""The form of a role: a matrix of sections and rights."""

from typing import Any

from flask import Response, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from sqlalchemy import select
from wtforms import HiddenField, SelectField, StringField
from wtforms.validators import InputRequired, Length

from core.db import Session
from core.errors import ConflictError, InvalidInputError
from core.tenancy import current_scope
from core.uow import unit_of_work
from portal.access import office_view
from portal.card_numbers import no_card_number
from portal.fields import put_error, to_choices
from portal.htmx import hx, render
from portal.office.me import current_me
from portal.office.roles.blueprint import bp
from portal.office.roles.rights import RIGHTS, make_matrix
from portal.office.saved import saved
from portal.wording import refusal
from tenants import resellers, roles, users
from tenants.models import Role
from tenants.permissions import STANDARD_ROLES, Permission
from tenants.roles import StaleRoleError
from tenants.staff import NAME_LENGTH

CHANGED = "roles-changed"
_STANDARD = {name.lower().replace(" ", "-"): (name, rights) for name, rights in STANDARD_ROLES}


def _without_nul(text: str | None) -> str:
    # PostgreSQL takes no zero byte
    return (text or "").replace("\x00", "").strip()


class RoleForm(FlaskForm):  # type: ignore[misc]  # flask-wtf has no types
    """Name and place of a role; its rights are the boxes named `permissions`."""

    version = HiddenField()
    reseller_id = SelectField(_l("Reseller"), coerce=int)
    name = StringField(
        _l("Name"),
        [
            InputRequired(_l("Enter a name.")),
            Length(max=NAME_LENGTH, message=_l("This is too long.")),
            no_card_number,
        ],
        filters=[_without_nul],
    )


@bp.get("/new")
@office_view(Permission.ROLES_WRITE)
def new() -> ResponseReturnValue:
    """An empty role, or one that begins as a standard role, as far as one may give it.

    The name and the reseller that were chosen in the form already stay.
    """
    name, rights = _STANDARD.get(request.args.get("standard", ""), ("", frozenset()))
    typed = request.args.get("name", "").strip()[:NAME_LENGTH]
    if typed and typed not in {standard for standard, _rights in _STANDARD.values()}:
        name = typed
    scope = current_scope()
    reseller_id = request.args.get("reseller_id", type=int)
    if reseller_id not in scope.reseller_ids:
        reseller_id = scope.home_reseller_id
    form = RoleForm(formdata=None, data={"reseller_id": reseller_id, "name": name})
    _offer(form)
    return _draw(form, {one.value for one in rights} & current_me().permissions)


@bp.get("/<int:role_id>/copy")
@office_view(Permission.ROLES_WRITE)
def copy(role_id: int) -> ResponseReturnValue:
    """A new role that begins with the rights of this one."""
    with unit_of_work() as session:
        role = roles.get_role(session, role_id)
    form = RoleForm(
        formdata=None,
        data={"reseller_id": role.reseller_id, "name": _("%(name)s, copy", name=role.name)},
    )
    _offer(form)
    return _draw(form, set(role.permissions) & current_me().permissions)


@bp.post("/new")
@office_view(Permission.ROLES_WRITE)
def create() -> ResponseReturnValue:
    form = RoleForm()
    _offer(form)
    wanted = request.form.getlist("permissions")
    if not form.validate():
        return _draw(form, wanted, status=422)
    try:
        with unit_of_work() as session:
            if not _is_repeated(session, form, wanted):
                roles.create_role(
                    session,
                    reseller_id=form.reseller_id.data,
                    name=form.name.data or "",
                    permissions=wanted,
                    mine=current_me().permissions,
                )
    except (InvalidInputError, ConflictError) as error:
        return _refuse(form, None, wanted, error)
    return _saved(form)


@bp.get("/<int:role_id>")
@office_view(Permission.ROLES_READ)
def show(role_id: int) -> ResponseReturnValue:
    """What the role allows; a form for who may change it."""
    with unit_of_work() as session:
        role = roles.get_role(session, role_id)
    form = RoleForm(formdata=None, obj=role)
    _offer(form)
    return _draw(form, role.permissions, role)


@bp.post("/<int:role_id>")
@office_view(Permission.ROLES_WRITE)
def update(role_id: int) -> ResponseReturnValue:
    with unit_of_work() as session:
        role = roles.get_role(session, role_id)
        is_own = role_id == _my_role_id(session)
    form = RoleForm(data={"reseller_id": role.reseller_id})
    _offer(form)
    # the boxes of one's own role are drawn shut, so browsers send none of them
    wanted = list(role.permissions) if is_own else request.form.getlist("permissions")
    if not form.validate():
        return _draw(form, wanted, role, status=422)
    try:
        with unit_of_work() as session:
            roles.update_role(
                session,
                role_id,
                name=form.name.data or "",
                permissions=wanted,
                version=request.form.get("version", 0, type=int),
                mine=current_me().permissions,
                my_role_id=_my_role_id(session),
            )
    except (InvalidInputError, ConflictError) as error:
        return _refuse(form, role, wanted, error)
    return _saved(form)


@bp.post("/<int:role_id>/delete")
@office_view(Permission.ROLES_WRITE)
def delete(role_id: int) -> ResponseReturnValue:
    """Only a role that nobody has."""
    with unit_of_work() as session:
        roles.delete_role(
            session,
            role_id,
            mine=current_me().permissions,
            my_role_id=_my_role_id(session),
        )
    return saved(_("The role is deleted."), changed=CHANGED, address=url_for("office_roles.index"))


def _my_role_id(session: Session) -> int | None:
    user_id = current_me().user_id
    return None if user_id is None else users.get_user(session, user_id).role_id


def _is_repeated(session: Session, form: RoleForm, wanted: list[str]) -> bool:
    """Whether this very role exists: the form was sent twice."""
    known = session.scalar(
        select(Role).where(
            Role.reseller_id == form.reseller_id.data,
            Role.name == " ".join((form.name.data or "").split()),
        )
    )
    mine = current_me().permissions
    return known is not None and known.permissions == roles.checked_permissions(wanted, mine)


def _offer(form: RoleForm) -> None:
    with unit_of_work() as session:
        form.reseller_id.choices = to_choices(
            [(one.id, one.name) for one in resellers.list_resellers(session)]
        )


def _saved(form: RoleForm) -> Response:
    return saved(
        _("%(name)s is saved.", name=form.name.data),
        changed=CHANGED,
        address=url_for("office_roles.index"),
    )


def _refuse(
    form: RoleForm,
    role: Role | None,
    wanted: list[str],
    error: InvalidInputError | ConflictError,
) -> Response:
    if isinstance(error, InvalidInputError) and put_error(form, error):
        return _draw(form, wanted, role, status=422)
    if isinstance(error, StaleRoleError) and role is not None:
        with unit_of_work() as session:
            role = roles.get_role(session, role.id)
        form.version.data = str(role.version)
    return _draw(form, wanted, role, status=error.http_status, messages=[refusal(error)])


def _draw(
    form: RoleForm,
    granted: Any,  # noqa: ANN401 (any collection of rights)
    role: Role | None = None,
    *,
    status: int = 200,
    messages: list[str] | None = None,
) -> Response:
    me = current_me()
    with unit_of_work() as session:
        is_own = role is not None and role.id == _my_role_id(session)
    is_stronger = role is not None and not roles.is_within(role.permissions, me.permissions)
    page = render(
        "office/roles/form.html",
        "office/roles/_form.html",
        status=status,
        form=form,
        role=role,
        lines=make_matrix(granted, me.permissions),
        rights=RIGHTS,
        standard=[(key, name) for key, (name, _rights) in _STANDARD.items()],
        is_own=is_own,
        is_stronger=is_stronger,
        may_write=not is_stronger and Permission.ROLES_WRITE in me.permissions,
        messages=messages or [],
    )
    return hx(page, trigger={"dialog:open": {}}) if status == 200 else page
