"""What the list of users and the page of one read."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, or_, select

from core.db import Session
from portal.keyset import Key, Order, Page, Place, read_page, walk
from tenants.models import AuditRecord, Reseller, Role, User

STATUSES = ("", "active", "invited", "stop")
LAST = 10


@dataclass(frozen=True, slots=True)
class Filters:
    """What the address asks for; "invited" are active ones that have no password yet."""

    search: str = ""
    status: str = ""
    reseller_id: int | None = None

    @property
    def is_narrowed(self) -> bool:
        return bool(self.search or self.status or self.reseller_id)


@dataclass(frozen=True, slots=True)
class UserRow:
    """One line of the list."""

    id: int
    name: str
    email: str
    role: str
    role_permissions: frozenset[str]
    reseller: str
    status: str
    is_invited: bool
    second_factor_since: datetime | None
    networks: Sequence[str]
    last_sign_in_at: datetime | None


def read_users(session: Session, filters: Filters, place: Place) -> Page[UserRow]:
    """One page in the order of names."""
    name_key = func.lower(User.name).label("name_key")
    walked = walk(
        select(User.id.label("id"), name_key).where(*_conditions(filters)),
        owner=User.reseller_id,
        order=Order([Key("name_key", str), Key("id", int)]),
        place=place,
        reseller_ids=None if filters.reseller_id is None else [filters.reseller_id],
    )
    query = walked.decorate(
        User,
        Role.name.label("role"),
        Role.permissions,
        Reseller.name.label("reseller"),
        keep=[
            (User, User.id == walked.picked.c.id, False),
            (Role, and_(Role.reseller_id == User.reseller_id, Role.id == User.role_id), False),
            (Reseller, Reseller.id == User.reseller_id, False),
        ],
    )
    return read_page(
        session,
        walked,
        query,
        lambda row: make_row(row.User, row.role, row.permissions, row.reseller),
    )


def find_row(session: Session, user_id: int) -> UserRow | None:
    """The line of one user; None when there is none in scope."""
    row = session.execute(
        select(User, Role.name, Role.permissions, Reseller.name)
        .join(Role, and_(Role.reseller_id == User.reseller_id, Role.id == User.role_id))
        .join(Reseller, Reseller.id == User.reseller_id)
        .where(User.id == user_id)
    ).one_or_none()
    return None if row is None else make_row(*row)


def make_row(user: User, role: str, permissions: Sequence[str], reseller: str) -> UserRow:
    return UserRow(
        id=user.id,
        name=user.name,
        email=user.email,
        role=role,
        role_permissions=frozenset(permissions),
        reseller=reseller,
        status=user.status,
        is_invited=user.password_hash is None,
        second_factor_since=user.second_factor_since,
        networks=user.allowed_networks,
        last_sign_in_at=user.last_sign_in_at,
    )


def list_roles(session: Session, reseller_id: int | None = None) -> Sequence[Role]:
    """Roles of one reseller, or of all in scope, by name."""
    query = select(Role).order_by(func.lower(Role.name), Role.id)
    if reseller_id is not None:
        query = query.where(Role.reseller_id == reseller_id)
    return session.scalars(query).all()


def list_history(session: Session, user_id: int) -> Sequence[AuditRecord]:
    """What happened to the account, newest first."""
    return session.scalars(
        select(AuditRecord)
        .where(AuditRecord.object_type == "user", AuditRecord.object_id == str(user_id))
        .order_by(AuditRecord.id.desc())
        .limit(LAST)
    ).all()


def _conditions(filters: Filters) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if filters.search:
        found.append(
            or_(
                User.name.icontains(filters.search, autoescape=True),
                User.email.icontains(filters.search, autoescape=True),
            )
        )
    if filters.status == "stop":
        found.append(User.status == "stop")
    elif filters.status:
        has_password = User.password_hash.is_not(None)
        found.append(User.status == "active")
        found.append(has_password if filters.status == "active" else ~has_password)
    return found
