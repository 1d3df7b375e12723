"""Signing in as somebody beneath: platform staff as a reseller's, a reseller's staff as a client.

Never upwards, never beside, never out of another such session. Always with a reason; both people
stand in the audit log of the reseller. Rows of the platform role.
"""

from sqlalchemy import select

from core.db import Session
from core.errors import ConflictError, InvalidInputError, NotAllowedError, NotFoundError
from core.tenancy import Actor
from tenants import signin, signin_sessions
from tenants.models import Client
from tenants.permissions import Permission, PlatformPermission
from tenants.signed_in import Identity
from tenants.signin_accounts import Account, get_account
from tenants.signin_sessions import ACTING_FOR

REASON_LENGTH = 500
NOT_IN_ROLE = "Your role does not include this action."
MINUTES = int(ACTING_FOR.total_seconds() // 60)


def begin_as_user(
    session: Session,
    by: Identity,
    *,
    reseller_id: int,
    user_id: int,
    reason: str,
    ip: str,
    user_agent: str,
) -> str:
    """Platform staff in the back office of a reseller, as one of its people; the cookie's token.

    Raises NotAllowedError, NotFoundError, ConflictError for who cannot sign in now, and
    InvalidInputError at `reason`.
    """
    if by.area != "platform" or PlatformPermission.TENANTS_EXECUTE not in by.permissions:
        raise NotAllowedError(NOT_IN_ROLE)
    account = get_account(session, "office", user_id)
    if account.reseller_id != reseller_id:
        raise NotFoundError("Account not found.")
    return _begin(session, by, account, reason, ip=ip, user_agent=user_agent)


def begin_as_client(
    session: Session, by: Identity, *, client_id: int, reason: str, ip: str, user_agent: str
) -> str:
    """A reseller's staff in the panel of a client of theirs or of a reseller beneath.

    Raises as `begin_as_user` does; a client of anybody else does not exist.
    """
    if by.area != "office" or Permission.CLIENTS_EXECUTE not in by.permissions:
        raise NotAllowedError(NOT_IN_ROLE)
    owner = session.scalar(select(Client.reseller_id).where(Client.id == client_id))
    if owner is None or owner not in by.reseller_ids:
        raise NotFoundError("Client not found.")
    try:
        account = get_account(session, "panel", client_id)
    except NotFoundError as error:
        raise ConflictError(
            "The panel of this client is switched off. Switch it on in the client's form first."
        ) from error
    return _begin(session, by, account, reason, ip=ip, user_agent=user_agent)


def switch_writing(session: Session, me: Identity, *, on: bool, ip: str) -> None:
    """Let such a session write, or only look again; raises NotAllowedError.

    Only who may change the same things under their own name may switch it on.
    """
    if me.acting is None:
        raise NotAllowedError(NOT_IN_ROLE)
    if on and not me.acting.may_switch:
        raise NotAllowedError("Your own role may not change this, so you may only look.")
    if signin_sessions.switch_writing(session, me.token_hash, on=on):
        account = get_account(session, me.area, me.subject_id)
        action = "sign_in_as_writing" if on else "sign_in_as_reading"
        signin.record_act(session, account, action, ip, actor=acting_actor(me, ip))


def end(session: Session, me: Identity, *, ip: str) -> None:
    """Be oneself again."""
    if me.acting is None:
        return
    is_ended = signin_sessions.end_session(
        session,
        area=me.area,
        subject_id=me.subject_id,
        key=me.token_hash.hex(),
        reason="ended_by_staff",
    )
    if is_ended:
        account = get_account(session, me.area, me.subject_id)
        signin.record_act(session, account, "sign_in_as_ended", ip, actor=acting_actor(me, ip))


def acting_actor(me: Identity, ip: str | None) -> Actor:
    """Both people: who acts, and for whom."""
    if me.acting is None:
        kind = {"office": "user", "panel": "client"}.get(me.area, me.area)
        return Actor(kind, me.subject_id, me.login, ip)  # type: ignore[arg-type]  # one of its kinds
    by = me.acting
    return Actor(
        "platform" if by.by_area == "platform" else "user",
        by.by_id,
        by.by_label,
        ip,
        on_behalf_of=me.login,
    )


def _begin(
    session: Session, by: Identity, account: Account, reason: str, *, ip: str, user_agent: str
) -> str:
    if by.acting is not None:
        raise NotAllowedError("You are signed in as somebody else already. End that first.")
    why = " ".join(reason.split())
    if not why:
        raise InvalidInputError("Enter the reason.", "reason")
    if len(why) > REASON_LENGTH:
        raise InvalidInputError("Use at most 500 characters.", "reason")
    if not account.is_open or account.reseller_id is None:
        raise ConflictError("This person cannot sign in now, so nobody can in its place.")
    token = signin_sessions.begin_acting_session(
        session,
        area=account.area,
        subject_id=account.subject_id,
        reseller_id=account.reseller_id,
        parent_hash=by.token_hash,
        label=by.login,
        reason=why,
        ip=ip,
        user_agent=user_agent,
    )
    kind = "platform" if by.area == "platform" else "user"
    signin.record_act(
        session,
        account,
        "sign_in_as",
        ip,
        actor=Actor(kind, by.subject_id, by.login, ip, on_behalf_of=account.label),  # type: ignore[arg-type]
        changes={"reason": (None, why), "minutes": (None, MINUTES)},
    )
    return token
