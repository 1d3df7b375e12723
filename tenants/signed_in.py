"""Who is signed in: one query a request answers it, and says no to a session that may not go on.

Nothing but its row makes a cookie valid, so what the row's person loses ends at once: a password
changed since, a person stopped, a client deleted or its panel switched off, a reseller suspended.
Rows of every tenant: `session` is one of the platform role.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

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
from tenants.networks import is_allowed
from tenants.permissions import PLATFORM_ROLES, Permission, PlatformPermission
from tenants.platform_models import PlatformSettings
from tenants.signin_models import SecondFactor, SignInSession
from tenants.signin_sessions import (
    LIFETIMES,
    SECOND_STEP_WITHIN,
    SEEN_EVERY,
    Area,
    hash_token,
)

Factor = Literal["none", "asked", "shown"]
# what signing in as somebody beneath takes, and what changing things there does
_ACTING_RIGHTS: dict[Area, tuple[str, str]] = {
    "platform": (PlatformPermission.TENANTS_EXECUTE, PlatformPermission.TENANTS_WRITE),
    "office": (Permission.CLIENTS_EXECUTE, Permission.CLIENTS_WRITE),
}

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
    SignInSession.factor_at,
    SignInSession.parent_hash,
    SignInSession.writes_since,
)


@dataclass(frozen=True, slots=True)
class Acting:
    """Who is really there when staff are signed in as somebody beneath."""

    by_area: Area
    by_id: int
    by_label: str
    by_name: str
    until: datetime
    may_switch: bool
    """Whether its own role lets it change what it looks at."""
    may_write: bool


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
    factor: Factor = "none"
    """`asked` while a second factor has still to be shown: such a session opens nothing else."""
    acting: Acting | None = None
    has_shortcuts: bool = True
    platform: tuple[str, str, str] | None = None
    """Name, banner and its tone as the platform's settings have them; None: nobody has changed any.

    Staff's pages show them: read with the person, they cost no query of their own.
    """

    @property
    def reseller_id(self) -> int | None:
        return self.reseller_ids[0] if self.reseller_ids else None


def find_staff(session: Session, token: str, ip: str) -> Identity | None:
    """The person of a reseller or of the platform behind a cookie; None when it is not valid.

    Nor is it for somebody at an address that the person may not come from.
    """
    row = session.execute(_STAFF, {"token_hash": hash_token(token)}).one_or_none()
    if row is None or row.parent_hash is not None or not _is_alive(row):
        return None
    if not is_allowed(row.allowed_networks or (), ip):
        return None
    _touch(session, row)
    return _office_identity(row) if row.area == "office" else _platform_identity(row)


def find_client(session: Session, token: str) -> Identity | None:
    """The client behind a panel's cookie; None when it is not valid."""
    row = session.execute(_CLIENT, {"token_hash": hash_token(token)}).one_or_none()
    if row is None or row.parent_hash is not None or not _is_alive(row):
        return None
    _touch(session, row)
    return _client_identity(row)


def find_acting(session: Session, token: str, by: Identity) -> Identity | None:
    """As whom the staff `by` are signed in; None when that is over or of another session.

    The parent's session must be the one that `by` was found by in this very request.
    """
    token_hash = {"token_hash": hash_token(token)}
    query, make = (_STAFF, _office_identity)
    row = session.execute(query, token_hash).one_or_none()
    if row is None:
        query, make = (_CLIENT, _client_identity)
        row = session.execute(query, token_hash).one_or_none()
    if row is None or row.parent_hash != by.token_hash or not _is_alive(row):
        return None
    execute, write = _ACTING_RIGHTS[by.area]
    if execute not in by.permissions:
        return None
    _touch(session, row)
    may_switch = write in by.permissions
    acting = Acting(
        by_area=by.area,
        by_id=by.subject_id,
        by_label=by.login,
        by_name=by.name,
        until=row.expires_at,
        may_switch=may_switch,
        may_write=may_switch and row.writes_since is not None,
    )
    return replace(make(row), acting=acting, factor="none")


def _platform(row: Row[Any]) -> tuple[str, str, str] | None:
    if row.platform_name is None:
        return None
    return row.platform_name, row.platform_banner, row.platform_banner_level


def _office_identity(row: Row[Any]) -> Identity:
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
        factor=_factor(row),
        has_shortcuts=row.has_shortcuts,
        platform=_platform(row),
    )


def _platform_identity(row: Row[Any]) -> Identity:
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
        factor=_factor(row),
        has_shortcuts=row.has_shortcuts,
        platform=_platform(row),
    )


def _client_identity(row: Row[Any]) -> Identity:
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
        factor=_factor(row),
    )


def _factor(row: Row[Any]) -> Factor:
    if not row.has_factor:
        return "none"
    return "asked" if row.factor_at is None else "shown"


def _is_alive(row: Row[Any]) -> bool:
    at = now()
    changed_at: datetime | None = row.password_changed_at
    is_pending = row.parent_hash is None and row.has_factor and row.factor_at is None
    return (
        row.ended_at is None
        and row.is_open
        and row.expires_at > at
        and row.last_seen_at > at - _idle(row)
        and (changed_at is None or row.created_at >= changed_at)
        and not (is_pending and row.created_at <= at - SECOND_STEP_WITHIN)
    )


def _idle(row: Row[Any]) -> timedelta:
    if row.area == "panel" or row.staff_idle_min is None:
        return LIFETIMES[row.area].idle
    return timedelta(minutes=row.staff_idle_min)


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
            select(PlatformSettings.staff_idle_min).scalar_subquery().label("staff_idle_min"),
            select(PlatformSettings.name).scalar_subquery().label("platform_name"),
            select(PlatformSettings.banner).scalar_subquery().label("platform_banner"),
            select(PlatformSettings.banner_level).scalar_subquery().label("platform_banner_level"),
            func.coalesce(User.name, PlatformUser.name).label("name"),
            func.coalesce(User.email, PlatformUser.email).label("login"),
            func.coalesce(User.locale, PlatformUser.locale).label("locale"),
            func.coalesce(User.timezone, PlatformUser.timezone).label("timezone"),
            func.coalesce(User.password_changed_at, PlatformUser.password_changed_at).label(
                "password_changed_at"
            ),
            func.coalesce(User.keyboard_shortcuts, PlatformUser.keyboard_shortcuts).label(
                "has_shortcuts"
            ),
            PlatformUser.role.label("platform_role"),
            Role.name.label("role_name"),
            Role.permissions,
            User.allowed_networks,
            _has_factor().label("has_factor"),
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
            SignInSession.area != "panel",
        )
    )


def _has_factor() -> ColumnElement[bool]:
    """Whether the person of a session has a second factor."""
    return (
        select(SecondFactor.subject_id)
        .where(
            SecondFactor.area == SignInSession.area,
            SecondFactor.subject_id == SignInSession.subject_id,
        )
        .correlate(SignInSession)
        .exists()
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
            _has_factor().label("has_factor"),
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
