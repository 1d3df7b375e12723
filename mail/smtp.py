"""One mail to one recipient over SMTP (RFC 5321), telling apart what is known about it afterwards.

Answers are values: a refusal, a lost connection and a lost answer raise nothing.
"""

import ipaddress
import re
import smtplib
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, BinaryIO, Self
from urllib.parse import urlsplit

from core.config import Settings
from core.errors import InvalidInputError
from core.outbound import resolve_public

IMPLICIT_TLS_PORT = 465
ANSWER_PATIENCE = 4
"""The final answer may take this many timeouts: servers scan the mail before they give it."""
BEFORE_PATIENCE = 5
"""All that comes before the body may take so many timeouts together."""
MOST_SAID = 1_000_000
"""Bytes of answers that are read of one server."""
_ERROR_LENGTH = 300


class Outcome(StrEnum):
    """What is known of the mail after one try."""

    SENT = "sent"
    LATER = "later"
    """Not accepted, and it makes sense to try again."""
    REFUSED = "refused"
    """Not accepted, for good."""
    UNKNOWN = "unknown"
    """Handed over, but the answer was lost: it may have been accepted."""
    WITHDRAWN = "withdrawn"
    """Not handed over, because the caller said so at the last moment."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`detail` is one line for people: the server's words or what broke."""

    outcome: Outcome
    detail: str = ""


@dataclass(frozen=True, repr=False)
class SmtpServer:
    """Where to hand mail over; its repr shows no password. `timeout_s` is for each single step."""

    host: str
    port: int
    user: str
    password: str
    starttls: bool
    timeout_s: int
    hello_name: str
    implicit_tls: bool = False
    is_foreign: bool = False
    """Named by a tenant: only a public address is connected to."""

    def __repr__(self) -> str:
        return f"SmtpServer({self.host}:{self.port})"

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """The platform's own mail server."""
        return cls(
            host=settings.smtp_host,
            port=settings.smtp_port,
            user=settings.smtp_user,
            password=settings.smtp_password.get_secret_value(),
            starttls=settings.smtp_starttls,
            timeout_s=settings.smtp_timeout_s,
            hello_name=hello_name_of(urlsplit(settings.base_url).hostname or "localhost"),
            implicit_tls=settings.smtp_port == IMPLICIT_TLS_PORT,
        )


class _Reply(Exception):
    """The server said something else than what leads on."""

    def __init__(self, code: int, text: bytes) -> None:
        super().__init__(code)
        self.answer = _judge(code, text)


class _Deadline:
    """Cuts a connection off that takes too long as a whole: each word may come in time for ever."""

    def __init__(self) -> None:
        self._handle: socket.socket | None = None
        self._timer: threading.Timer | None = None

    def watch(self, connected: socket.socket, after_s: float) -> None:
        # a handle of its own: it stays the connection's when TLS takes the first one over
        self._handle = connected.dup()
        self.set(after_s)

    def set(self, after_s: float) -> None:
        self._stop()
        self._timer = threading.Timer(after_s, self._cut)
        self._timer.daemon = True
        self._timer.start()

    def close(self) -> None:
        self._stop()
        if self._handle is not None:
            self._handle.close()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _cut(self) -> None:
        if self._handle is not None:
            with suppress(OSError):
                self._handle.shutdown(socket.SHUT_RDWR)


class _Answers:
    """What a server says, up to MOST_SAID: a line more may follow for ever."""

    def __init__(self, lines: BinaryIO) -> None:
        self._lines, self._left = lines, MOST_SAID

    def readline(self, limit: int = -1) -> bytes:
        line = self._lines.readline(limit)
        self._left -= len(line)
        if self._left < 0:
            raise OSError("the server said too much")
        return line

    def close(self) -> None:
        self._lines.close()


class _Connection(smtplib.SMTP):
    """Goes to the address that was looked at; certificates are held against the host's name."""

    def __init__(self, server: SmtpServer, address: str, deadline: _Deadline) -> None:
        self._address, self._deadline = address, deadline
        self._whole_s = server.timeout_s * BEFORE_PATIENCE
        super().__init__(
            server.host, server.port, local_hostname=server.hello_name, timeout=server.timeout_s
        )

    def _get_socket(self, _host: str, port: int, timeout: float) -> socket.socket:
        plain = socket.create_connection((self._address, port), timeout)
        self._deadline.watch(plain, self._whole_s)
        return plain

    def getreply(self) -> tuple[int, bytes]:
        _limit_answers(self)
        return super().getreply()


