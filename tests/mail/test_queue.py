"""A mail is a row first: once per event, to one checked address."""

import pytest
from sqlalchemy import select

from core import jobs
from core.errors import ConflictError, InvalidInputError, NotFoundError
from mail.delivery import deliver
from mail.models import MailMessage
from mail.queue import delete_queued, get_mail, queue_mail, send_again
from tenants.files import create_file
from tenants.models import AuditRecord


@pytest.fixture
def sent_jobs():
    sent = []
    jobs.configure(sent.append)
    yield sent
    jobs._senders.clear()


def test_the_same_event_mails_once(acme, sent_jobs):
    first = acme.queue("invoice:7")
    assert acme.queue("invoice:7", subject="Your invoice again") is None
    assert [(job.name, job.args) for job in sent_jobs] == [
        ("mail.deliver", {"mail_id": str(first)})
    ]


def test_another_tenant_may_use_the_same_key(acme, globex):
    assert acme.queue("invoice:7")
    assert globex.queue("invoice:7")


def test_a_mail_dies_with_the_transaction_that_asked_for_it(acme, sent_jobs):
    def fail_after_queueing():
        with acme.work() as session:
            queue_mail(
                session,
                reseller_id=acme.id,
                kind="report",
                dedupe_key="report:1",
                to_address=acme.address,
                subject="Report",
                body_text="",
            )
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_after_queueing()
    assert sent_jobs == []
    assert acme.queue("report:1")


def test_it_comes_from_the_reseller_or_from_the_platform(acme):
    own = acme.read(acme.queue())
    assert own.from_address == "billing@acme.example"
    assert own.message_id == f"<{own.id}@acme.example>"
    with acme.work() as session:
        from tenants.resellers import get_reseller

        get_reseller(session, acme.id).mail_from = ""
    assert acme.read(acme.queue("other")).from_address == "billing@portal.example"


@pytest.mark.parametrize(
    "address",
    [
        "",
        "zoë@client.example",
        "client@exämple.example",
        "клиент@client.example",
        "two@client.example, three@client.example",
        "a@client.example\r\nBcc: all@globex.example",
        "Client <a@client.example>",
        "nobody",
    ],
)
def test_an_address_that_is_not_one_plain_latin_address_is_refused(acme, address):
    with pytest.raises(InvalidInputError) as refused:
        acme.queue(to_address=address)
    assert refused.value.field == "to_address"


@pytest.mark.parametrize("subject", ["", "  ", "Hi\r\nBcc: all@globex.example", "Hi\nthere", "x\0"])
def test_a_subject_that_is_not_one_line_is_refused(acme, subject):
    with pytest.raises(InvalidInputError) as refused:
        acme.queue(subject=subject)
    assert refused.value.field == "subject"


def test_a_file_of_another_tenant_cannot_go_along(acme, globex):
    with globex.work() as session:
        theirs = create_file(
            session,
            reseller_id=globex.id,
            client_id=None,
            name="theirs.pdf",
            media_type="application/pdf",
            content=b"%PDF",
        ).id
    with pytest.raises(Exception, match="mail_attachments"):
        acme.queue(file_ids=[theirs])
    with acme.work() as session:
        assert session.scalars(select(MailMessage)).all() == []


def test_another_tenants_mail_is_not_found(acme, globex):
    mail_id = globex.queue()
    with acme.work() as session:
        for action in (get_mail, send_again, delete_queued):
            with pytest.raises(NotFoundError):
                action(session, mail_id)
    assert globex.read(mail_id).state == "queued"


def test_a_deleted_mail_is_gone_and_its_event_mails_no_more(acme, smtp, mailbox):
    mail_id = acme.queue("invoice:7")
    with acme.work() as session:
        delete_queued(session, mail_id)
    with acme.work() as session, pytest.raises(NotFoundError):
        get_mail(session, mail_id)
    assert acme.queue("invoice:7") is None
    assert deliver(acme.work, smtp, mail_id) is None
    assert mailbox.messages(acme.address) == []


def test_only_a_waiting_mail_can_be_deleted_and_only_a_failed_one_sent_again(acme, smtp):
    mail_id = acme.queue()
    with acme.work() as session, pytest.raises(ConflictError):
        send_again(session, mail_id)
    deliver(acme.work, smtp, mail_id)
    with acme.work() as session, pytest.raises(ConflictError):
        delete_queued(session, mail_id)
    assert acme.read(mail_id).state == "sent"


def test_a_failed_mail_sent_again_arrives_and_the_audit_log_says_who(acme, smtp, mailbox):
    mailbox.control(fault="reply", stage="rcpt", code=550, count=1)
    mail_id = acme.queue()
    deliver(acme.work, smtp, mail_id)
    assert acme.read(mail_id).state == "failed"
    with acme.work() as session:
        send_again(session, mail_id)
    assert acme.read(mail_id).attempts == 0
    deliver(acme.work, smtp, mail_id)
    assert acme.read(mail_id).state == "sent"
    assert len(mailbox.messages(acme.address)) == 1
    with acme.work() as session:
        [record] = session.scalars(select(AuditRecord).where(AuditRecord.object_type == "mail"))
    assert (record.action, record.actor_label) == ("send_again", "owner@acme.example")
    assert record.changes == {"state": ["failed", "queued"]}
