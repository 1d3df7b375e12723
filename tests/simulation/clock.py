"""A time that a file says: `core.clock` of several processes follows it.

It stands still until it is set again, so that a run can be repeated to the instant. Time limits,
heartbeats and leases of Redis keep the machine's own time.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Self

from core import clock

VARIABLE = "SIMULATED_CLOCK"


def follow(file: Path) -> None:
    """From now on `core.clock.now()` of this process is the instant in `file`."""

    class Moved(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            read = read_time(file).astimezone(tz or UTC)
            return cls.combine(read.date(), read.timetz())

    clock.datetime = Moved  # type: ignore[misc]


def set_time(file: Path, at: datetime) -> None:
    """Write the instant whole: who reads meanwhile reads the old one."""
    new = file.with_suffix(f".{os.getpid()}")
    new.write_text(at.astimezone(UTC).isoformat())
    new.replace(file)


@contextmanager
def followed(file: Path) -> Iterator[None]:
    """The same for a while, in a process that goes on in its own time."""
    follow(file)
    try:
        yield
    finally:
        clock.datetime = datetime  # type: ignore[misc]


def read_time(file: Path) -> datetime:
    """The instant that the file says."""
    return datetime.fromisoformat(file.read_text())
