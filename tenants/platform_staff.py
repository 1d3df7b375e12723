"""Staff of the platform as their own colleagues manage them: one admin is always left.

Rows of the platform role; who did what is kept in `platform_audit`.
"""

from dataclasses import dataclass

from sqlalchemy import func, select, update

from core.db import Session
from core.errors import ConflictError, InvalidInputError, NotAllowedError, NotFoundError
from core.tenancy import Actor
from core.zones import get_zone
from tenants import audit, signin, staff
from tenants.models import PlatformUser
from tenants.permissions import PLATFORM_ROLES
from tenants.signin_accounts import Account, get_account

LAST_ADMIN = "Nobody else could then manage the platform. Make somebody else an admin first."


@dataclass(frozen=True, slots=True)
class PlatformUserDetails:
    """What the form of a person of the platform says."""

    name: str
    email: str
    role: str
    locale: str = "en"
    timezone: str = "UTC"


def get_platform_user(session: Session, user_id: int) -> PlatformUser:
    """Raises NotFoundError."""
    user = session.get(PlatformUser, user_id)
    if user is None:
        raise NotFoundError("User not found.")
    return user


def get_other(session: Session, user_id: int, actor: Actor) -> Account:
    """The account of somebody else; raises NotFoundError, and NotAllowedError for oneself."""
    if user_id == actor.id:
        raise NotAllowedError("You cannot do this to yourself. Open your own account instead.")
    return get_account(session, "platform", user_id)


def create_platform_user(
    session: Session, details: PlatformUserDetails, *, actor: Actor
) -> PlatformUser:
    """A person without a password, who is invited by a link; raises InvalidInputError."""
    user = staff.create_platform_user(
        session,
        email=details.email,
        name=details.name,
        role=details.role,
        timezone=details.timezone,
    )
    user.locale = details.locale
    session.flush()
    _record(
        session, user, "create", {"email": (None, user.email), "role": (None, user.role)}, actor
    )
    return user


def update_platform_user(
    session: Session, user_id: int, details: PlatformUserDetails, *, version: int, actor: Actor
) -> PlatformUser:
    """Raises NotFoundError, InvalidInputError, ConflictError; NotAllowedError for one's own role.

    The last admin stays one.
    """
    _lock_admins(session)
    user = get_platform_user(session, user_id)
    session.refresh(user)
    if details.role not in PLATFORM_ROLES:
        raise InvalidInputError("Choose a role.", "role")
    if user_id == actor.id and details.role != user.role:
        raise NotAllowedError("You cannot change your own role or status.")
    address = staff.checked_address(details.email)
    taken = session.scalar(
        select(PlatformUser.id).where(
            func.lower(PlatformUser.email) == address.lower(), PlatformUser.id != user_id
        )
    )
    if taken is not None:
        raise InvalidInputError("Another user has this address.", "email")
    after: dict[str, object] = {
        "name": staff.checked_name(details.name),
        "email": address,
        "role": details.role,
        "locale": details.locale,
        "timezone": get_zone(details.timezone).key,
    }
    before = {name: getattr(user, name) for name in after}
    changed = session.execute(
        update(PlatformUser)
        .where(PlatformUser.id == user_id, PlatformUser.version == version)
        .values(**after, version=PlatformUser.version + 1)
        .returning(PlatformUser.id)
        .execution_options(synchronize_session=False)
    ).first()
    session.refresh(user)
    if changed is None:
        raise ConflictError(
            "Somebody changed this user while you were editing it. Compare and save again."
        )
    _check_admin_left(session)
    _record(session, user, "update", audit.differences(before, after), actor)
    return user


def change_status(session: Session, user_id: int, status: str, *, actor: Actor) -> bool:
    """Stop or start somebody else; False when it is so already. The last admin is not stopped."""
    if status not in ("active", "stop"):
        raise InvalidInputError("Choose a status.", "status")
    get_other(session, user_id, actor)
    _lock_admins(session)
    user = get_platform_user(session, user_id)
    session.refresh(user)
    if user.status == status:
        return False
    before, user.status, user.version = user.status, status, user.version + 1
    session.flush()
    _check_admin_left(session)
    _record(session, user, "update", {"status": (before, status)}, actor)
    return True


def _lock_admins(session: Session) -> None:
    session.scalars(
        select(PlatformUser.id)
        .where(PlatformUser.role == "admin")
        .order_by(PlatformUser.id)
        .with_for_update()
    ).all()


def _check_admin_left(session: Session) -> None:
    left = session.scalar(
        select(PlatformUser.id)
        .where(
            PlatformUser.role == "admin",
            PlatformUser.status == "active",
            PlatformUser.password_hash.is_not(None),
        )
        .limit(1)
    )
    if left is None:
        raise ConflictError(LAST_ADMIN)


def _record(
    session: Session,
    user: PlatformUser,
    action: str,
    changes: dict[str, tuple[object, object]],
    actor: Actor,
) -> None:
    if changes:
        account = get_account(session, "platform", user.id)
        signin.record_act(session, account, action, actor.ip or "", actor=actor, changes=changes)
