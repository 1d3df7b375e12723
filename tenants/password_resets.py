"""Links that set a password: 256 random bits, used once; 30 minutes for a forgotten one.

Rows of every tenant: `session` is one of the platform role.
"""

from datetime import timedelta

from sqlalchemy import delete, select, update

from core.clock import now
from core.db import Session
from core.errors import ConflictError, NotFoundError
from core.ids import new_token
from tenants import signin
from tenants.signin_accounts import Account, get_account
from tenants.signin_models import PasswordReset
from tenants.signin_sessions import Area, hash_token

LIFETIME = timedelta(minutes=30)
INVITATION_LIFETIME = timedelta(days=3)
"""Nobody waits for an invitation as for a reset that was just asked for."""


def create_reset(session: Session, account: Account) -> str:
    """A new link's token; the row holds only its hash. Earlier links stay valid."""
    return _create(session, account, LIFETIME)


def create_invitation(session: Session, account: Account) -> str:
    """The token of a link that sets an account's first password.

    Raises ConflictError for an account that has one: its owner asks for a reset by itself.
    """
    if account.password_hash is not None:
        raise ConflictError("This person has a password already.")
    return _create(session, account, INVITATION_LIFETIME)


def _create(session: Session, account: Account, lifetime: timedelta) -> str:
    token = new_token()
    at = now()
    session.add(
        PasswordReset(
            token_hash=hash_token(token),
            area=account.area,
            subject_id=account.subject_id,
            reseller_id=account.reseller_id,
            created_at=at,
            expires_at=at + lifetime,
        )
    )
    session.flush()
    return token


def find_reset(session: Session, realm_areas: tuple[Area, ...], token: str) -> Account | None:
    """Whose password the link sets; None when it is unknown, used, too old or the account shut."""
    row = session.scalar(
        select(PasswordReset).where(
            PasswordReset.token_hash == hash_token(token),
            PasswordReset.area.in_(realm_areas),
            PasswordReset.used_at.is_(None),
            PasswordReset.expires_at > now(),
        )
    )
    if row is None:
        return None
    try:
        account = get_account(session, row.area, row.subject_id)  # type: ignore[arg-type]
    except NotFoundError:
        return None
    return account if account.is_open else None


def use_reset(session: Session, account: Account, token: str, password: str, *, ip: str) -> bool:
    """Set the password once; False when somebody was faster with the same link.

    All other links of the person end too, and all of its sessions. Raises InvalidInputError for a
    weak password, which leaves the link as it is when the caller rolls back.
    """
    at = now()
    used = session.scalar(
        update(PasswordReset)
        .where(
            PasswordReset.token_hash == hash_token(token),
            PasswordReset.used_at.is_(None),
            PasswordReset.expires_at > at,
        )
        .values(used_at=at)
        .returning(PasswordReset.subject_id)
        .execution_options(synchronize_session=False)
    )
    if used is None:
        return False
    end_links(session, account.area, account.subject_id)
    signin.change_password(session, account, password, ip=ip, reason="password_reset")
    return True


def end_links(session: Session, area: Area, subject_id: int) -> None:
    """No link that was mailed to the person before works any more."""
    session.execute(
        update(PasswordReset)
        .where(
            PasswordReset.area == area,
            PasswordReset.subject_id == subject_id,
            PasswordReset.used_at.is_(None),
        )
        .values(used_at=now())
        .execution_options(synchronize_session=False)
    )


def delete_old_resets(session: Session) -> None:
    """Forget links that nobody can use any more."""
    session.execute(delete(PasswordReset).where(PasswordReset.expires_at < now() - LIFETIME))
