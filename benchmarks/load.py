"""A small load generator over keep-alive connections to this machine."""

import multiprocessing
import socket
import statistics
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.queues import Queue


@dataclass(frozen=True)
class Result:
    """Requests a second and the latencies, in milliseconds."""

    per_second: float
    median_ms: float
    p99_ms: float
    failures: int


def run(
    port: int, paths: Sequence[str], headers: str, *, connections: int, seconds: float
) -> Result:
    """Ask for `paths` in turn over `connections` connections from up to 4 processes."""
    done: Queue[tuple[list[float], int]] = multiprocessing.Queue()
    processes = min(4, connections)
    each = connections // processes
    workers = [
        multiprocessing.Process(target=_process, args=(port, paths, headers, each, seconds, done))
        for _ in range(processes)
    ]
    for worker in workers:
        worker.start()
    gathered = [done.get() for _ in workers]
    for worker in workers:
        worker.join()
    times = sorted(t for part, _ in gathered for t in part)
    return Result(
        per_second=len(times) / seconds,
        median_ms=statistics.median(times) * 1000,
        p99_ms=times[int(len(times) * 0.99)] * 1000,
        failures=sum(count for _, count in gathered),
    )


def _process(
    port: int,
    paths: Sequence[str],
    headers: str,
    connections: int,
    seconds: float,
    done: "Queue[tuple[list[float], int]]",
) -> None:
    times: list[float] = []
    failures = [0]
    end = time.monotonic() + seconds
    threads = [
        threading.Thread(target=_connection, args=(port, paths, headers, end, times, failures, n))
        for n in range(connections)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    done.put((times, failures[0]))


def _connection(
    port: int,
    paths: Sequence[str],
    headers: str,
    end: float,
    times: list[float],
    failures: list[int],
    number: int,
) -> None:
    connection = socket.create_connection(("127.0.0.1", port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    stream = connection.makefile("rb")
    while time.monotonic() < end:
        path = paths[number % len(paths)]
        number += 1
        started = time.perf_counter()
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}\r\n".encode())
        status = stream.readline()
        length = 0
        while (line := stream.readline()) not in (b"\r\n", b""):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        stream.read(length)
        times.append(time.perf_counter() - started)
        if b" 200 " not in status:
            failures[0] += 1
    connection.close()
