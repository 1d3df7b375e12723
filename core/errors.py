"""One base error, one HTTP status each; the message is one plain line for the user.

The default status is 500 so that what nobody expected pages somebody.
"""

from typing import ClassVar


class AppError(Exception):
    """Base of every error that the product raises on purpose.

    `text` is a constant sentence whose `%(name)s` take `values`: so it can be translated, while
    `message` is the English whole for logs and the command line.
    """

    http_status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"

    def __init__(self, text: str, **values: object) -> None:
        self.text, self.values = text, values
        self.message = text % values if values else text
        super().__init__(self.message)


class InvalidInputError(AppError):
    """The input cannot be taken; `field` names the form field it belongs to, if any."""

    http_status = 422
    code = "invalid_input"

    def __init__(self, text: str, field: str | None = None, **values: object) -> None:
        super().__init__(text, **values)
        self.field = field


class NotFoundError(AppError):
    """Also raised for a row of another tenant: it does not exist for the caller."""

    http_status = 404
    code = "not_found"

    def __init__(self, text: str = "Not found.", **values: object) -> None:
        super().__init__(text, **values)


class NotAllowedError(AppError):
    http_status = 403
    code = "not_allowed"


class ConflictError(AppError):
    """Somebody else was faster, or the object is not in a state for this action."""

    http_status = 409
    code = "conflict"


class LimitError(AppError):
    http_status = 402
    code = "limit"


class TooManyAttemptsError(AppError):
    http_status = 429
    code = "too_many_attempts"

    def __init__(self, text: str, retry_after_s: int, **values: object) -> None:
        super().__init__(text, **values)
        self.retry_after_s = retry_after_s


class TemporaryError(AppError):
    http_status = 503
    code = "temporarily_unavailable"


class InvariantError(AppError):
    """A rule that the code itself guarantees was broken: always a bug, always an alert."""
