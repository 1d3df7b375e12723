"""Attempts that cost: counted per person and place in PostgreSQL, answered later and later.

An attempt is counted before it is looked at and forgiven when it was right, so that many at once
cannot slip through. Rows of the platform role; emptying Redis frees nobody.
"""

import hashlib
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert

from core.clock import now
from core.db import Session
from core.errors import TooManyAttemptsError
from tenants.signin_models import SignInThrottle


@dataclass(frozen=True, slots=True)
class Limit:
    """`free` attempts cost nothing; each further one doubles the wait, up to `longest_s`."""

    free: int
    longest_s: int
    forgotten_after: timedelta


# one person at one place: nobody else is ever kept waiting by it, so it may wait long
PAIR = Limit(free=5, longest_s=15 * 60, forgotten_after=timedelta(hours=24))
# a place: an office of many people shares one address
PLACE = Limit(free=20, longest_s=15 * 60, forgotten_after=timedelta(hours=1))
# a person from everywhere: strangers can fill it, so it only slows down and never locks out
PERSON = Limit(free=30, longest_s=30, forgotten_after=timedelta(hours=1))
# mails that a stranger may cause to be sent to one person
MAILS = Limit(free=3, longest_s=60 * 60, forgotten_after=timedelta(hours=24))


@dataclass(frozen=True, slots=True)
class Key:
    """What is counted: `name` says nothing about the person but to who knows it."""

    name: str
    limit: Limit


def make_key(purpose: str, *parts: object, limit: Limit) -> Key:
    """A key for `purpose` (`sign_in`, `reset`, …); the parts are hashed."""
    digest = hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()
    return Key(f"{purpose}:{digest[:40]}", limit)


def place_of(ip: str) -> str:
    """The network that an address belongs to: /24 of IPv4, /56 of IPv6."""
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return ip
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    plain = mapped or address
    bits = 24 if plain.version == 4 else 56
    return str(ipaddress.ip_network((plain, bits), strict=False))


def count_attempt(session: Session, keys: Iterable[Key]) -> None:
    """Count one attempt under every key; raises TooManyAttemptsError while one of them waits."""
    limits = {key.name: key.limit for key in keys}
    # rows are made and locked in one order by everybody, so two attempts never wait for each other
    session.execute(
        insert(SignInThrottle)
        .values([{"key": name, "failures": 0, "last_failure_at": now()} for name in sorted(limits)])
        .on_conflict_do_nothing()
    )
    rows = session.scalars(
        select(SignInThrottle)
        .where(SignInThrottle.key.in_(limits))
        .order_by(SignInThrottle.key)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    # not before: whoever held the rows has moved their times on
    at = now()
    _refuse_while_blocked(rows, at)
    for row in rows:
        limit = limits[row.key]
        stale = row.last_failure_at < at - limit.forgotten_after
        row.failures = 1 if stale else row.failures + 1
        row.last_failure_at = at
        row.blocked_until = _blocked_until(row, limit)
    session.flush()


def forgive(session: Session, keys: Iterable[Key]) -> None:
    """Forget what was counted under these keys: the attempt was right."""
    session.execute(
        delete(SignInThrottle).where(SignInThrottle.key.in_([key.name for key in keys]))
    )


def take_back(session: Session, keys: Iterable[Key]) -> None:
    """Uncount one attempt: a place is not to blame for a right one, nor cleared by it."""
    limits = {key.name: key.limit for key in keys}
    for row in session.scalars(
        select(SignInThrottle)
        .where(SignInThrottle.key.in_(limits))
        .order_by(SignInThrottle.key)
        .with_for_update()
        .execution_options(populate_existing=True)
    ):
        row.failures = max(0, row.failures - 1)
        row.blocked_until = _blocked_until(row, limits[row.key])
    session.flush()


def delay(failures: int, limit: Limit) -> timedelta:
    """How long the next attempt waits after so many."""
    over = failures - limit.free
    return timedelta(seconds=0 if over <= 0 else min(limit.longest_s, 2 ** min(over, 30)))


def delete_old_throttles(session: Session) -> None:
    """Forget the counts that no limit looks at any more."""
    oldest = now() - max(limit.forgotten_after for limit in (PAIR, PLACE, PERSON, MAILS))
    session.execute(delete(SignInThrottle).where(SignInThrottle.last_failure_at < oldest))


def _blocked_until(row: SignInThrottle, limit: Limit) -> datetime | None:
    wait = delay(row.failures, limit)
    return row.last_failure_at + wait if wait else None


def _refuse_while_blocked(rows: Iterable[SignInThrottle], at: datetime) -> None:
    until = max((row.blocked_until for row in rows if row.blocked_until), default=at)
    if until > at:
        wait_s = ceil((until - at).total_seconds())
        raise TooManyAttemptsError(
            f"Too many attempts. Please try again in {wait_s} seconds.", wait_s
        )
