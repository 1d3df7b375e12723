"""The only place that asks what time it is."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo


def now() -> datetime:
    """The present instant, aware, in UTC."""
    return datetime.now(UTC)  # noqa: TID251 (this is the one place)


def today(zone: ZoneInfo) -> date:
    """The present calendar day in `zone`."""
    return now().astimezone(zone).date()
