"""The time zones that the product offers: Area/City of the IANA database, and UTC.

Names without a city are refused: PostgreSQL reads CET, EET, MET and WET as fixed offsets where
Python reads zones with clock changes. The database comes from the pinned tzdata package alone,
never from the machine, so that every process computes the same midnights.
"""

import zoneinfo
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

from core.errors import InvalidInputError

zoneinfo.reset_tzpath(to=())

DEFAULT_ZONE_NAME = "UTC"
_AREAS = frozenset(
    {
        "Africa",
        "America",
        "Antarctica",
        "Arctic",
        "Asia",
        "Atlantic",
        "Australia",
        "Europe",
        "Indian",
        "Pacific",
    }
)


@cache
def zone_names() -> frozenset[str]:
    """Every accepted name, with the old spellings (Asia/Calcutta) that imported data may carry."""
    cities = {name for name in zoneinfo.available_timezones() if name.split("/")[0] in _AREAS}
    return frozenset(cities | {DEFAULT_ZONE_NAME})


@cache
def list_zone_names() -> tuple[str, ...]:
    """The names to choose from, each place once, sorted, UTC first."""
    table = files("tzdata").joinpath("zoneinfo", "zone.tab").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in table.splitlines() if not line.startswith("#"))
    return (DEFAULT_ZONE_NAME, *sorted(row[2] for row in rows))


def get_zone(name: str) -> ZoneInfo:
    """The zone of an accepted name; InvalidInputError for any other text."""
    if name not in zone_names():
        raise InvalidInputError("There is no such time zone.", field="timezone")
    return ZoneInfo(name)
