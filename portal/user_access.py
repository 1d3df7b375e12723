"""How people get in, as their colleagues in the office manage it: sessions, links, second factors.

Sign-in belongs to the role that sees every tenant. The caller has found the person in its own scope
and checked that it may manage it; nothing here asks again.
"""

from flask import request

from core.db import Session
from core.errors import InvariantError, NotFoundError
from core.platform_uow import platform_unit_of_work
from core.tenancy import current_actor
from portal.invitations import queue_invitation, queue_security_notice
from portal.sessions import current_identity
from tenants import (
    password_resets,
    resellers,
    second_factor,
    signin,
    signin_accounts,
    signin_sessions,
    signing_in_as,
)
from tenants.models import User
from tenants.signed_in import Identity
from tenants.signin_sessions import OpenSession


def list_sessions(user_id: int) -> list[OpenSession]:
    """Where a user is signed in."""
    with platform_unit_of_work() as session:
        return signin_sessions.list_sessions(
            session, area="office", subject_id=user_id, current=_me().token_hash
        )


def end_sessions(user_id: int, reason: str, *, key: str | None = None) -> bool:
    """End all sessions of a user, or the one that `key` names; False when there was none."""
    with platform_unit_of_work() as session:
        if key is None:
            is_ended = signin_sessions.end_sessions(
                session, area="office", subject_id=user_id, reason=reason
            )
        else:
            is_ended = signin_sessions.end_session(
                session, area="office", subject_id=user_id, key=key, reason=reason
            )
        if is_ended:
            _record(session, user_id, "sessions_ended" if key is None else "session_ended")
    return is_ended


def invite(user: User) -> None:
    """Mail the link that sets the first password; earlier links stop working.

    Raises ConflictError for who has a password or cannot sign in now, InvalidInputError for an
    address that no mail reaches.
    """
    with platform_unit_of_work() as session:
        password_resets.end_links(session, "office", user.id)
        queue_invitation(session, resellers.get_reseller(session, user.reseller_id), user.id)
        _record(session, user.id, "invite")


def follow_new_address(user_id: int, former: str) -> None:
    """Links mailed to the former address stop working, and it is told of the change."""
    with platform_unit_of_work() as session:
        password_resets.end_links(session, "office", user_id)
        account = signin_accounts.get_account(session, "office", user_id)
        queue_security_notice(session, account.at_address(former), "email_changed")


def reset_second_factor(user_id: int) -> bool:
    """Take a user's second factor away, end its sessions and tell it; False when it had none."""
    with platform_unit_of_work() as session:
        account = signin_accounts.get_account(session, "office", user_id)
        if not second_factor.delete_factor(session, account):
            return False
        signin_sessions.end_sessions(
            session, area="office", subject_id=user_id, reason="second_factor_reset"
        )
        _record(session, user_id, "second_factor_reset")
        queue_security_notice(session, account, "second_factor_reset")
    return True


def begin_as_client(client_id: int, reason: str) -> str:
    """The token of a session in a client's panel; raises as `tenants.signing_in_as` does."""
    with platform_unit_of_work() as session:
        return signing_in_as.begin_as_client(
            session,
            _me(),
            client_id=client_id,
            reason=reason,
            ip=request.remote_addr or "",
            user_agent=request.user_agent.string,
        )


def _record(session: Session, user_id: int, action: str) -> None:
    try:
        account = signin_accounts.get_account(session, "office", user_id)
    except NotFoundError:
        return
    actor = current_actor()
    signin.record_act(session, account, action, actor.ip or "", actor=actor)


def _me() -> Identity:
    identity = current_identity()
    if identity is None:
        raise InvariantError("an office view runs for a signed-in person")
    return identity
