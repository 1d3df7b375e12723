"""A mail with a link that signs its reader in: sent whole, and never readable by staff."""

import pytest

from core.errors import ConflictError
from mail.delivery import deliver
from mail.queue import NOT_KEPT, MailKind, get_mail, readable_bodies, send_again
from mail.smtp import Outcome

LINK = "https://portal.example/reset/very-secret"


def _queue_link(tenant, address: str):
    return tenant.queue(
        kind=MailKind.PASSWORD_RESET,
        to_address=address,
        body_text=f"Open {LINK}\n",
        body_html=f'<a href="{LINK}">Set a password</a>',
    )


def test_staff_cannot_read_the_link_while_the_mail_waits(acme):
    mail_id = _queue_link(acme, acme.address)
    with acme.work() as session:
        assert readable_bodies(get_mail(session, mail_id)) == (NOT_KEPT, "")


def test_the_link_arrives_and_is_not_kept(acme, smtp, mailbox):
    mail_id = _queue_link(acme, acme.address)
    assert deliver(acme.work, smtp, mail_id) is Outcome.SENT
    [received] = mailbox.messages(acme.address)
    assert LINK in received.text
    mail = acme.read(mail_id)
    assert (mail.state, mail.body_text, mail.body_html) == ("sent", NOT_KEPT, "")


def test_a_refused_link_is_not_kept_and_cannot_be_sent_again(acme, smtp, mailbox):
    mail_id = _queue_link(acme, "nobody@bounce.example")
    assert deliver(acme.work, smtp, mail_id) is Outcome.REFUSED
    assert LINK not in acme.read(mail_id).body_text
    with acme.work() as session, pytest.raises(ConflictError, match="ask for a new one"):
        send_again(session, mail_id)


def test_other_mails_keep_their_text(acme, smtp, mailbox):
    mail_id = acme.queue()
    deliver(acme.work, smtp, mail_id)
    with acme.work() as session:
        assert readable_bodies(get_mail(session, mail_id))[0] == "Total 12.50 USD\n"
