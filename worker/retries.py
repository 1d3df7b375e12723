"""Which failed jobs are tried again, and retries that keep what went wrong out of Redis."""

from collections.abc import Callable
from typing import Any

from dramatiq.middleware import Retries

from core.errors import AppError, TemporaryError


def retry_at_most(times: int) -> Callable[[int, BaseException], bool]:
    """A rule for Dramatiq: a refusal of our own stays one, anything else may pass by itself."""

    def may_retry(retries: int, error: BaseException) -> bool:
        is_final = isinstance(error, AppError) and not isinstance(error, TemporaryError)
        return retries < times and not is_final

    return may_retry


class QuietRetries(Retries):
    """Dramatiq's retries, without the traceback in the message.

    A traceback can quote rows; the log has it, scrubbed, and Redis holds no personal data.
    """

    def before_enqueue(self, _broker: Any, message: Any, _delay: int | None) -> None:  # noqa: ANN401 (untyped in Dramatiq)
        message.options.pop("traceback", None)
