"""What is to happen in a simulated year, from one seed: clients, charges, and looks at the clock.

Two runs of one plan differ in nothing but who was killed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from random import Random
from zoneinfo import ZoneInfo

# Midnight is skipped in Cairo, Santiago, Beirut and Havana on days when clocks change; Lord Howe
# moves by half an hour; Chatham, Kathmandu and St. John's are on quarters and halves.
ZONES = (
    "UTC",
    "America/New_York",
    "Europe/Berlin",
    "Africa/Cairo",
    "America/Santiago",
    "Asia/Beirut",
    "America/Havana",
    "Australia/Lord_Howe",
    "Pacific/Chatham",
    "Asia/Kathmandu",
    "America/St_Johns",
    "Pacific/Kiritimati",
)
MONTHLY = ({"day_of_month": 1}, {"day_of_month": 15}, {"day_of_month": 31})
EVERY_DAYS = ({"every_days": 7}, {"every_days": 10}, {"every_days": 30})
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class PlannedClient:
    """A client of a zone, and how often it is invoiced."""

    name: str
    zone: str
    rule: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class PlannedCharge:
    """A charge of the client at that place in the plan."""

    client: int
    dated_at: datetime
    amount: Decimal


@dataclass(frozen=True)
class Plan:
    """`looks` are the instants at which the clock of the site is looked at, in order."""

    seed: int
    first_on: date
    clients: tuple[PlannedClient, ...]
    charges: tuple[PlannedCharge, ...]
    looks: tuple[datetime, ...]

    @property
    def begins_at(self) -> datetime:
        """Before every charge and before the first day of every zone."""
        return datetime.combine(self.first_on, time(), UTC) - timedelta(days=2)


def make_plan(
    seed: int,
    *,
    first_on: date,
    days: int,
    zones: tuple[str, ...] = ZONES,
    every: float = 6,
    pace: int = 1,
) -> Plan:
    """Two clients in each zone, one monthly and one every so many days; a charge in `every` days.

    `pace` is how many times further the looks are apart. Some charges lie on a local midnight to
    the microsecond, or one microsecond before it.
    """
    random = Random(seed)
    clients = tuple(
        PlannedClient(f"{zone} {kind}", zone, tuple(random.choice(rules).items()))
        for zone in zones
        for kind, rules in (("monthly", MONTHLY), ("in days", EVERY_DAYS))
    )
    charges = [
        charge
        for place, client in enumerate(clients)
        for charge in _charges(random, place, ZoneInfo(client.zone), first_on, days, every)
    ]
    charges.sort(key=lambda one: (one.dated_at, one.client))
    return Plan(
        seed, first_on, clients, tuple(charges), tuple(_looks(random, first_on, days, pace))
    )


def _charges(
    random: Random, place: int, zone: ZoneInfo, first_on: date, days: int, every: float
) -> Iterator[PlannedCharge]:
    for number in range(days):
        if random.random() * every > 1:
            continue
        midnight = local_midnight(first_on + timedelta(days=number), zone)
        at = random.choice(
            (
                midnight,
                midnight + timedelta(days=1) - _MICROSECOND,
                midnight + timedelta(seconds=random.randrange(1, 86_399)),
            )
        )
        yield PlannedCharge(place, at, Decimal(random.randrange(100, 2_000_000)) / 10_000)


def _looks(random: Random, first_on: date, days: int, pace: int) -> Iterator[datetime]:
    """Mostly a day or two apart, sometimes weeks: then several boundaries have passed at once.

    Always a minute past a quarter, so that no zone has its midnight in the minutes after one.
    """
    at = datetime.combine(first_on, time(0, 1), UTC)
    end = at + timedelta(days=days)
    while at < end:
        hours = random.randrange(6, 60) if random.random() < 0.93 else random.randrange(400, 900)
        at = min(at + timedelta(hours=hours) * pace, end)
        yield at


def local_midnight(day: date, zone: ZoneInfo) -> datetime:
    """The first instant of a local day; where midnight was skipped, the instant of the skip."""
    return datetime.combine(day, time(), zone).astimezone(UTC)
