"""A reseller's own mail server: kept with an encrypted password, tried with a real mail."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeGuard
from urllib.parse import urlsplit

from sqlalchemy import select

from core import secrets
from core.clock import now
from core.config import Settings
from core.db import Session
from core.errors import InvalidInputError, NotFoundError, TooManyAttemptsError
from core.ids import new_id
from mail.compose import Content, compose
from mail.models import MailServer
from mail.smtp import Answer, Outcome, SmtpServer, hand_over, hello_name_of
from tenants import audit
from tenants.models import Reseller
from tenants.stamps import check_stamp, make_stamp

SECURITIES = ("starttls", "tls", "none")
PORTS = (25, 465, 587, 2525)
"""Where mail is handed over; in production no other port is knocked at."""
TEST_EVERY = timedelta(seconds=10)
TEST_TIMEOUT_S = 10
HOST_LENGTH = 253
USER_LENGTH = 200

UnitOfWork = Callable[[], AbstractContextManager[Session]]


@dataclass(frozen=True, slots=True)
class ServerWish:
    """What the form says; `password` empty keeps the one that is stored."""

    enabled: bool
    host: str
    port: int
    security: str
    user: str
    password: str


def find_server(session: Session, reseller_id: int) -> MailServer | None:
    """What is stored, in use or not."""
    return session.scalar(select(MailServer).where(MailServer.reseller_id == reseller_id))


def uses_own_server(session: Session, reseller_id: int) -> bool:
    """Whether the reseller's mail goes over its own server."""
    server = find_server(session, reseller_id)
    return server is not None and server.enabled


def save_server(
    session: Session, reseller_id: int, wish: ServerWish, *, stamp: str, settings: Settings
) -> None:
    """Keep the server; another host or user needs the password anew.

    `stamp` is that of what was shown. Raises InvalidInputError naming the field, ConflictError.
    """
    checked = _checked(wish, settings)
    reseller = _lock_reseller(session, reseller_id)
    stored = find_server(session, reseller_id)
    if _is_done(stored, checked, settings.credential_key_ring):
        return
    check_stamp(stamp, _facts(stored))
    server = stored or MailServer(reseller_id=reseller_id, password="")
    before = _facts(stored)
    if stored is not None and not wish.password and stored.password:
        moved = (stored.host, stored.user) != (checked.host, checked.user)
        if moved and checked.user:
            # else a password could be sent to a server of somebody's choice
            raise InvalidInputError("Enter the password again for another server.", "password")
    server.enabled, server.host, server.port = checked.enabled, checked.host, checked.port
    server.security, server.user = checked.security, checked.user
    if not checked.user:
        server.password = ""
    elif wish.password:
        server.password = secrets.encrypt(
            settings.credential_key_ring, _place(reseller_id), wish.password
        )
    if checked.user and not server.password:
        raise InvalidInputError("Enter the password.", "password")
    changes = audit.differences(before, _facts(server))
    if wish.password and checked.user:
        changes["password"] = ("", "")
    if not changes:
        return
    server.verified_at = None
    server.last_answer = ""
    session.add(server)
    session.flush()
    _record(session, reseller, changes)


def remove_server(session: Session, reseller_id: int) -> None:
    """Send over the platform's server again; done twice it changes nothing."""
    reseller = _lock_reseller(session, reseller_id)
    server = find_server(session, reseller_id)
    if server is None:
        return
    changes: dict[str, tuple[object, object]] = {
        name: (value, None) for name, value in _facts(server).items()
    }
    session.delete(server)
    session.flush()
    _record(session, reseller, changes)


def stamp_of(server: MailServer | None) -> str:
    """Tells what was shown; another one when anybody has changed it since."""
    return make_stamp(_facts(server))


def open_server(session: Session, reseller_id: int, settings: Settings) -> SmtpServer | None:
    """The reseller's own server, ready to be used; None: the platform's sends its mail."""
    server = find_server(session, reseller_id)
    if server is None or not server.enabled:
        return None
    return _open(server, settings, timeout_s=settings.smtp_timeout_s)


def send_test_mail(
    unit_of_work: UnitOfWork, reseller_id: int, *, to_address: str, sender: str, settings: Settings
) -> Answer:
    """Hand one mail over through the stored server, in use or not; answers what it said.

    Transaction, SMTP, transaction. Raises NotFoundError without a server, InvalidInputError, and
    TooManyAttemptsError right after another test.
    """
    with unit_of_work() as session:
        server, content = _begin_test(session, reseller_id, to_address, sender, settings)
    answer = hand_over(
        server,
        sender=content.from_address,
        recipient=content.to_address,
        content=compose(content),
        may_send=lambda: True,
    )
    with unit_of_work() as session:
        _record_test(session, reseller_id, to_address, answer)
    return answer


def reseal_password(server: MailServer, key_ring: dict[str, bytes]) -> None:
    """Encrypt the password anew with the newest key."""
    if server.password:
        server.password = secrets.encrypt(
            key_ring, _place(server.reseller_id), _password(server, key_ring)
        )


