"""A worker on real Redis, in this process or in one of its own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from dramatiq import Worker
from dramatiq.brokers.redis import RedisBroker

from core import jobs
from core.platform_uow import platform_unit_of_work
from core.schedule import ScheduledRun
from tests.conftest import settings_environment
from tests.mail.conftest import acme, globex, mailbox, mailbox_server

__all__ = ["acme", "globex", "mailbox", "mailbox_server"]

ROOT = Path(__file__).parents[2]


def wait_for(condition: Callable[[], object], *, seconds: float = 30) -> None:
    """Wait until `condition` holds; fails the test when it does not."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


class RunningWorker:
    """A worker with one thread, so that its messages follow one another in one context."""

    def __init__(self, broker: RedisBroker) -> None:
        self.broker = broker
        self.worker = Worker(broker, worker_threads=1, worker_timeout=20)

    def join(self) -> None:
        """Wait until every message that was sent has been dealt with."""
        for queue in self.broker.get_declared_queues():
            self.broker.join(queue, interval=20, timeout=20_000)
        self.worker.join()


@pytest.fixture
def redis_settings(settings, redis_server, mailbox):
    """Settings with the real queue, emptied, and the mailbox."""
    redis_server.flush()
    return settings.model_copy(
        update={
            "redis_url": redis_server.url,
            "smtp_port": mailbox.smtp_port,
            "smtp_timeout_s": 5,
        }
    )


@pytest.fixture
def broker(redis_settings) -> Iterator[RedisBroker]:
    """A prepared process whose jobs go to the queue; nobody works yet."""
    from worker import process

    made = process.prepare(redis_settings)
    yield made
    jobs._senders.clear()
    made.client.close()


@pytest.fixture
def worker(broker) -> Iterator[RunningWorker]:
    running = RunningWorker(broker)
    running.worker.start()
    yield running
    running.worker.stop(timeout=5000)


@pytest.fixture
def no_runs(settings) -> None:
    """No sweep has ever run."""
    with platform_unit_of_work() as session:
        session.query(ScheduledRun).delete()


@pytest.fixture
def program_environment(postgres, settings, redis_server, mailbox, services_dir):
    redis_server.flush()
    return {
        **{name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ},
        **settings_environment(
            postgres,
            redis_server.url,
            SMTP_PORT=str(mailbox.smtp_port),
            VAR_DIR=str(services_dir / "var"),
            LOG_LEVEL="DEBUG",
        ),
    }


@contextmanager
def running_program(
    environment: dict[str, str], log: Path, *command: str
) -> Iterator[subprocess.Popen[bytes]]:
    """A program in a process group of its own, killed with all its children at the end."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        kill(process)


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill the program and its children with -9."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@contextmanager
def running_workers(environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The worker as it is started in production: one process, two threads."""
    command = ("-m", "dramatiq", "worker.main", "--processes", "1", "--threads", "2")
    with running_program(environment, log, *command) as process:
        yield process
