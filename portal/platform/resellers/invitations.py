"""Inviting a user of a reseller once more."""

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy import select

from core.errors import NotFoundError
from core.platform_uow import platform_unit_of_work
from portal.access import platform_view
from portal.invitations import queue_invitation
from portal.platform.actor import platform_actor
from portal.platform.resellers.blueprint import bp
from tenants import audit, resellers
from tenants.models import User
from tenants.permissions import PlatformPermission


@bp.post("/<int:reseller_id>/people/<int:user_id>/invite")
@platform_view(PlatformPermission.TENANTS_WRITE)
def invite(reseller_id: int, user_id: int) -> ResponseReturnValue:
    """Send the invitation once more, with a link of its own."""
    with platform_unit_of_work() as session:
        reseller = resellers.get_reseller(session, reseller_id)
        user = session.scalar(
            select(User).where(User.reseller_id == reseller_id, User.id == user_id)
        )
        if user is None:
            raise NotFoundError("User not found.")
        queue_invitation(session, reseller, user_id)
        audit.record(
            session,
            reseller_id=reseller_id,
            action="invite",
            object_type="user",
            object_id=user_id,
            object_label=user.email,
            actor=platform_actor(),
        )
    flash(_("The invitation to %(email)s is on its way.", email=user.email), "success")
    return redirect(url_for("platform_resellers.show", reseller_id=reseller_id), 303)
