"""The queue: Redis through Dramatiq, and how a function becomes an actor.

Redis is only a hint-carrier: it may be emptied at any moment, the sweeps find the rows again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import dramatiq
import redis
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import Middleware, ShutdownNotifications, TimeLimit
from redis.backoff import NoBackoff
from redis.retry import Retry

from core.errors import InvariantError
from core.jobs import QUEUES
from worker.observe import JobRecord
from worker.retries import QuietRetries, retry_at_most
from worker.scope import TenantScope

TIME_LIMIT_S = 600
# Below some 30 s a busy process is taken for dead and its message runs twice at once.
HEARTBEAT_TIMEOUT_MS = 60_000
# Of a million commands, those that also look for dead workers. The default (1,000) leaves a killed
# worker's messages lying for a quarter of an hour; at 1,000,000 each single command pays for it.
# With 100,000 and our four queues it happens about once a second on an idle machine.
MAINTENANCE_CHANCE = 100_000
MAX_RETRIES = 5

F = TypeVar("F", bound=Callable[..., None])


@dataclass(frozen=True, slots=True)
class ActorSpec:
    """What a broker needs to know to run `function` for the jobs called `name`."""

    name: str
    function: Callable[..., None]
    max_retries: int
    time_limit_s: int


_specs: dict[str, ActorSpec] = {}


def queue_of(name: str) -> str:
    """The queue of a job: its package if that has one of its own, else `default`.

    A rule on the name, so that a sender needs no knowledge of the actors.
    """
    package = name.partition(".")[0]
    return package if package in QUEUES else "default"


def actor(
    name: str,
    *,
    max_retries: int = MAX_RETRIES,
    queue: str | None = None,
    time_limit_s: int = TIME_LIMIT_S,
) -> Callable[[F], F]:
    """Register a function as the actor of the jobs called `name`; the function stays callable.

    It gets the job's arguments by name, inside the scope of the job's reseller. Charges take
    `max_retries=0`: their own state machine and sweep try again. A retry follows an exception only;
    how often a row may be tried is counted in the row, since a killed worker counts as no retry.
    Raises InvariantError for a name taken before or a queue that the name does not lead to.
    """
    if queue not in (None, queue_of(name)):
        raise InvariantError(f"jobs called {name} go to the queue {queue_of(name)}, not {queue}")

    def register(function: F) -> F:
        known = _specs.get(name)
        if known is not None and known.function.__module__ != function.__module__:
            raise InvariantError(f"two actors are called {name}")
        _specs[name] = ActorSpec(name, function, max_retries, time_limit_s)
        return function

    return register


def list_actor_names() -> list[str]:
    """Names of the actors imported so far."""
    return sorted(_specs)


def make_producer(redis_url: str) -> RedisBroker:
    """A broker that only sends; a queue that is down fails fast, for a person may be waiting."""
    return _make_broker(redis_url, [])


def make_broker(redis_url: str) -> RedisBroker:
    """A broker that runs every actor registered so far.

    No AgeLimit: it would drop late work without a word.
    """
    broker = _make_broker(
        redis_url,
        [
            # first in, last out: every log line of a job's end still carries its ids
            TenantScope(),
            JobRecord(),
            TimeLimit(time_limit=TIME_LIMIT_S * 1000),
            ShutdownNotifications(),
            QuietRetries(),
        ],
    )
    for spec in _specs.values():
        _declare(broker, spec)
    return broker


def _make_broker(redis_url: str, middleware: list[Middleware]) -> RedisBroker:
    client: Any = redis.Redis.from_url(
        redis_url,
        socket_connect_timeout=2,
        socket_timeout=10,
        health_check_interval=30,
        retry=Retry(NoBackoff(), 1),
    )
    return RedisBroker(  # type: ignore[no-untyped-call]  # Dramatiq leaves it untyped
        client=client,
        middleware=middleware,
        heartbeat_timeout=HEARTBEAT_TIMEOUT_MS,
        maintenance_chance=MAINTENANCE_CHANCE,
    )


def _declare(broker: RedisBroker, spec: ActorSpec) -> None:
    dramatiq.Actor(
        spec.function,
        broker=broker,
        actor_name=spec.name,
        queue_name=queue_of(spec.name),
        priority=0,
        options={
            "retry_when": retry_at_most(spec.max_retries),
            "time_limit": spec.time_limit_s * 1000,
        },
    )