def _begin_test(
    session: Session, reseller_id: int, to_address: str, sender: str, settings: Settings
) -> tuple[SmtpServer, Content]:
    reseller = _lock_reseller(session, reseller_id)
    server = find_server(session, reseller_id)
    if server is None:
        raise NotFoundError("There is no mail server of its own.")
    if server.tested_at is not None and now() - server.tested_at < TEST_EVERY:
        raise TooManyAttemptsError("Wait a moment before the next test.", TEST_EVERY.seconds)
    server.tested_at = now()
    name = reseller.mail_from_name or reseller.company_name or reseller.name
    mail_id = new_id()
    return _open(server, settings, timeout_s=TEST_TIMEOUT_S), Content(
        message_id=f"<{mail_id}@{sender.rpartition('@')[2]}>",
        at=now(),
        from_name=name,
        from_address=sender,
        reply_to="",
        to_address=to_address,
        subject=f"Test mail of {name}"[:200],
        body_text=f"This mail came over the mail server {server.host}:{server.port} of {name}.\n",
        body_html="",
    )


def _record_test(session: Session, reseller_id: int, to_address: str, answer: Answer) -> None:
    reseller = _lock_reseller(session, reseller_id)
    server = find_server(session, reseller_id)
    if server is not None:
        server.last_answer = answer.detail
        if answer.outcome is Outcome.SENT:
            server.verified_at = now()
        session.flush()
    audit.record(
        session,
        reseller_id=reseller_id,
        action="test_mail_server",
        object_type="reseller",
        object_id=reseller_id,
        object_label=reseller.name,
        changes={"to": (None, to_address), "answer": (None, answer.detail)},
    )


def _open(server: MailServer, settings: Settings, *, timeout_s: int) -> SmtpServer:
    return SmtpServer(
        host=server.host,
        port=server.port,
        user=server.user,
        password=_password(server, settings.credential_key_ring),
        starttls=server.security == "starttls",
        timeout_s=timeout_s,
        hello_name=hello_name_of(urlsplit(settings.base_url).hostname or "localhost"),
        implicit_tls=server.security == "tls",
        # in development the mailbox stands on this very machine
        is_foreign=settings.is_production,
    )


def _password(server: MailServer, key_ring: dict[str, bytes]) -> str:
    if not server.password:
        return ""
    return secrets.decrypt(key_ring, _place(server.reseller_id), server.password)


def _checked(wish: ServerWish, settings: Settings) -> ServerWish:
    host = wish.host.strip().lower().rstrip(".")
    if not host:
        raise InvalidInputError("Enter a host name.", "host")
    if len(host) > HOST_LENGTH or not host.isascii() or not _is_host(host):
        raise InvalidInputError("Enter a host name such as smtp.example.com.", "host")
    if not 1 <= wish.port <= 65535:
        raise InvalidInputError("Enter a number from 1 to 65535.", "port")
    if settings.is_production and wish.port not in PORTS:
        raise InvalidInputError("Mail is handed over at port 25, 465, 587 or 2525.", "port")
    if wish.security not in SECURITIES:
        raise InvalidInputError("Choose one of them.", "security")
    user = wish.user.strip()
    if len(user) > USER_LENGTH or not user.isprintable():
        raise InvalidInputError("Enter a shorter name.", "user")
    if user and wish.security == "none" and settings.is_production:
        raise InvalidInputError("A password goes over an encrypted connection only.", "security")
    if not wish.password.isprintable() or len(wish.password) > USER_LENGTH:
        raise InvalidInputError(
            "The password is too long or has signs that cannot be sent.", "password"
        )
    return ServerWish(wish.enabled, host, wish.port, wish.security, user, wish.password)


def _is_host(host: str) -> bool:
    return all(letter.isalnum() or letter in ".-:" for letter in host) and host[0] != "-"


def _lock_reseller(session: Session, reseller_id: int) -> Reseller:
    reseller = session.scalar(select(Reseller).where(Reseller.id == reseller_id).with_for_update())
    if reseller is None:
        raise NotFoundError("Reseller not found.")
    return reseller


def _is_done(
    stored: MailServer | None, wish: ServerWish, key_ring: dict[str, bytes]
) -> TypeGuard[MailServer]:
    """Whether all of the wish is so already, the password too: the form was sent twice."""
    if stored is None or _facts(stored) != _wished(wish):
        return False
    return wish.password in ("", _password(stored, key_ring))


def _facts(server: MailServer | None) -> dict[str, object]:
    return {} if server is None else _wished(server)


def _wished(server: MailServer | ServerWish) -> dict[str, object]:
    return {
        "mail_server_enabled": server.enabled,
        "host": server.host,
        "port": server.port,
        "security": server.security,
        "user": server.user,
    }


def _record(
    session: Session, reseller: Reseller, changes: dict[str, tuple[object, object]]
) -> None:
    audit.record(
        session,
        reseller_id=reseller.id,
        action="update",
        object_type="reseller",
        object_id=reseller.id,
        object_label=reseller.name,
        changes=changes,
    )


def _place(reseller_id: int) -> str:
    return f"mail_servers|password|{reseller_id}|{reseller_id}"
