"""Who is signed in: one query a request answers it, and says no to a session that may not go on.

Nothing but its row makes a cookie valid, so what the row's person loses ends at once: a password
changed since, a person stopped, a client deleted or its panel switched off, a reseller suspended.
Rows of every tenant: `session` is one of the platform role.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Executable,
    Row,
    and_,
    bindparam,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.orm import aliased

from core.clock import now
from core.db import Session
from tenants.models import (
    Client,
    ClientCompany,
    ClientLogin,
    PlatformUser,
    Reseller,
    Role,
    User,
)
from tenants.permissions import PLATFORM_ROLES
from tenants.signin_models import SignInSession
from tenants.signin_sessions import LIFETIMES, SEEN_EVERY, Area, hash_token

_TOKEN_HASH: BindParameter[bytes] = bindparam("token_hash")
_SESSION_COLUMNS = (
    SignInSession.token_hash,
    SignInSession.area,
    SignInSession.subject_id,
    SignInSession.reseller_id,
    SignInSession.created_at,
    SignInSession.last_seen_at,
    SignInSession.expires_at,
    SignInSession.ended_at,
)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a valid session belongs to, with all that access and layouts ask about the person.

    `reseller_ids` is the scope: the own reseller first, then its descendants; for a client its
    reseller alone, for platform staff nothing.
    """

    area: Area
    subject_id: int
    name: str
    login: str
    locale: str
    timezone: str
    permissions: frozenset[str]
    reseller_ids: tuple[int, ...]
    reseller_name: str
    role_name: str
    token_hash: bytes

    @property
    def reseller_id(self) -> int | None:
        return self.reseller_ids[0] if self.reseller_ids else None


def find_staff(session: Session, token: str) -> Identity | None:
    """The person of a reseller or of the platform behind a cookie; None when it is not valid."""
    row = session.execute(_STAFF, {"token_hash": hash_token(token)}).one_or_none()
    if row is None or not _is_alive(row):
        return None
    _touch(session, row)
    if row.area == "platform":
        return Identity(
            area="platform",
            subject_id=row.subject_id,
            name=row.name,
            login=row.login,
            locale=row.locale,
            timezone=row.timezone,
            permissions=frozenset(PLATFORM_ROLES[row.platform_role]),
            reseller_ids=(),
            reseller_name="",
            role_name=row.platform_role,
            token_hash=row.token_hash,
        )
    home = row.reseller_id
    return Identity(
        area="office",
        subject_id=row.subject_id,
        name=row.name,
        login=row.login,
        locale=row.locale,
        timezone=row.timezone,
        permissions=frozenset(row.permissions),
        reseller_ids=(home, *sorted(one for one in row.family if one != home)),
        reseller_name=row.reseller_name,
        role_name=row.role_name,
        token_hash=row.token_hash,
    )


def find_client(session: Session, token: str) -> Identity | None:
    """The client behind a panel's cookie; None when it is not valid."""
    row = session.execute(_CLIENT, {"token_hash": hash_token(token)}).one_or_none()
    if row is None or not _is_alive(row):
        return None
    _touch(session, row)
    return Identity(
        area="panel",
        subject_id=row.subject_id,
        name=row.name,
        login=row.login,
        locale=row.company_locale or row.locale,
        timezone=row.timezone,
        permissions=frozenset(),
        reseller_ids=(row.reseller_id,),
        reseller_name=row.reseller_name,
        role_name="",
        token_hash=row.token_hash,
    )


def _is_alive(row: Row[Any]) -> bool:
    at = now()
    changed_at: datetime | None = row.password_changed_at
    return (
        row.ended_at is None
        and row.is_open
        and row.expires_at > at
        and row.last_seen_at > at - LIFETIMES[row.area].idle
        and (changed_at is None or row.created_at >= changed_at)
    )


def _touch(session: Session, row: Row[Any]) -> None:
    at = now()
    if row.last_seen_at <= at - SEEN_EVERY:
        session.execute(
            update(SignInSession)
            .where(SignInSession.token_hash == row.token_hash)
            .values(last_seen_at=at)
            .execution_options(synchronize_session=False)
        )


def is_trading() -> ColumnElement[bool]:
    """True for a row of `Reseller` that is active, and so is everybody above it."""
    above = aliased(Reseller)
    return ~(
        select(above.id)
        .where(above.id == func.any(Reseller.path), above.status != "active")
        .correlate(Reseller)
        .exists()
    )


def _staff_query() -> Executable:
    beneath = aliased(Reseller)
    family = (
        select(func.array_agg(beneath.id))
        .where(beneath.path.contains(array([SignInSession.reseller_id])))
        .correlate(SignInSession)
        .scalar_subquery()
    )
    is_open = or_(
        and_(SignInSession.area == "platform", PlatformUser.status == "active"),
        and_(SignInSession.area == "office", User.status == "active", is_trading()),
    )
    return (
        select(
            *_SESSION_COLUMNS,
            func.coalesce(User.name, PlatformUser.name).label("name"),
            func.coalesce(User.email, PlatformUser.email).label("login"),
            func.coalesce(User.locale, PlatformUser.locale).label("locale"),
            func.coalesce(User.timezone, PlatformUser.timezone).label("timezone"),
            func.coalesce(User.password_changed_at, PlatformUser.password_changed_at).label(
                "password_changed_at"
            ),
            PlatformUser.role.label("platform_role"),
            Role.name.label("role_name"),
            Role.permissions,
            Reseller.name.label("reseller_name"),
            family.label("family"),
            func.coalesce(is_open, False).label("is_open"),
        )
        .select_from(SignInSession)
        .outerjoin(
            User,
            and_(
                SignInSession.area == "office",
                User.id == SignInSession.subject_id,
                User.reseller_id == SignInSession.reseller_id,
            ),
        )
        .outerjoin(Role, Role.id == User.role_id)
        .outerjoin(Reseller, Reseller.id == User.reseller_id)
        .outerjoin(
            PlatformUser,
            and_(SignInSession.area == "platform", PlatformUser.id == SignInSession.subject_id),
        )
        .where(
            SignInSession.token_hash == _TOKEN_HASH,
            SignInSession.area.in_(("office", "platform")),
        )
    )


def _client_query() -> Executable:
    return (
        select(
            *_SESSION_COLUMNS,
            Client.name,
            Client.timezone,
            ClientLogin.login,
            ClientLogin.password_changed_at,
            ClientCompany.locale.label("company_locale"),
            Reseller.locale,
            Reseller.name.label("reseller_name"),
            # a stopped client may still see and pay what it owes
            and_(ClientLogin.enabled, Client.status != "deleted", is_trading()).label("is_open"),
        )
        .select_from(SignInSession)
        .join(
            Client,
            and_(
                Client.id == SignInSession.subject_id,
                Client.reseller_id == SignInSession.reseller_id,
            ),
        )
        .join(ClientLogin, ClientLogin.client_id == Client.id)
        .join(Reseller, Reseller.id == Client.reseller_id)
        .outerjoin(ClientCompany, ClientCompany.client_id == Client.id)
        .where(SignInSession.token_hash == _TOKEN_HASH, SignInSession.area == "panel")
    )


_STAFF = _staff_query()
_CLIENT = _client_query()
