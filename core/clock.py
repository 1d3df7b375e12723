"""The only place that asks what time it is."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

# An answer that took longer says nothing: the process may have stood still meanwhile.
_LONGEST_ASK = timedelta(seconds=1)
_TOLERANCE = timedelta(seconds=2)
_follows_database = False
_offset = timedelta()


def now() -> datetime:
    """The present instant, aware, in UTC."""
    return own_time() + _offset


def own_time() -> datetime:
    """What this machine's clock says, right or wrong; for `heed` only."""
    return datetime.now(UTC)  # noqa: TID251 (this is the one place)


def today(zone: ZoneInfo) -> date:
    """The present calendar day in `zone`."""
    return now().astimezone(zone).date()


def follow_database() -> None:
    """From now on `now()` is PostgreSQL's time where the own clock is seconds off.

    For processes that run for long: leases and waits of several machines are judged by one clock.
    A machine that is days ahead would else see a lease as over while its holder is at the gateway.
    """
    global _follows_database
    _follows_database = True


def is_followed() -> bool:
    """Whether somebody has to be told the database's time before anything is judged by it."""
    return _follows_database


def heed(database_time: datetime, asked_at: datetime) -> None:
    """The database has said what time it is; `asked_at` is `own_time()` before the question."""
    global _offset
    mine = own_time()
    if not _follows_database or abs(mine - asked_at) > _LONGEST_ASK:
        return
    difference = database_time - mine
    _offset = difference if abs(difference) > _TOLERANCE else timedelta()
