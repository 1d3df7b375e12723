"""Retries that keep what went wrong out of Redis."""

from typing import Any

from dramatiq.middleware import Retries


class QuietRetries(Retries):
    """Dramatiq's retries, without the traceback in the message.

    A traceback can quote rows; the log has it, scrubbed, and Redis holds no personal data.
    """

    def before_enqueue(self, _broker: Any, message: Any, _delay: int | None) -> None:  # noqa: ANN401 (untyped in Dramatiq)
        message.options.pop("traceback", None)
