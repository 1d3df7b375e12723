"""Two tenants, and a mailbox that is reached over real SMTP."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import pytest
from sqlalchemy import select

from core.db import Session
from core.platform_uow import platform_unit_of_work
from core.tenancy import Actor, Scope, tenant_scope
from core.uow import unit_of_work
from mail.models import MailMessage, MailServer
from mail.queue import MailKind, queue_mail
from mail.smtp import SmtpServer
from tenants import resellers
from tenants.models import Event
from tests.sandbox.mailbox_server import MailboxServer, running_mailbox

_numbers = itertools.count(1)


class Tenant:
    """A reseller and its mail."""

    def __init__(self, name: str, smtp_port: int) -> None:
        number = next(_numbers)
        with platform_unit_of_work() as session:
            reseller = resellers.create_reseller(
                session,
                name=name,
                code=f"{name.lower()}-mail-{number}",
                currency_code="USD",
                timezone="Europe/Berlin",
                company_name=f"{name} Telecom",
                email=f"office@{name.lower()}.example",
                mail_from=f"billing@{name.lower()}.example",
            )
            self.id = reseller.id
            # its own server, so that mail comes from its own address
            session.add(
                MailServer(reseller_id=self.id, host="127.0.0.1", port=smtp_port, security="none")
            )
        self.address = f"client{number}@{name.lower()}.example"

    @contextmanager
    def work(self) -> Iterator[Session]:
        actor = Actor("user", 1, "owner@acme.example")
        with tenant_scope(Scope((self.id,), actor=actor)), unit_of_work() as session:
            yield session

    def queue(self, key: str = "invoice:1", **changes: object) -> UUID | None:
        wish: dict = {
            "reseller_id": self.id,
            "kind": MailKind.INVOICE,
            "dedupe_key": key,
            "to_address": self.address,
            "subject": "Your invoice",
            "body_text": "Total 12.50 USD\n",
        }
        with self.work() as session:
            mail = queue_mail(session, **{**wish, **changes})
            return None if mail is None else mail.id

    def read(self, mail_id: UUID) -> MailMessage:
        with self.work() as session:
            return session.scalars(select(MailMessage).where(MailMessage.id == mail_id)).one()

    def events(self) -> list[Event]:
        with self.work() as session:
            return list(session.scalars(select(Event).where(Event.service == "mail")))


@pytest.fixture
def acme(settings, mailbox_server) -> Tenant:
    return Tenant("Acme", mailbox_server.smtp_port)


@pytest.fixture
def globex(settings, mailbox_server) -> Tenant:
    return Tenant("Globex", mailbox_server.smtp_port)


@pytest.fixture(scope="session")
def mailbox_server() -> Iterator[MailboxServer]:
    with running_mailbox() as running:
        yield running


@pytest.fixture
def mailbox(mailbox_server: MailboxServer) -> MailboxServer:
    mailbox_server.clear()
    return mailbox_server


@pytest.fixture
def smtp(mailbox: MailboxServer) -> SmtpServer:
    return smtp_to(mailbox.smtp_port)


def smtp_to(port: int) -> SmtpServer:
    return SmtpServer(
        host="127.0.0.1",
        port=port,
        user="",
        password="",
        starttls=False,
        timeout_s=2,
        hello_name="portal.example",
    )
