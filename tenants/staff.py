"""Staff: roles with their permissions, the people of a reseller and of the platform."""

from collections.abc import Iterable

from sqlalchemy import func, select, update

from core.addresses import checked_email
from core.clock import now
from core.db import Session
from core.errors import InvalidInputError
from core.tenancy import Actor
from core.zones import get_zone
from tenants import audit, passwords
from tenants.models import PlatformUser, Role, User
from tenants.permissions import PLATFORM_ROLES, Permission

NAME_LENGTH = 200


def create_role(
    session: Session,
    *,
    reseller_id: int,
    name: str,
    permissions: Iterable[Permission],
    actor: Actor | None = None,
) -> Role:
    """A named set of permissions; raises InvalidInputError for a name that is taken or missing.

    `actor` is given only where no tenant scope is set.
    """
    clean = checked_name(name)
    taken = session.scalar(
        select(Role.id).where(Role.reseller_id == reseller_id, Role.name == clean)
    )
    if taken is not None:
        raise InvalidInputError("Another role has this name.", "name")
    granted = sorted(Permission(permission).value for permission in permissions)
    role = Role(reseller_id=reseller_id, name=clean, permissions=granted)
    session.add(role)
    session.flush()
    audit.record(
        session,
        reseller_id=reseller_id,
        action="create",
        object_type="role",
        object_id=role.id,
        object_label=clean,
        changes={"name": (None, clean), "permissions": (None, granted)},
        actor=actor,
    )
    return role


def create_user(
    session: Session,
    *,
    reseller_id: int,
    role_id: int,
    email: str,
    name: str,
    password: str | None = None,
    timezone: str = "UTC",
    locale: str = "en",
    actor: Actor | None = None,
) -> User:
    """A person of a reseller; without a password it sets one by an invitation's link.

    `actor` is given only where no tenant scope is set. Raises InvalidInputError for a wrong or
    taken address, an unknown role of this reseller, an unknown time zone, or a weak password.
    """
    clean, address = checked_name(name), checked_address(email)
    taken = session.scalar(
        select(User.id).where(
            User.reseller_id == reseller_id, func.lower(User.email) == address.lower()
        )
    )
    if taken is not None:
        raise InvalidInputError("Another user has this address.", "email")
    role = session.scalar(select(Role).where(Role.reseller_id == reseller_id, Role.id == role_id))
    if role is None:
        raise InvalidInputError("Choose a role.", "role_id")
    user = User(
        reseller_id=reseller_id,
        role_id=role_id,
        email=address,
        name=clean,
        timezone=get_zone(timezone).key,
        locale=locale,
        password_hash=_password(password, clean, address),
        password_changed_at=None if password is None else now(),
    )
    session.add(user)
    session.flush()
    audit.record(
        session,
        reseller_id=reseller_id,
        action="create",
        object_type="user",
        object_id=user.id,
        object_label=address,
        changes={"email": (None, address), "name": (None, clean), "role": (None, role.name)},
        actor=actor,
    )
    return user


def create_platform_user(
    session: Session,
    *,
    email: str,
    name: str,
    role: str = "admin",
    password: str | None = None,
    timezone: str = "UTC",
) -> PlatformUser:
    """A person of the platform's operator (platform role only); raises InvalidInputError."""
    clean, address = checked_name(name), checked_address(email)
    if role not in PLATFORM_ROLES:
        raise InvalidInputError("Choose a role.", "role")
    taken = session.scalar(
        select(PlatformUser.id).where(func.lower(PlatformUser.email) == address.lower())
    )
    if taken is not None:
        raise InvalidInputError("Another user has this address.", "email")
    user = PlatformUser(
        email=address,
        name=clean,
        role=role,
        timezone=get_zone(timezone).key,
        password_hash=_password(password, clean, address),
        password_changed_at=None if password is None else now(),
    )
    session.add(user)
    session.flush()
    return user


def set_keyboard_shortcuts(session: Session, *, area: str, user_id: int, is_on: bool) -> None:
    """Whether single keys act for this person (platform role only: one's own row, any tenant)."""
    model: type[User] | type[PlatformUser] = PlatformUser if area == "platform" else User
    session.execute(update(model).where(model.id == user_id).values(keyboard_shortcuts=is_on))


def checked_name(name: str) -> str:
    """One line of a person's or role's name; raises InvalidInputError at `name`."""
    clean = " ".join(name.split())
    if not clean:
        raise InvalidInputError("Enter a name.", "name")
    if len(clean) > NAME_LENGTH:
        raise InvalidInputError("Use at most %(count)s characters.", "name", count=NAME_LENGTH)
    return clean


def checked_address(email: str) -> str:
    """An address that our mail can reach; raises InvalidInputError at `email`."""
    address = checked_email(email, "email")
    if not address:
        raise InvalidInputError("Enter an e-mail address.", "email")
    return address


def _password(password: str | None, name: str, address: str) -> str | None:
    if password is None:
        return None
    passwords.check_strength(password, context=(name, address))
    return passwords.hash_password(password)
