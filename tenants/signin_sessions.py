"""Signed-in browsers as rows: begun at sign-in, ended with a reason, listed for their owner.

Rows of every tenant: `session` is one of the platform role.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import ColumnElement, delete, select, update

from core.clock import now
from core.db import Session
from core.ids import new_token
from tenants.models import Client
from tenants.platform_models import PlatformSettings
from tenants.signin_models import PasswordReset, SecondFactor, SignInSession

Area = Literal["office", "platform", "panel"]


@dataclass(frozen=True, slots=True)
class Lifetime:
    """How long a session lives unused, and how long at most."""

    idle: timedelta
    absolute: timedelta


STAFF = Lifetime(idle=timedelta(minutes=30), absolute=timedelta(hours=12))
PANEL = Lifetime(idle=timedelta(hours=12), absolute=timedelta(days=7))
LIFETIMES: dict[Area, Lifetime] = {"office": STAFF, "platform": STAFF, "panel": PANEL}
"""Where the platform's settings say nothing else of staff."""
COOKIE_LIFE: dict[Area, timedelta] = {
    "office": timedelta(days=1),
    "platform": timedelta(days=1),
    "panel": PANEL.absolute,
}
"""How long browsers keep the cookie: the longest that settings allow; the row decides."""
# a row per click would make every read a write
SEEN_EVERY = timedelta(minutes=1)
KEPT_AFTER_END = timedelta(days=30)
# between the password and the second factor
SECOND_STEP_WITHIN = timedelta(minutes=10)
# staff signed in as somebody beneath
ACTING_FOR = timedelta(minutes=30)
# recovery codes go with their factor
_OF_PERSONS = (SignInSession, PasswordReset, SecondFactor)


@dataclass(frozen=True, slots=True)
class OpenSession:
    """One line of "my sessions"; `key` names it without being of use as a cookie.

    `acting_label`: who of the staff is signed in as this person; empty for the person itself.
    """

    key: str
    ip: str
    user_agent: str
    created_at: datetime
    last_seen_at: datetime
    is_current: bool
    acting_label: str = ""


@dataclass(frozen=True, slots=True)
class ActingSession:
    """Somebody as whom the staff behind a session are signed in."""

    key: str
    area: Area
    subject_id: int
    reason: str
    created_at: datetime
    expires_at: datetime
    may_write: bool


def hash_token(token: str) -> bytes:
    """What is stored instead of a secret of 256 random bits."""
    return hashlib.sha256(token.encode()).digest()


def lifetime_of(session: Session, area: Area) -> Lifetime:
    """How long sessions of the area live, by the settings of the platform."""
    if area == "panel":
        return PANEL
    settings = session.get(PlatformSettings, 1)
    if settings is None:
        return LIFETIMES[area]
    return Lifetime(
        idle=timedelta(minutes=settings.staff_idle_min),
        absolute=timedelta(minutes=settings.staff_longest_min),
    )


def begin_session(
    session: Session,
    *,
    area: Area,
    subject_id: int,
    reseller_id: int | None,
    ip: str,
    user_agent: str,
    with_factor: bool = False,
) -> str:
    """A new row; returns the token for the cookie, which is known nowhere else.

    `with_factor`: the person has just shown its second factor.
    """
    token = new_token()
    at = now()
    session.add(
        SignInSession(
            token_hash=hash_token(token),
            area=area,
            subject_id=subject_id,
            reseller_id=reseller_id,
            ip=ip,
            user_agent=user_agent[:300],
            created_at=at,
            last_seen_at=at,
            expires_at=at + lifetime_of(session, area).absolute,
            factor_at=at if with_factor else None,
        )
    )
    session.flush()
    return token


def begin_acting_session(
    session: Session,
    *,
    area: Area,
    subject_id: int,
    reseller_id: int,
    parent_hash: bytes,
    label: str,
    reason: str,
    ip: str,
    user_agent: str,
) -> str:
    """A session of staff as somebody beneath; the token of its cookie.

    It lives inside the session `parent_hash` and for `ACTING_FOR` at most; an earlier one of the
    same parent in this area ends.
    """
    _end_all(
        session,
        "replaced",
        SignInSession.parent_hash == parent_hash,
        SignInSession.area == area,
    )
    token = new_token()
    at = now()
    session.add(
        SignInSession(
            token_hash=hash_token(token),
            area=area,
            subject_id=subject_id,
            reseller_id=reseller_id,
            ip=ip,
            user_agent=user_agent[:300],
            created_at=at,
            last_seen_at=at,
            expires_at=at + ACTING_FOR,
            parent_hash=parent_hash,
            acting_label=label,
            acting_reason=reason,
        )
    )
    session.flush()
    return token


def list_acting(session: Session, parent_hash: bytes) -> list[ActingSession]:
    """As whom the staff behind this session are signed in now."""
    rows = session.scalars(
        select(SignInSession)
        .where(
            SignInSession.parent_hash == parent_hash,
            SignInSession.ended_at.is_(None),
            SignInSession.expires_at > now(),
        )
        .order_by(SignInSession.created_at.desc())
    )
    return [
        ActingSession(
            key=row.token_hash.hex(),
            area=row.area,  # type: ignore[arg-type]  # checked by the table
            subject_id=row.subject_id,
            reason=row.acting_reason or "",
            created_at=row.created_at,
            expires_at=row.expires_at,
            may_write=row.writes_since is not None,
        )
        for row in rows
    ]


