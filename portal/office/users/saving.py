"""Inviting and editing a user."""

from flask import Response, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.exc import IntegrityError

from core.db import Session
from core.errors import ConflictError, InvalidInputError
from core.tenancy import current_scope
from core.uow import unit_of_work
from portal import user_access
from portal.access import current_viewer, office_view
from portal.fields import put_error
from portal.htmx import hx, render
from portal.office.me import current_me
from portal.office.saved import saved
from portal.office.users import queries
from portal.office.users.blueprint import bp
from portal.office.users.forms import UserForm
from portal.wording import refusal
from tenants import resellers, users
from tenants.models import User
from tenants.permissions import Permission
from tenants.roles import is_within
from tenants.users import StaleUserError

CHANGED = "users-changed"


@bp.get("/new")
@office_view(Permission.USERS_WRITE)
def new() -> ResponseReturnValue:
    home_id = current_scope().home_reseller_id
    reseller_id = request.args.get("reseller_id", home_id, type=int)
    with unit_of_work() as session:
        home = resellers.get_reseller(session, reseller_id)
        form = UserForm(
            formdata=None,
            data={
                # kept while another reseller, which has other roles, is chosen
                "name": request.args.get("name", "")[:200],
                "email": request.args.get("email", "")[:320],
                "reseller_id": home.id,
                "timezone": home.timezone,
                "locale": current_viewer().locale or "en",
            },
        )
        _offer(session, form, home.id)
    return _draw(form)


@bp.post("/new")
@office_view(Permission.USERS_WRITE)
def create() -> ResponseReturnValue:
    form = UserForm()
    with unit_of_work() as session:
        reseller_id = request.form.get("reseller_id", 0, type=int)
        _offer(session, form, reseller_id)
    if not form.validate():
        return _draw(form, status=422)
    try:
        user = _create(form)
    except (InvalidInputError, ConflictError) as error:
        return _refuse(form, None, error)
    try:
        user_access.invite(user)
    except (InvalidInputError, ConflictError) as error:
        return saved(
            _("%(name)s is saved, but not invited: %(why)s", name=user.name, why=refusal(error)),
            changed=CHANGED,
            address=url_for("office_users.show", user_id=user.id),
        )
    return saved(
        _("%(name)s is invited by mail.", name=user.name),
        changed=CHANGED,
        address=url_for("office_users.show", user_id=user.id),
    )


@bp.get("/<int:user_id>/edit")
@office_view(Permission.USERS_WRITE)
def edit(user_id: int) -> ResponseReturnValue:
    with unit_of_work() as session:
        user = users.get_managed(session, user_id, current_me())
        form = UserForm(formdata=None, obj=user)
        form.allowed_networks.data = "\n".join(user.allowed_networks)
        _offer(session, form, user.reseller_id, user)
    return _draw(form, user)


@bp.post("/<int:user_id>/edit")
@office_view(Permission.USERS_WRITE)
def update(user_id: int) -> ResponseReturnValue:
    me = current_me()
    with unit_of_work() as session:
        user = users.get_managed(session, user_id, me)
        former = user.email
        form = UserForm(data={"reseller_id": user.reseller_id})
        _offer(session, form, user.reseller_id, user)
    if user_id == me.user_id:
        # drawn as text, not as fields: nobody changes their own
        form.role_id.data, form.status.data = user.role_id, user.status
    if not form.validate():
        return _draw(form, user, status=422)
    is_locked_out = user_id == me.user_id and form.would_lock_out(request.remote_addr or "")
    if is_locked_out and not form.lock_out.data:
        return _draw(form, user, status=422, asks_lock_out=True)
    try:
        with unit_of_work() as session:
            user = users.update_user(
                session,
                user_id,
                form.to_details(),
                version=request.form.get("version", 0, type=int),
                me=me,
            )
    except (InvalidInputError, ConflictError) as error:
        return _refuse(form, user, error)
    _follow(user, former)
    return saved(
        _("%(name)s is saved.", name=user.name),
        changed=CHANGED,
        address=url_for("office_users.show", user_id=user.id),
    )


def _create(form: UserForm) -> User:
    """The new user; the same one again for a form that was sent twice."""
    details, reseller_id = form.to_details(), form.reseller_id.data
    me = current_me()
    try:
        with unit_of_work() as session:
            known = users.find_invited(session, reseller_id=reseller_id, details=details)
            if known is not None:
                return known
            return users.create_user(session, reseller_id=reseller_id, details=details, me=me)
    except IntegrityError as error:
        raise ConflictError("Somebody was faster. Try again.") from error


def _follow(user: User, former: str) -> None:
    """What a change of the person means for its sessions and links."""
    if user.status == "stop":
        user_access.end_sessions(user.id, "stopped")
    if user.email.lower() != former.lower():
        user_access.follow_new_address(user.id, former)


def _offer(session: Session, form: UserForm, reseller_id: int, user: User | None = None) -> None:
    """Only roles that are no stronger than one's own; the present one stays in the list."""
    mine = current_me().permissions
    roles = [
        (role.id, role.name)
        for role in queries.list_roles(session, reseller_id)
        # the present one stays in the list, whatever it allows
        if is_within(role.permissions, mine) or (user is not None and role.id == user.role_id)
    ]
    form.offer(
        [(one.id, one.name) for one in resellers.list_resellers(session)],
        roles,
        locale=user.locale if user is not None else "",
    )


def _refuse(
    form: UserForm, user: User | None, error: InvalidInputError | ConflictError
) -> Response:
    if isinstance(error, InvalidInputError) and put_error(form, error):
        return _draw(form, user, status=422)
    if isinstance(error, StaleUserError) and user is not None:
        with unit_of_work() as session:
            user = users.get_user(session, user.id)
        form.version.data = str(user.version)
    return _draw(form, user, status=error.http_status, messages=[refusal(error)])


def _draw(
    form: UserForm,
    user: User | None = None,
    *,
    status: int = 200,
    messages: list[str] | None = None,
    asks_lock_out: bool = False,
) -> Response:
    page = render(
        "office/users/form.html",
        "office/users/_form.html",
        status=status,
        form=form,
        user=user,
        is_me=user is not None and user.id == current_me().user_id,
        address=request.remote_addr or "",
        messages=messages or [],
        asks_lock_out=asks_lock_out,
    )
    return hx(page, trigger={"dialog:open": {}}) if status == 200 else page
