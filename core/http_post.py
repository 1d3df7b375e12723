"""One POST to an address that a tenant chose: pinned, bounded in time and words, no redirects.

The host is resolved once (core/outbound.py) and exactly that address is connected to; the
certificate has to be the host's own. Of the answer's body no more is read than was asked for.
"""

import http.client
import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from core.errors import InvalidInputError
from core.outbound import resolve_public

PORTS = (443, 8443)
"""What a tenant may have us connect to in production."""
URL_LENGTH = 500
_LATE = "It did not answer in time."


@dataclass(frozen=True, slots=True)
class PostAnswer:
    """`status` 0: there was no answer, and `error` says why. `body` only where it was asked for."""

    status: int
    error: str = ""
    body: bytes = b""

    @property
    def is_taken(self) -> bool:
        return 200 <= self.status < 300


def check_url(url: str, *, is_foreign: bool) -> str:
    """The address in its normal form; raises InvalidInputError at `url`.

    `is_foreign` False, for development, also takes plain http and any port of any host.
    """
    text = url.strip()
    parts = urlsplit(text)
    try:
        port = parts.port
    except ValueError as error:
        raise InvalidInputError("The port is not a number.", "url") from error
    if len(text) > URL_LENGTH or not text.isascii() or not text.isprintable() or " " in text:
        raise InvalidInputError("Use at most 500 plain letters, without spaces.", "url")
    if parts.scheme != "https" and (is_foreign or parts.scheme != "http"):
        raise InvalidInputError("The address begins with https://.", "url")
    if not parts.hostname or parts.username or parts.password or parts.fragment:
        raise InvalidInputError("Enter an address such as https://example.com/hooks.", "url")
    if is_foreign and port not in (None, *PORTS):
        raise InvalidInputError("Use port 443 or 8443.", "url")
    return text


def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    timeout_s: float,
    is_foreign: bool,
    most_bytes: int = 0,
) -> PostAnswer:
    """Send `body` once. Call it with no transaction open; it takes `timeout_s` at most in all.

    (All but the name server's own time.) Of the answer's body `most_bytes` are read; a longer one
    counts as no answer.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        address = resolve_public(host, port) if is_foreign else host
    except InvalidInputError as error:
        return PostAnswer(0, str(error))
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    connected: socket.socket | None = None
    handle: socket.socket | None = None
    deadline: threading.Timer | None = None
    is_late = threading.Event()
    try:
        connected = socket.create_connection((address, port), timeout=timeout_s)
        # a handle of its own: it stays the connection's when TLS takes the first one over
        handle = connected.dup()
        deadline = threading.Timer(timeout_s, _cut, [handle, is_late])
        deadline.daemon = True
        deadline.start()
        dressed = _dressed(connected, parts.scheme, host)
        answer = _exchange(dressed, host, port, path, body, headers, most_bytes)
        # what was cut off looks like an answer that ended
        return PostAnswer(0, _LATE) if is_late.is_set() else answer
    except (OSError, http.client.HTTPException, ValueError) as error:
        return PostAnswer(0, _LATE if is_late.is_set() else _said(error))
    finally:
        if deadline is not None:
            deadline.cancel()
        for one in (handle, connected):
            if one is not None:
                one.close()


def _dressed(connected: socket.socket, scheme: str, host: str) -> socket.socket:
    if scheme != "https":
        return connected
    return ssl.create_default_context().wrap_socket(connected, server_hostname=host)


def _exchange(
    connected: socket.socket,
    host: str,
    port: int,
    path: str,
    body: bytes,
    headers: Mapping[str, str],
    most_bytes: int,
) -> PostAnswer:
    connection = http.client.HTTPConnection(host, port)
    connection.sock = connected
    try:
        connection.request("POST", path, body, {**headers, "Connection": "close"})
        answer = connection.getresponse()
        read = answer.read(most_bytes + 1) if most_bytes else b""
        answer.close()
        if len(read) > most_bytes:
            return PostAnswer(0, "Its answer is too long.")
        reason = "" if 200 <= answer.status < 300 else _reason(answer)
        return PostAnswer(answer.status, reason, read)
    finally:
        connection.close()


def _reason(answer: http.client.HTTPResponse) -> str:
    if 300 <= answer.status < 400:
        return "It answered with a redirect, which is not followed."
    return f"It answered {answer.status}."


def _cut(handle: socket.socket, is_late: threading.Event) -> None:
    is_late.set()
    with suppress(OSError):
        handle.shutdown(socket.SHUT_RDWR)


def _said(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"Its certificate is not good: {error.verify_message}"
    if isinstance(error, TimeoutError):
        return _LATE
    words = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return (words or type(error).__name__)[:300]
