"""Structured logs: one JSON object a line, in UTC, with ids and without secrets."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

_SECRET_NAMES = re.compile(
    r"password|secret|token|transaction_key|signature_key|api_key|card_number|cvv|cookie|authoriz"
    r"ation",
    re.IGNORECASE,
)
_CARD_NUMBER = re.compile(r"(?<![\d.])(?:\d[ -]?){12,18}\d(?![\d.])")
MASK = "[hidden]"


def is_card_number(digits: str) -> bool:
    """True for 13-19 digits that pass the Luhn check (ISO/IEC 7812-1)."""
    if not 13 <= len(digits) <= 19 or not digits.isdigit():
        return False
    total = 0
    for position, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if position % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def contains_card_number(text: str) -> bool:
    """True when `text` holds something that looks like a payment card number."""
    return any(is_card_number(re.sub(r"\D", "", m[0])) for m in _CARD_NUMBER.finditer(text))


def scrub(text: str) -> str:
    """`text` without card numbers."""
    return _CARD_NUMBER.sub(
        lambda m: MASK if is_card_number(re.sub(r"\D", "", m[0])) else m[0], text
    )


def _hide_secrets(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    for name, value in event.items():
        if _SECRET_NAMES.search(name):
            event[name] = MASK
        elif isinstance(value, str):
            event[name] = scrub(value)
    return event


def configure_logging(level: str = "INFO") -> None:
    """Send structlog and the standard library's records through one chain to standard error."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        _hide_secrets,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # PyXB reports our own valid bindings as ambiguous; the SDK's DEBUG prints transaction keys
    logging.getLogger("pyxb.binding.content").setLevel(logging.ERROR)
    logging.getLogger("authorizenet.sdk").setLevel(logging.ERROR)
