"""Roles as their own reseller's staff make them: nobody gives away more than they have.

`mine` is what the acting person's own role allows; every rule about it is kept here, whatever a
form may send.
"""

from collections.abc import Iterable

from sqlalchemy import func, select, update

from core.db import Session
from core.errors import ConflictError, InvalidInputError, NotAllowedError, NotFoundError
from tenants import audit, staff
from tenants.models import Role, User
from tenants.permissions import Permission

TOO_STRONG = "This role allows more than your own, so you cannot change it."
MORE_THAN_MINE = "You cannot give a right that your own role does not have."
LAST_ONE = "Nobody else could then manage users and roles here. Let somebody else do so first."
KEEPS_THE_DOOR = frozenset({Permission.USERS_WRITE.value, Permission.ROLES_WRITE.value})


class StaleRoleError(ConflictError):
    """Somebody saved the role while the form was open."""

    code = "stale_version"


def get_role(session: Session, role_id: int) -> Role:
    """Raises NotFoundError, also for a role of another tenant."""
    role = session.scalar(select(Role).where(Role.id == role_id))
    if role is None:
        raise NotFoundError("Role not found.")
    return role


def is_within(permissions: Iterable[str], mine: frozenset[str]) -> bool:
    """Whether these rights are no more than one's own."""
    return set(permissions) <= mine


def checked_permissions(wanted: Iterable[str], mine: frozenset[str]) -> list[str]:
    """The rights in order, each once; who may change a section may also see it.

    Raises InvalidInputError for an unknown right, NotAllowedError for one beyond `mine`.
    """
    known = {one.value for one in Permission}
    found = set(wanted)
    if not found <= known:
        raise InvalidInputError("One of these rights is unknown.", "permissions")
    found |= {f"{one.partition(':')[0]}:read" for one in found} & known
    if not is_within(found, mine):
        raise NotAllowedError(MORE_THAN_MINE)
    return sorted(found)


def create_role(
    session: Session,
    *,
    reseller_id: int,
    name: str,
    permissions: Iterable[str],
    mine: frozenset[str],
) -> Role:
    """Raises InvalidInputError for a name that is taken or missing or an unknown right.

    Raises NotAllowedError for a right beyond one's own.
    """
    granted = checked_permissions(permissions, mine)
    return staff.create_role(
        session,
        reseller_id=reseller_id,
        name=name,
        permissions=[Permission(one) for one in granted],
    )


def update_role(
    session: Session,
    role_id: int,
    *,
    name: str,
    permissions: Iterable[str],
    version: int,
    mine: frozenset[str],
    my_role_id: int | None,
) -> Role:
    """Raises NotFoundError, InvalidInputError, StaleRoleError, ConflictError and NotAllowedError.

    Nobody takes rights from the role that is their own, and somebody is left who can manage
    users and roles.
    """
    role = get_role(session, role_id)
    lock_roles(session, role.reseller_id)
    session.refresh(role)
    if not is_within(role.permissions, mine):
        raise NotAllowedError(TOO_STRONG)
    granted = checked_permissions(permissions, mine)
    if role_id == my_role_id and set(granted) != set(role.permissions):
        raise NotAllowedError("You cannot change the rights of your own role.")
    clean = staff.checked_name(name)
    taken = session.scalar(
        select(Role.id).where(
            Role.reseller_id == role.reseller_id, Role.name == clean, Role.id != role_id
        )
    )
    if taken is not None:
        raise InvalidInputError("Another role has this name.", "name")
    before = {"name": role.name, "permissions": list(role.permissions)}
    could = can_manage(session, role.reseller_id)
    _store(session, role, name=clean, granted=granted, version=version)
    if could and not can_manage(session, role.reseller_id):
        raise ConflictError(LAST_ONE)
    _record(
        session,
        role,
        "update",
        audit.differences(before, {"name": clean, "permissions": granted}),
    )
    return role


def delete_role(
    session: Session, role_id: int, *, mine: frozenset[str], my_role_id: int | None
) -> None:
    """Only a role that nobody has; raises NotFoundError, ConflictError, NotAllowedError."""
    role = get_role(session, role_id)
    if not is_within(role.permissions, mine):
        raise NotAllowedError(TOO_STRONG)
    lock_roles(session, role.reseller_id)
    users = session.scalar(select(func.count()).select_from(User).where(User.role_id == role_id))
    if users or role_id == my_role_id:
        raise ConflictError("Somebody has this role. Give these people another one first.")
    _record(
        session,
        role,
        "delete",
        {"name": (role.name, None), "permissions": (role.permissions, None)},
    )
    session.delete(role)
    session.flush()


def lock_roles(session: Session, reseller_id: int) -> None:
    """Let one change of the people of a reseller wait for the other, so that both are judged."""
    session.scalars(
        select(Role.id)
        .where(Role.reseller_id == reseller_id)
        .order_by(Role.id)
        .with_for_update(key_share=True)
    ).all()


def can_manage(session: Session, reseller_id: int) -> bool:
    """Whether anybody of this reseller who can sign in may write users and roles."""
    return (
        session.scalar(
            select(User.id)
            .join(Role, (Role.id == User.role_id) & (Role.reseller_id == User.reseller_id))
            .where(
                User.reseller_id == reseller_id,
                User.status == "active",
                User.password_hash.is_not(None),
                Role.permissions.contains(sorted(KEEPS_THE_DOOR)),
            )
            .limit(1)
        )
        is not None
    )


def _store(session: Session, role: Role, *, name: str, granted: list[str], version: int) -> None:
    changed = session.execute(
        update(Role)
        .where(Role.id == role.id, Role.version == version)
        .values(name=name, permissions=granted, version=Role.version + 1)
        .returning(Role.id)
        .execution_options(synchronize_session=False)
    ).first()
    session.refresh(role)
    if changed is None:
        raise StaleRoleError(
            "Somebody changed this role while you were editing it. Compare and save again."
        )


def _record(
    session: Session, role: Role, action: str, changes: dict[str, tuple[object, object]]
) -> None:
    if changes:
        audit.record(
            session,
            reseller_id=role.reseller_id,
            action=action,
            object_type="role",
            object_id=role.id,
            object_label=role.name,
            changes=changes,
        )