class _TlsConnection(smtplib.SMTP_SSL):
    """As above, encrypted from the first byte."""

    def __init__(
        self, server: SmtpServer, address: str, deadline: _Deadline, *, context: ssl.SSLContext
    ) -> None:
        self._address, self._deadline = address, deadline
        self._whole_s = server.timeout_s * BEFORE_PATIENCE
        super().__init__(
            server.host,
            server.port,
            local_hostname=server.hello_name,
            timeout=server.timeout_s,
            context=context,
        )

    def _get_socket(self, host: str, port: int, timeout: float) -> ssl.SSLSocket:
        plain = socket.create_connection((self._address, port), timeout)
        self._deadline.watch(plain, self._whole_s)
        return self.context.wrap_socket(plain, server_hostname=host)

    def getreply(self) -> tuple[int, bytes]:
        _limit_answers(self)
        return super().getreply()


def _limit_answers(connection: Any) -> None:  # noqa: ANN401 (smtplib's own `file` has no type)
    if connection.file is None and connection.sock is not None:
        connection.file = _Answers(connection.sock.makefile("rb"))


def hand_over(
    server: SmtpServer, *, sender: str, recipient: str, content: bytes, may_send: Callable[[], bool]
) -> Answer:
    """Try once. `may_send` is asked right before the body leaves; False withdraws the mail."""
    deadline = _Deadline()
    try:
        connection = _open(server, deadline)
    except InvalidInputError as error:
        deadline.close()
        return Answer(Outcome.LATER, error.message)
    except (smtplib.SMTPException, OSError) as error:
        deadline.close()
        # whatever goes wrong here, even a wrong password, is no word about this mail
        return Answer(Outcome.LATER, _describe(error))
    try:
        return _transfer(connection, server, sender, recipient, content, may_send, deadline)
    finally:
        deadline.set(server.timeout_s)
        _leave(connection)
        deadline.close()


def _open(server: SmtpServer, deadline: _Deadline) -> smtplib.SMTP:
    context = ssl.create_default_context()
    address = resolve_public(server.host, server.port) if server.is_foreign else server.host
    if server.implicit_tls:
        connection: smtplib.SMTP = _TlsConnection(server, address, deadline, context=context)
    else:
        connection = _Connection(server, address, deadline)
    try:
        connection.ehlo_or_helo_if_needed()
        if server.starttls and not server.implicit_tls:
            connection.starttls(context=context)
        if server.user:
            connection.login(server.user, server.password)
    except BaseException:
        connection.close()
        raise
    return connection


def _transfer(
    connection: smtplib.SMTP,
    server: SmtpServer,
    sender: str,
    recipient: str,
    content: bytes,
    may_send: Callable[[], bool],
    deadline: _Deadline,
) -> Answer:
    handed_over = False
    try:
        connection.ehlo_or_helo_if_needed()
        size = [f"SIZE={len(content)}"] if connection.has_extn("size") else []
        _expect(connection.mail(sender, size), 250)
        _expect(connection.rcpt(recipient), 250, 251)
        if not may_send():
            return Answer(Outcome.WITHDRAWN)
        deadline.set(server.timeout_s * (ANSWER_PATIENCE + 1))
        _expect(connection.docmd("DATA"), 354)
        if connection.sock is not None:
            connection.sock.settimeout(server.timeout_s * ANSWER_PATIENCE)
        handed_over = True
        connection.send(_stuffed(content))
        _expect(connection.getreply(), 250)
    except _Reply as reply:
        return reply.answer
    except (smtplib.SMTPException, OSError) as error:
        return Answer(Outcome.UNKNOWN if handed_over else Outcome.LATER, _describe(error))
    return Answer(Outcome.SENT)


def _leave(connection: smtplib.SMTP) -> None:
    # the mail's fate is known by now; a server that is slow to say goodbye changes nothing
    with suppress(smtplib.SMTPException, OSError):
        if connection.sock is not None:
            connection.sock.settimeout(2)
        connection.quit()
    connection.close()


def _expect(reply: tuple[int, bytes], *wanted: int) -> None:
    if reply[0] not in wanted:
        raise _Reply(*reply)


def _judge(code: int, text: bytes) -> Answer:
    outcome = Outcome.REFUSED if 500 <= code <= 599 else Outcome.LATER
    return Answer(outcome, _one_line(f"{code} {text.decode('ascii', 'replace')}"))


def _describe(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        text = error.smtp_error
        words = text.decode("ascii", "replace") if isinstance(text, bytes) else text
        return _one_line(f"{error.smtp_code} {words}")
    return _one_line(f"{type(error).__name__}: {error}")


def _one_line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:_ERROR_LENGTH]


def _stuffed(content: bytes) -> bytes:
    # RFC 5321 4.5.2: a leading dot is doubled, a lone one ends the mail
    body = re.sub(rb"(?m)^\.", b"..", content)
    return body + (b"" if body.endswith(b"\r\n") else b"\r\n") + b".\r\n"


def hello_name_of(host: str) -> str:
    """What we call ourselves in EHLO."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    # RFC 5321 4.1.3: an address stands in brackets
    return f"[{host}]" if address.version == 4 else f"[IPv6:{host}]"
