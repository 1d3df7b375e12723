"""PINs that are tried out: counted per client or person and per place, answered later and later.

As the sign-in's throttle does it, in rows of the reseller: a try is counted before the PIN is
looked at and forgiven when it was right, so that many at once cannot slip through.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert

from billing.voucher_models import VoucherThrottle
from core.clock import now
from core.db import Session
from tenants.signin_throttle import Key, Limit, delay, make_key, place_of

PERSON = Limit(free=5, longest_s=60 * 60, forgotten_after=timedelta(hours=24))
# a shop that sells cards, or an office, may redeem for many from one address
PLACE = Limit(free=20, longest_s=60 * 60, forgotten_after=timedelta(hours=24))
_LIMITS = {"client": PERSON, "staff": PERSON, "place": PLACE}


def keys_of(*, person: str, person_id: int, ip: str) -> list[Key]:
    """`person` is client or staff; the place is left out where nobody knows it."""
    keys = [make_key(person, person_id, limit=PERSON)]
    return [*keys, make_key("place", place_of(ip), limit=PLACE)] if ip else keys


def count_try(session: Session, reseller_id: int, keys: Iterable[Key]) -> datetime | None:
    """Count one try under every key; the instant until which none is taken, if that is so."""
    limits = {key.name: key.limit for key in keys}
    # rows are made and locked in one order by everybody, so two tries never wait for each other
    session.execute(
        insert(VoucherThrottle)
        .values(
            [
                {"reseller_id": reseller_id, "key": name, "failures": 0, "last_failure_at": now()}
                for name in sorted(limits)
            ]
        )
        .on_conflict_do_nothing()
    )
    rows = _lock(session, reseller_id, limits)
    # not before: whoever held the rows has moved their times on
    at = now()
    until = max((row.blocked_until for row in rows if row.blocked_until), default=at)
    if until > at:
        return until
    for row in rows:
        limit = limits[row.key]
        stale = row.last_failure_at < at - limit.forgotten_after
        row.failures = 1 if stale else row.failures + 1
        row.last_failure_at = at
        row.blocked_until = _blocked_until(row, limit)
    session.flush()
    return None


def waits_until(session: Session, reseller_id: int, keys: Iterable[Key]) -> datetime | None:
    """Until when the next try would be refused, if it would."""
    rows = _lock(session, reseller_id, {key.name: key.limit for key in keys})
    until = max((row.blocked_until for row in rows if row.blocked_until), default=None)
    return until if until is not None and until > now() else None


def forgive(session: Session, reseller_id: int, keys: Iterable[Key]) -> None:
    """The PIN was right: the person begins anew, the place is only not blamed for this one."""
    limits = {key.name: key.limit for key in keys}
    for row in _lock(session, reseller_id, limits):
        is_place = row.key.startswith("place:")
        row.failures = max(0, row.failures - 1) if is_place else 0
        row.blocked_until = _blocked_until(row, limits[row.key])
    session.flush()


def delete_old(session: Session) -> None:
    """Forget counts that no limit looks at any more, of every tenant."""
    oldest = now() - max(limit.forgotten_after for limit in _LIMITS.values())
    session.execute(delete(VoucherThrottle).where(VoucherThrottle.last_failure_at < oldest))


def _lock(session: Session, reseller_id: int, names: Iterable[str]) -> list[VoucherThrottle]:
    return list(
        session.scalars(
            select(VoucherThrottle)
            .where(VoucherThrottle.reseller_id == reseller_id, VoucherThrottle.key.in_(list(names)))
            .order_by(VoucherThrottle.key)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
    )


def _blocked_until(row: VoucherThrottle, limit: Limit) -> datetime | None:
    wait = delay(row.failures, limit)
    return row.last_failure_at + wait if wait else None
