"""Mail to people who sign in: the link that sets a first password, and news of their account."""

from flask import current_app, url_for

from core.config import Settings
from core.db import Session
from core.errors import ConflictError, InvalidInputError
from core.ids import new_id
from mail import templates
from mail.queue import MailKind, queue_mail
from tenants import password_resets, resellers, signin_accounts
from tenants.models import Reseller
from tenants.signin_accounts import Account
from tenants.signin_sessions import hash_token


def queue_invitation(session: Session, reseller: Reseller, user_id: int) -> None:
    """Put the mail into the queue of the reseller; `session` is of the platform role.

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


def queue_security_notice(session: Session, account: Account, what: str) -> bool:
    """Tell a person what happened to its account; False for platform staff, who have no mail.

    `what` is one of the cases of the letter `security_notice`.
    """
    if account.reseller_id is None or not account.email:
        return False
    letter = templates.write(
        session,
        reseller_id=account.reseller_id,
        name="security_notice",
        locale=account.locale,
        variables={
            "name": account.name,
            "login": account.label,
            "what": what,
            "is_client": account.area == "panel",
            "sender_name": resellers.get_reseller(session, account.reseller_id).name,
        },
    )
    try:
        queue_mail(
            session,
            reseller_id=account.reseller_id,
            client_id=account.client_id,
            kind=MailKind.SECURITY,
            dedupe_key=f"security:{new_id()}",
            to_address=account.email,
            subject=letter.subject,
            body_text=letter.text,
            body_html=letter.html,
        )
    except InvalidInputError:
        # an address that no mail reaches must not keep the change from being made
        return False
    return True
