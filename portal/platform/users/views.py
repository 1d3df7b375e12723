"""The list of the platform's own staff and the page of one."""

from collections.abc import Sequence
from dataclasses import dataclass

from flask import request
from flask.typing import ResponseReturnValue
from sqlalchemy import func, or_, select

from core.db import Session
from core.errors import InvariantError
from core.platform_uow import platform_unit_of_work
from portal.access import current_viewer, platform_view
from portal.htmx import render
from portal.listing import chosen, render_list
from portal.platform.users.blueprint import bp
from portal.sessions import current_identity
from portal.signed_in_devices import describe
from tenants import platform_staff, second_factor, signin_sessions
from tenants.models import PlatformUser
from tenants.permissions import PlatformPermission
from tenants.platform_models import PlatformAuditRecord
from tenants.signed_in import Identity
from tenants.signin_models import SecondFactor

STATUSES = ("", "active", "invited", "stop")
MOST_PEOPLE = 500
LAST = 12


@dataclass(frozen=True, slots=True)
class Filters:
    """What the address asks for; "invited" are active ones that have no password yet."""

    search: str = ""
    status: str = ""

    @property
    def is_narrowed(self) -> bool:
        return bool(self.search or self.status)


@bp.get("/")
@platform_view(PlatformPermission.USERS_READ)
def index() -> ResponseReturnValue:
    filters = Filters(
        search=request.args.get("q", "").replace("\x00", "").strip()[:100],
        status=chosen("status", STATUSES, ""),
    )
    with platform_unit_of_work() as session:
        rows = _list_people(session, filters)
    return render_list(
        "platform/users/index.html",
        "platform/users/_table.html",
        rows=rows,
        filters=filters,
        me=me(),
        may_write=current_viewer().may(PlatformPermission.USERS_WRITE),
    )


@bp.get("/<int:platform_user_id>")
@platform_view(PlatformPermission.USERS_READ)
def show(platform_user_id: int) -> ResponseReturnValue:
    with platform_unit_of_work() as session:
        user = platform_staff.get_platform_user(session, platform_user_id)
        factor = second_factor.find_state(session, "platform", platform_user_id)
        devices = signin_sessions.list_sessions(
            session, area="platform", subject_id=platform_user_id, current=me().token_hash
        )
        history = session.scalars(
            select(PlatformAuditRecord)
            .where(
                PlatformAuditRecord.object_type == "platform_user",
                PlatformAuditRecord.object_id == str(platform_user_id),
            )
            .order_by(PlatformAuditRecord.id.desc())
            .limit(LAST)
        ).all()
    return render(
        "platform/users/show.html",
        user=user,
        factor=factor,
        devices=[(describe(one.user_agent), one) for one in devices],
        history=history,
        is_me=platform_user_id == me().subject_id,
        may_write=current_viewer().may(PlatformPermission.USERS_WRITE),
    )


def me() -> Identity:
    """The signed-in person of the platform."""
    identity = current_identity()
    if identity is None:
        raise InvariantError("a platform view runs for a signed-in person")
    return identity


def _list_people(session: Session, filters: Filters) -> Sequence[tuple[PlatformUser, bool]]:
    has_factor = (
        select(SecondFactor.subject_id)
        .where(SecondFactor.area == "platform", SecondFactor.subject_id == PlatformUser.id)
        .exists()
    )
    query = select(PlatformUser, has_factor).order_by(
        func.lower(PlatformUser.name), PlatformUser.id
    )
    if filters.search:
        query = query.where(
            or_(
                PlatformUser.name.icontains(filters.search, autoescape=True),
                PlatformUser.email.icontains(filters.search, autoescape=True),
            )
        )
    if filters.status == "stop":
        query = query.where(PlatformUser.status == "stop")
    elif filters.status:
        has_password = PlatformUser.password_hash.is_not(None)
        query = query.where(
            PlatformUser.status == "active",
            has_password if filters.status == "active" else ~has_password,
        )
    return [(user, is_on) for user, is_on in session.execute(query.limit(MOST_PEOPLE))]
