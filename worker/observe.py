"""Dramatiq middleware: one log line and one measurement for every job that ran."""

import threading
import time
from typing import Any

import structlog
from dramatiq import Broker, Middleware

from core import metrics

_log = structlog.get_logger("worker.job")


class JobRecord(Middleware):
    """Says how each job ended and how long it took; arguments are ids and stay out of it."""

    def __init__(self) -> None:
        self._begun = threading.local()

    def before_process_message(self, _broker: Broker, _message: Any) -> None:  # noqa: ANN401 (a proxy that Dramatiq types by attribute)
        self._begun.at = time.monotonic()

    def after_process_message(
        self,
        _broker: Broker,
        message: Any,  # noqa: ANN401 (see above)
        *,
        result: Any = None,  # noqa: ANN401 (Dramatiq's signature)
        exception: BaseException | None = None,
    ) -> None:
        self._record(message, "done" if exception is None else "failed", exception)

    def after_skip_message(self, _broker: Broker, message: Any) -> None:  # noqa: ANN401 (see above)
        self._record(message, "skipped", None)

    def _record(self, message: Any, outcome: str, exception: BaseException | None) -> None:  # noqa: ANN401 (see above)
        duration_s = time.monotonic() - getattr(self._begun, "at", time.monotonic())
        metrics.JOBS.labels(message.actor_name, outcome).inc()
        metrics.JOB_SECONDS.labels(message.actor_name).observe(duration_s)
        _log.info(
            f"job.{outcome}",
            duration_s=round(duration_s, 3),
            error=None if exception is None else type(exception).__name__,
        )