def switch_writing(session: Session, token_hash: bytes, *, on: bool) -> bool:
    """Let an acting session write, or only look again; False when that is so already."""
    column = SignInSession.writes_since
    return bool(
        session.scalars(
            update(SignInSession)
            .where(
                SignInSession.token_hash == token_hash,
                SignInSession.parent_hash.is_not(None),
                SignInSession.ended_at.is_(None),
                column.is_(None) if on else column.is_not(None),
            )
            .values(writes_since=now() if on else None)
            .returning(SignInSession.token_hash)
            .execution_options(synchronize_session=False)
        ).all()
    )


def end_acting(session: Session, parent_hash: bytes, key: str, reason: str) -> bool:
    """End a session as another, by its key; only the staff's whose session is its parent."""
    try:
        token_hash = bytes.fromhex(key)
    except ValueError:
        return False
    return _end(
        session,
        reason,
        SignInSession.parent_hash == parent_hash,
        SignInSession.token_hash == token_hash,
    )


def list_sessions(
    session: Session, *, area: Area, subject_id: int, current: bytes
) -> list[OpenSession]:
    """The person's sessions that are still open, the one in use first, then by last use."""
    at = now()
    rows = session.scalars(
        select(SignInSession)
        .where(
            *_of(area, subject_id),
            SignInSession.expires_at > at,
            SignInSession.last_seen_at > at - lifetime_of(session, area).idle,
        )
        .order_by(
            (SignInSession.token_hash == current).desc(),
            SignInSession.last_seen_at.desc(),
        )
    )
    return [
        OpenSession(
            key=row.token_hash.hex(),
            ip=row.ip,
            user_agent=row.user_agent,
            created_at=row.created_at,
            last_seen_at=row.last_seen_at,
            is_current=row.token_hash == current,
            acting_label=row.acting_label or "",
        )
        for row in rows
    ]


def end_session(session: Session, *, area: Area, subject_id: int, key: str, reason: str) -> bool:
    """End one of the person's own sessions; False when there is no such open one."""
    try:
        token_hash = bytes.fromhex(key)
    except ValueError:
        return False
    return _end(
        session,
        reason,
        *_of(area, subject_id),
        SignInSession.token_hash == token_hash,
    )


def end_sessions(
    session: Session, *, area: Area, subject_id: int, reason: str, keep: bytes | None = None
) -> bool:
    """End all sessions of a person, but the one whose hash is `keep`; True if there were any."""
    conditions = _of(area, subject_id)
    if keep is not None:
        conditions.append(SignInSession.token_hash != keep)
    return _end(session, reason, *conditions)


def end_sessions_of(session: Session, reseller_ids: Sequence[int], reason: str) -> int:
    """End every session of the staff and clients of these resellers; how many there were."""
    return len(_end_all(session, reason, SignInSession.reseller_id.in_(reseller_ids)))


def delete_old_sessions(session: Session) -> None:
    """Forget what ended long ago; the audit log keeps the sign-ins."""
    session.execute(delete(SignInSession).where(SignInSession.expires_at < now() - KEPT_AFTER_END))


def delete_sessions_of_client(session: Session, client_id: int) -> None:
    """Forget how and from where a client signed in, after it was removed for good."""
    for table in _OF_PERSONS:
        session.execute(delete(table).where(table.area == "panel", table.subject_id == client_id))


def delete_sessions_of_erased(session: Session) -> None:
    """The same for every client that was removed for good, whatever became of the request."""
    for table in _OF_PERSONS:
        erased = select(Client.id).where(
            Client.id == table.subject_id, Client.erased_at.is_not(None)
        )
        session.execute(delete(table).where(table.area == "panel", erased.exists()))


def _of(area: Area, subject_id: int) -> list[ColumnElement[bool]]:
    return [
        SignInSession.area == area,
        SignInSession.subject_id == subject_id,
        SignInSession.ended_at.is_(None),
    ]


def _end(session: Session, reason: str, *conditions: ColumnElement[bool]) -> bool:
    return bool(_end_all(session, reason, *conditions))


def _end_all(session: Session, reason: str, *conditions: ColumnElement[bool]) -> Sequence[bytes]:
    ended = _end_now(session, reason, *conditions)
    if ended:
        # what was opened inside them is over too
        _end_now(session, "parent_ended", SignInSession.parent_hash.in_(ended))
    return ended


def _end_now(session: Session, reason: str, *conditions: ColumnElement[bool]) -> Sequence[bytes]:
    return session.scalars(
        update(SignInSession)
        .where(*conditions, SignInSession.ended_at.is_(None))
        .values(ended_at=now(), ended_reason=reason)
        .returning(SignInSession.token_hash)
        .execution_options(synchronize_session=False)
    ).all()
