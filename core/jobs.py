"""Ask for background work by name. Sent only after the transaction commits.

A job is a hint; the row it names is the truth, and a sweep finds rows that wait too long.
"""

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from core.db import Session

QUEUES = ("default", "payments", "mail", "billing")
"""Where jobs wait: those of a package in its own queue if there is one, else in the first."""
_KEY = "jobs"
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Job:
    """`reseller_id` None: a sweep over every tenant, run with the platform's database role."""

    name: str
    args: dict[str, str | int]
    reseller_id: int | None
    delay_ms: int | None = None


Sender = Callable[[Job], None]
_senders: list[Sender] = []


def configure(send: Sender) -> None:
    """Say how committed jobs leave this process."""
    _senders[:] = [send]


def enqueue(
    session: Session,
    name: str,
    *,
    reseller_id: int | None,
    delay_ms: int | None = None,
    **args: str | int,
) -> None:
    """Remember a job until `session` commits. The same job asked for twice is sent once."""
    wanted: list[Job] = session.info.setdefault(_KEY, [])
    job = Job(name, args, reseller_id, delay_ms)
    if job not in wanted:
        wanted.append(job)


def send_all(session: Session) -> None:
    """Send what was asked for. A queue that is down loses nothing: the sweeps find the rows."""
    wanted: list[Job] = session.info.pop(_KEY, [])
    for job in wanted:
        for send in _senders:
            try:
                send(job)
            except Exception:  # noqa: BLE001 (committed work must not look failed to its caller)
                _log.warning("job.not_sent", job=job.name, exc_info=True)
