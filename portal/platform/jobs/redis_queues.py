"""What lies in Redis: messages by queue, and the workers that were heard of lately.

The names of Dramatiq's keys are read from its own source (brokers/redis/dispatch.lua).
"""

from dataclasses import dataclass
from typing import Any

import redis

from core.clock import now
from core.jobs import QUEUES

_NAMESPACE = "dramatiq"
ALIVE_S = 60
"""A worker that was not heard of for longer counts as gone."""


@dataclass(frozen=True, slots=True)
class Queue:
    """Messages: waiting for a worker, fetched by one, delayed until later, given up."""

    name: str
    waiting: int
    running: int
    delayed: int
    dead: int


@dataclass(frozen=True, slots=True)
class Queues:
    """`heard` is how many processes that use the queue, workers above all, were heard of lately."""

    queues: list[Queue]
    heard: int


def read_queues(redis_url: str) -> Queues | None:
    """None when Redis does not answer; nothing is lost then, the sweeps send again."""
    try:
        with redis.Redis.from_url(redis_url, socket_connect_timeout=2, socket_timeout=2) as client:
            return _read(client)
    except redis.RedisError:
        return None


def _read(client: Any) -> Queues:  # noqa: ANN401 (redis-py types its answers as maybe awaitable)
    pipe = client.pipeline(transaction=False)
    for name in QUEUES:
        key = f"{_NAMESPACE}:{name}"
        pipe.llen(key).hlen(f"{key}.msgs").hlen(f"{key}.DQ.msgs").zcard(f"{key}.XQ")
    oldest_ms = int((now().timestamp() - ALIVE_S) * 1000)
    pipe.zcount(f"{_NAMESPACE}:__heartbeats__", oldest_ms, "+inf")
    *counts, heard = pipe.execute()
    queues = []
    for place, name in enumerate(QUEUES):
        waiting, held, delayed, dead = counts[4 * place : 4 * place + 4]
        queues.append(Queue(name, waiting, max(0, held - waiting), delayed, dead))
    return Queues(queues, heard)
