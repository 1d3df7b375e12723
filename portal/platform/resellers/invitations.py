"""Inviting a user of a reseller by mail: a link that sets the first password."""

from flask import current_app, flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy import select

from core.config import Settings
from core.db import Session
from core.errors import ConflictError, InvalidInputError, NotFoundError
from core.platform_uow import platform_unit_of_work
from mail import templates
from mail.queue import MailKind, queue_mail
from portal.access import platform_view
from portal.platform.actor import platform_actor
from portal.platform.resellers.blueprint import bp
from tenants import audit, password_resets, resellers, signin_accounts
from tenants.models import Reseller, User
from tenants.permissions import PlatformPermission
from tenants.signin_sessions import hash_token


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


def queue_invitation(session: Session, reseller: Reseller, user_id: int) -> None:
    """Put the mail into the queue of the reseller.

    Raises ConflictError when the person has a password or cannot sign in now, and
    InvalidInputError for an address that no mail reaches.
    """
    settings: Settings = current_app.extensions["settings"]
    account = signin_accounts.get_account(session, "office", user_id)
    if not account.is_open:
        raise ConflictError("This person cannot sign in now, so it is not invited.")
    token = password_resets.create_invitation(session, account)
    letter = templates.write(
        session,
        reseller_id=reseller.id,
        name="invitation",
        locale=account.locale,
        variables={
            "name": account.name,
            "sender_name": reseller.name,
            "login": account.label,
            # at our configured address: the request's Host header is the sender's to choose
            "reset_url": settings.base_url + url_for("signin.reset", token=token),
            "sign_in_url": settings.base_url + url_for("signin.sign_in"),
            "days": password_resets.INVITATION_LIFETIME.days,
        },
    )
    try:
        queue_mail(
            session,
            reseller_id=reseller.id,
            # its text carries a link that signs in, as a reset's does: nobody reads it in the queue
            kind=MailKind.PASSWORD_RESET,
            dedupe_key=f"invitation:{hash_token(token).hex()[:32]}",
            to_address=account.email,
            subject=letter.subject,
            body_text=letter.text,
            body_html=letter.html,
        )
    except InvalidInputError as error:
        raise InvalidInputError(error.text, "user_email", **error.values) from error
