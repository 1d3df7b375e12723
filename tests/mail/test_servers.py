"""A reseller's own mail server: its mail goes over it, in its name, and nobody else's."""

from dataclasses import replace

import pytest

from core.errors import InvalidInputError
from mail import servers
from mail.compose import Content
from mail.delivery import deliver
from mail.models import MailServer
from mail.queue import find_sender
from mail.servers import ServerWish
from mail.smtp import Outcome, hand_over
from tenants.resellers import get_reseller
from tests.sandbox.mailbox_server import running_mailbox

WISH = ServerWish(True, "smtp.acme.example", 587, "starttls", "acme", "s3cret")


def without_server(tenant):
    with tenant.work() as session:
        servers.remove_server(session, tenant.id)


def test_mail_of_a_reseller_goes_over_its_own_server(acme, globex, smtp, settings):
    with running_mailbox() as own:
        with acme.work() as session:
            server = servers.find_server(session, acme.id)
            server.port = own.smtp_port

        def find_own(session, reseller_id):
            return servers.open_server(session, reseller_id, settings)

        assert deliver(acme.work, smtp, acme.queue(), find_own=find_own) is Outcome.SENT
        (mail,) = own.messages(to=acme.address)
        assert "billing@acme.example" in str(mail.parsed["From"])
        without_server(globex)
        assert deliver(globex.work, smtp, globex.queue(), find_own=find_own) is Outcome.SENT
        assert own.messages(to=globex.address) == []


def test_without_its_own_server_the_platform_sends_and_answers_go_to_the_reseller(
    acme, smtp, mailbox
):
    without_server(acme)
    mail_id = acme.queue()
    assert acme.read(mail_id).from_address == "billing@portal.example"
    deliver(acme.work, smtp, mail_id)
    (mail,) = mailbox.messages(to=acme.address)
    assert mail.parsed["From"] == "Acme Telecom <billing@portal.example>"
    assert mail.parsed["Reply-To"] == "billing@acme.example"


def test_an_address_of_the_platforms_own_domain_needs_no_server(acme):
    without_server(acme)
    with acme.work() as session:
        get_reseller(session, acme.id).mail_from = "acme@portal.example"
        session.flush()
        assert find_sender(session, acme.id) == "acme@portal.example"


def test_the_senders_name_is_the_chosen_one(acme, smtp, mailbox):
    with acme.work() as session:
        get_reseller(session, acme.id).mail_from_name = "Acme Rechnungen"
    deliver(acme.work, smtp, acme.queue())
    (mail,) = mailbox.messages(to=acme.address)
    assert mail.parsed["From"] == "Acme Rechnungen <billing@acme.example>"


def test_a_server_inside_is_never_reached_outside_development(acme, settings, smtp):
    inside = replace(smtp, is_foreign=True)
    content = Content("<1@x>", None, "", "a@x.example", "", "b@x.example", "S", "T", "")
    answer = hand_over(
        inside,
        sender=content.from_address,
        recipient=content.to_address,
        content=b"Subject: x\r\n\r\nx\r\n",
        may_send=lambda: True,
    )
    assert (answer.outcome, answer.detail) == (
        Outcome.LATER,
        "This host is inside a private network.",
    )


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"port": 22}, "port"),
        ({"security": "none"}, "security"),
        ({"host": "-oProxyCommand"}, "host"),
        ({"password": "line\nbreak"}, "password"),
    ],
)
def test_in_production_only_mail_is_spoken_and_never_openly(acme, settings, change, field):
    strict = settings.model_copy(update={"environment": "production"})
    without_server(acme)
    with acme.work() as session, pytest.raises(InvalidInputError) as refused:
        servers.save_server(
            session, acme.id, replace(WISH, **change), stamp=servers.stamp_of(None), settings=strict
        )
    assert refused.value.field == field


def test_a_password_of_another_tenant_does_not_open(acme, globex, settings):
    for tenant in (acme, globex):
        without_server(tenant)
        with tenant.work() as session:
            servers.save_server(
                session, tenant.id, WISH, stamp=servers.stamp_of(None), settings=settings
            )
    with acme.work() as session:
        stolen = servers.find_server(session, acme.id).password
    with globex.work() as session:
        session.get(MailServer, globex.id).password = stolen
    with globex.work() as session, pytest.raises(Exception, match="cannot be opened"):
        servers.open_server(session, globex.id, settings)
