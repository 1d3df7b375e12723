"""Users of a reseller as their own colleagues manage them.

`mine` is what the acting person's own role allows: who has more is out of its reach. Nobody changes
their own role or status, and somebody is always left who can manage users and roles.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import func, select, update

from core.db import Session
from core.errors import ConflictError, InvalidInputError, NotAllowedError, NotFoundError
from core.zones import get_zone
from tenants import audit, staff
from tenants.models import Role, User
from tenants.roles import LAST_ONE, MORE_THAN_MINE, can_manage, is_within, lock_roles

USER_STATUSES = ("active", "stop")
TOO_STRONG = "This person may do more than you, so you cannot change it."


class StaleUserError(ConflictError):
    """Somebody saved the user while the form was open."""

    code = "stale_version"


@dataclass(frozen=True, slots=True)
class UserDetails:
    """What the form of a user says; `allowed_networks` come from `tenants.networks`."""

    name: str
    email: str
    role_id: int
    status: str = "active"
    locale: str = "en"
    timezone: str = "UTC"
    allowed_networks: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Me:
    """Who manages: its own id (None for the platform) and what its role allows."""

    user_id: int | None
    permissions: frozenset[str]


def get_user(session: Session, user_id: int) -> User:
    """Raises NotFoundError, also for a user of another tenant."""
    user = session.scalar(select(User).where(User.id == user_id))
    if user is None:
        raise NotFoundError("User not found.")
    return user


def get_managed(session: Session, user_id: int, me: Me) -> User:
    """A user that `me` may manage; raises NotFoundError, and NotAllowedError for a stronger one."""
    user = get_user(session, user_id)
    if not is_within(_role(session, user.reseller_id, user.role_id).permissions, me.permissions):
        raise NotAllowedError(TOO_STRONG)
    return user


def get_other(session: Session, user_id: int, me: Me) -> User:
    """As `get_managed`, and not oneself: raises NotAllowedError too."""
    user = get_managed(session, user_id, me)
    if user.id == me.user_id:
        raise NotAllowedError("You cannot do this to yourself. Open your own account instead.")
    return user


def create_user(session: Session, *, reseller_id: int, details: UserDetails, me: Me) -> User:
    """A person without a password, who is invited by mail.

    Raises InvalidInputError naming the field, NotAllowedError for a role stronger than one's own.
    """
    _check_role(session, reseller_id, details.role_id, me)
    user = staff.create_user(
        session,
        reseller_id=reseller_id,
        role_id=details.role_id,
        email=details.email,
        name=details.name,
        timezone=details.timezone,
        locale=details.locale,
    )
    if details.allowed_networks:
        user.allowed_networks = list(details.allowed_networks)
        session.flush()
        _record(session, user, {"allowed_networks": ([], list(details.allowed_networks))})
    return user


def find_invited(session: Session, *, reseller_id: int, details: UserDetails) -> User | None:
    """The very person that a form sent twice has made; None for anybody else."""
    return session.scalar(
        select(User).where(
            User.reseller_id == reseller_id,
            func.lower(User.email) == details.email.strip().lower(),
            User.name == " ".join(details.name.split()),
            User.role_id == details.role_id,
            User.password_hash.is_(None),
            User.version == 1,
        )
    )


def update_user(
    session: Session, user_id: int, details: UserDetails, *, version: int, me: Me
) -> User:
    """Raises NotFoundError, InvalidInputError, StaleUserError, ConflictError, NotAllowedError."""
    user = get_managed(session, user_id, me)
    lock_roles(session, user.reseller_id)
    session.refresh(user)
    before, after = _facts(user), _checked(session, user, details, me)
    _check_self(user, after, me)
    could = can_manage(session, user.reseller_id)
    changed = session.execute(
        update(User)
        .where(User.id == user_id, User.version == version)
        .values(**after, version=User.version + 1)
        .returning(User.id)
        .execution_options(synchronize_session=False)
    ).first()
    session.refresh(user)
    if changed is None:
        raise StaleUserError(
            "Somebody changed this user while you were editing it. Compare and save again."
        )
    if could and not can_manage(session, user.reseller_id):
        raise ConflictError(LAST_ONE)
    _record(session, user, audit.differences(before, after))
    return user


def change_status(session: Session, user_id: int, status: str, *, me: Me) -> bool:
    """Stop or start somebody else; False when it is so already. Raises as `update_user` does."""
    if status not in USER_STATUSES:
        raise InvalidInputError("Choose a status.", "status")
    user = get_other(session, user_id, me)
    lock_roles(session, user.reseller_id)
    session.refresh(user)
    if user.status == status:
        return False
    before = user.status
    could = can_manage(session, user.reseller_id)
    user.status, user.version = status, user.version + 1
    session.flush()
    if could and not can_manage(session, user.reseller_id):
        raise ConflictError(LAST_ONE)
    _record(session, user, {"status": (before, status)})
    return True


def _checked(session: Session, user: User, details: UserDetails, me: Me) -> dict[str, object]:
    if details.role_id != user.role_id:
        _check_role(session, user.reseller_id, details.role_id, me)
    if details.status not in USER_STATUSES:
        raise InvalidInputError("Choose a status.", "status")
    address = staff.checked_address(details.email)
    taken = session.scalar(
        select(User.id).where(
            User.reseller_id == user.reseller_id,
            func.lower(User.email) == address.lower(),
            User.id != user.id,
        )
    )
    if taken is not None:
        raise InvalidInputError("Another user has this address.", "email")
    return {
        **asdict(details),
        "name": staff.checked_name(details.name),
        "email": address,
        "timezone": get_zone(details.timezone).key,
        "allowed_networks": list(details.allowed_networks),
    }


def _check_self(user: User, after: dict[str, object], me: Me) -> None:
    if user.id == me.user_id and any(
        after[name] != getattr(user, name) for name in ("role_id", "status")
    ):
        raise NotAllowedError("You cannot change your own role or status.")


def _check_role(session: Session, reseller_id: int, role_id: int, me: Me) -> None:
    if not is_within(_role(session, reseller_id, role_id).permissions, me.permissions):
        raise NotAllowedError(MORE_THAN_MINE)


def _role(session: Session, reseller_id: int, role_id: int) -> Role:
    role = session.scalar(select(Role).where(Role.reseller_id == reseller_id, Role.id == role_id))
    if role is None:
        raise InvalidInputError("Choose a role.", "role_id")
    return role


def _facts(user: User) -> dict[str, object]:
    return {name: getattr(user, name) for name in UserDetails.__dataclass_fields__}


def _record(session: Session, user: User, changes: dict[str, tuple[object, object]]) -> None:
    if changes:
        audit.record(
            session,
            reseller_id=user.reseller_id,
            action="update",
            object_type="user",
            object_id=user.id,
            object_label=user.email,
            changes=changes,
        )
