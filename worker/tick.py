"""The clock of the worker: its own small process that asks PostgreSQL what is due.

It keeps no state: several may run, one may miss a beat or be killed, and nothing is lost.
"""

import signal
import threading
from types import FrameType

import structlog
from sqlalchemy.exc import SQLAlchemyError

from core import jobs, schema
from core.config import load_settings
from core.engines import dispose_engines
from core.logs import configure_logging
from worker import process, sweeps
from worker.broker import make_producer
from worker.send import make_sender

_log = structlog.get_logger("worker.tick")


def beat() -> list[str]:
    """Ask once for what is due; answers the names. A database that is down is no reason to end."""
    try:
        names = sweeps.enqueue_due()
    except SQLAlchemyError:
        _log.warning("tick.failed", exc_info=True)
        return []
    if names:
        _log.debug("tick.due", sweeps=names)
    return names


def run(stop: threading.Event) -> None:
    """Beat now and then once in the shortest period of any sweep, until `stop` is set."""
    while not stop.is_set():
        beat()
        stop.wait(sweeps.shortest_period_s())


def main() -> None:
    """The process: `python -m worker.tick`; ends cleanly on SIGTERM and SIGINT."""
    settings = load_settings()
    configure_logging(settings.log_level)
    stop = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    schema.refuse_unsafe_database(settings)
    sweeps.configure(settings)
    process.import_all(sweeps)
    jobs.configure(make_sender(make_producer(settings.redis_url)))
    _log.info("tick.started", sweeps=[one.name for one in sweeps.list_sweeps()])
    run(stop)
    dispose_engines()
    _log.info("tick.stopped")


if __name__ == "__main__":
    main()
