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
# Digits as people group them; a card number may stand in the middle, its expiry date behind it.
_DIGITS = re.compile(r"(?<!\d)\d(?:[ .-]?\d){12,}(?!\d)")
_GROUP = re.compile(r"\d+")
# First digits and lengths of the known issuers (ISO/IEC 7812 ranges as the networks publish them).
_ISSUED = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})|5[1-5]\d{14}|2(?:2[2-9]|[3-6]\d|7[01])\d{13}|2720\d{12}|3[47]\d{13}"
    r"|3(?:0[0-5]|[689]\d)\d{11}|6(?:011|4[4-9]\d|5\d\d)\d{12}|35(?:2[89]|[3-8]\d)\d{12}"
    r"|62\d{14,17}|(?:50|5[6-9]|6[0-9])\d{10,17}"
)
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
    return bool(_card_spans(text))


def scrub(text: str) -> str:
    """`text` without card numbers."""
    for start, end in reversed(_card_spans(text)):
        text = text[:start] + MASK + text[end:]
    return text


def _card_spans(text: str) -> list[tuple[int, int]]:
    """Where card numbers stand, from left to right."""
    spans: list[tuple[int, int]] = []
    for run in _DIGITS.finditer(text):
        groups = [(group.start(), group.end()) for group in _GROUP.finditer(text, *run.span())]
        first = 0
        while first < len(groups):
            last = _card_end(text, groups, first)
            if last is not None:
                spans.append((groups[first][0], groups[last][1]))
                first = last
            first += 1
    return spans


def _card_end(text: str, groups: list[tuple[int, int]], first: int) -> int | None:
    """The last group of the longest card number that begins with group `first`."""
    found, digits = None, ""
    for last in range(first, len(groups)):
        digits += text[slice(*groups[last])]
        if len(digits) > 19:
            break
        # all the digits there are may be any issuer's; a part of them, or figures with a point,
        # would too often pass the check digit by chance
        is_all = (
            len(groups) == last + 1
            and first == 0
            and "." not in text[groups[0][0] : groups[last][1]]
        )
        if is_card_number(digits) and (is_all or _ISSUED.fullmatch(digits)):
            found = last
    return found


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
    # its DEBUG prints the bodies of requests and answers
    logging.getLogger("stripe").setLevel(logging.WARNING)
