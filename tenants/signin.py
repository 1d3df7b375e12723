"""Signing in and changing a password: what is checked, what is recorded, what ends.

Rows of every tenant: `session` is one of the platform role. The same words and the same work
answer an unknown name and a wrong password.
"""

from collections.abc import Mapping, Sequence

import structlog
from sqlalchemy import update
from sqlalchemy.orm import InstrumentedAttribute

from core.clock import now
from core.db import Session
from core.tenancy import Actor
from tenants import audit, passwords, platform_audit, signin_sessions
from tenants.models import ClientLogin, PlatformUser, User
from tenants.signin_accounts import MAX_ACCOUNTS, Account
from tenants.signin_sessions import Area

# longer than any password that can be set, shorter than what costs time to hash
LONGEST_TRIED = 1024

_log = structlog.get_logger(__name__)
_OBJECTS: dict[Area, str] = {"office": "user", "platform": "platform_user", "panel": "client"}
_ROWS: dict[Area, tuple[type[User | PlatformUser | ClientLogin], InstrumentedAttribute[int]]] = {
    "office": (User, User.id),
    "platform": (PlatformUser, PlatformUser.id),
    "panel": (ClientLogin, ClientLogin.client_id),
}


def find_match(accounts: Sequence[Account], password: str, ip: str) -> Account | None:
    """The one account, open to who comes from `ip`, that the password fits; None for none or more.

    Tries `MAX_ACCOUNTS` passwords in any case, so that the time taken does not tell how many
    accounts there are. Slow by design: call it with no transaction open.
    """
    return choose_open(list_fitting(accounts, password), ip)


def list_fitting(accounts: Sequence[Account], password: str) -> list[Account]:
    """Those that the password fits, open or not; slow by design, as above."""
    tried = password[:LONGEST_TRIED]
    hashes = [account.password_hash for account in accounts[:MAX_ACCOUNTS]]
    hashes += [None] * (MAX_ACCOUNTS - len(hashes))
    fits = [passwords.verify_password(stored, tried) for stored in hashes]
    return [account for account, is_right in zip(accounts, fits, strict=False) if is_right]


def choose_open(fitting: Sequence[Account], ip: str) -> Account | None:
    """The one of them that is open to who comes from `ip`; None for none or more."""
    matches = [account for account in fitting if account.is_open_at(ip)]
    return matches[0] if len(matches) == 1 else None


def record_sign_in(
    session: Session, account: Account, *, password: str, ip: str, user_agent: str
) -> str | None:
    """Begin the session of a matched account; returns the cookie's token.

    None when the password was changed since it was tried. A hash of older parameters is renewed.
    The session of a person with a second factor opens nothing before that was shown.
    """
    stored = account.password_hash or ""
    values: dict[str, object] = {} if account.has_factor else {"last_sign_in_at": now()}
    if passwords.needs_rehash(stored):
        values["password_hash"] = passwords.hash_password(password)
    table, key = _ROWS[account.area]
    still_right = session.scalar(
        update(table)
        .where(key == account.subject_id, table.password_hash == stored)
        .values(values or {"password_hash": stored})
        .returning(key)
        .execution_options(synchronize_session=False)
    )
    if still_right is None:
        return None
    record_act(session, account, "password_accepted" if account.has_factor else "sign_in", ip)
    return _begin(session, account, ip=ip, user_agent=user_agent)


def record_second_step(
    session: Session, account: Account, *, pending: bytes, ip: str, user_agent: str
) -> str:
    """Begin the full session of a person who has shown its second factor; the cookie's token.

    The one that only knew the password ends: what may have been seen of it opens nothing.
    """
    table, key = _ROWS[account.area]
    session.execute(
        update(table)
        .where(key == account.subject_id)
        .values(last_sign_in_at=now())
        .execution_options(synchronize_session=False)
    )
    signin_sessions.end_session(
        session,
        area=account.area,
        subject_id=account.subject_id,
        key=pending.hex(),
        reason="second_step",
    )
    record_act(session, account, "sign_in", ip)
    return _begin(session, account, ip=ip, user_agent=user_agent, with_factor=True)


def _begin(
    session: Session, account: Account, *, ip: str, user_agent: str, with_factor: bool = False
) -> str:
    return signin_sessions.begin_session(
        session,
        area=account.area,
        subject_id=account.subject_id,
        reseller_id=account.reseller_id,
        ip=ip,
        user_agent=user_agent,
        with_factor=with_factor,
    )


def record_failure(session: Session, accounts: Sequence[Account], ip: str) -> None:
    """Write a refused sign-in into the audit log of each tenant that has such an account."""
    for account in accounts:
        record_act(session, account, "sign_in_failed", ip, by_stranger=True)


def change_password(
    session: Session, account: Account, password: str, *, ip: str, reason: str
) -> None:
    """Set a new password and end every session of the person.

    `reason` is what the audit log says: `password_changed` or `password_reset`. Raises
    InvalidInputError at `password` for a weak one.
    """
    passwords.check_strength(password, context=(account.label, account.name, account.email))
    table, key = _ROWS[account.area]
    session.execute(
        update(table)
        .where(key == account.subject_id)
        .values(password_hash=passwords.hash_password(password), password_changed_at=now())
        .execution_options(synchronize_session=False)
    )
    signin_sessions.end_sessions(
        session, area=account.area, subject_id=account.subject_id, reason=reason
    )
    record_act(session, account, reason, ip)


def record_act(
    session: Session,
    account: Account,
    action: str,
    ip: str,
    *,
    by_stranger: bool = False,
    actor: Actor | None = None,
    changes: Mapping[str, tuple[object, object]] | None = None,
) -> None:
    """Audit what happened to an account; of platform staff, who have no tenant, in its own log.

    `actor` is who did it, where that is not the person itself.
    """
    stranger = Actor("system", None, "unknown", ip) if by_stranger else None
    who = actor or stranger or account.actor(ip)
    if account.reseller_id is None:
        _log.info("signin.platform", action=action, user_id=account.subject_id, ip=ip)
        platform_audit.record(
            session,
            action=action,
            object_type="platform_user",
            object_id=account.subject_id,
            object_label=account.label,
            actor=who,
            changes=changes or {},
        )
        return
    audit.record(
        session,
        reseller_id=account.reseller_id,
        client_id=account.client_id,
        action=action,
        object_type=_OBJECTS[account.area],
        object_id=account.subject_id,
        object_label=account.label,
        changes=changes,
        actor=who,
    )
