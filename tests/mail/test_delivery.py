"""What becomes of a mail, spoken over a real socket with a server that fails as told."""

import socket
from datetime import timedelta

import pytest
import time_machine

from core.clock import now
from mail import delivery
from mail.delivery import MAX_ATTEMPTS, deliver
from mail.smtp import Answer, Outcome
from tenants.files import create_file
from tests.mail.conftest import smtp_to


def _later(**amount: float):
    return time_machine.travel(now() + timedelta(**amount))


def test_a_mail_arrives_whole(acme, smtp, mailbox):
    with acme.work() as session:
        file_id = create_file(
            session,
            reseller_id=acme.id,
            client_id=None,
            name="счёт 7.pdf",
            media_type="application/pdf",
            content=b"%PDF-1.7\n.\n\x00\xff",
        ).id
    mail_id = acme.queue(
        subject="Счёт № 7",
        body_text="Итого 12.50 USD\n.\n..two dots\n",
        body_html="<p>Итого <b>12.50 USD</b></p>",
        file_ids=[file_id],
    )
    assert deliver(acme.work, smtp, mail_id) is Outcome.SENT

    [received] = mailbox.messages(acme.address)
    assert received.recipients == [acme.address]
    assert received.envelope_from == "billing@acme.example"
    assert received.subject == "Счёт № 7"
    assert received.text.replace("\r\n", "\n") == "Итого 12.50 USD\n.\n..two dots\n"
    assert "<b>12.50 USD</b>" in received.html
    [file] = received.attachments
    assert (file.filename, file.content) == ("счёт 7.pdf", b"%PDF-1.7\n.\n\x00\xff")
    head = received.parsed
    mail = acme.read(mail_id)
    assert received.message_id == mail.message_id
    assert head["From"] == "Acme Telecom <billing@acme.example>"
    assert head["Reply-To"] == "office@acme.example"
    assert head["Auto-Submitted"] == "auto-generated"
    assert head["Date"].datetime == mail.created_at.replace(microsecond=0)
    assert (mail.state, mail.attempts, mail.possibly_sent_twice) == ("sent", 1, False)
    assert mail.sent_at is not None
    assert mail.lease_owner is None


def test_a_lone_dot_does_not_end_a_mail(acme, smtp, mailbox):
    text = "First\n.\n..\n.Bcc: all@globex.example\nLast\n"
    assert deliver(acme.work, smtp, acme.queue(body_text=text)) is Outcome.SENT
    [received] = mailbox.messages(acme.address)
    assert received.text.replace("\r\n", "\n") == text


def test_a_mail_that_was_sent_is_not_sent_again(acme, smtp, mailbox):
    mail_id = acme.queue()
    assert deliver(acme.work, smtp, mail_id) is Outcome.SENT
    with _later(days=3):
        assert deliver(acme.work, smtp, mail_id) is None
    assert len(mailbox.messages(acme.address)) == 1


def test_another_tenant_cannot_send_it(acme, globex, smtp, mailbox):
    mail_id = globex.queue()
    assert deliver(acme.work, smtp, mail_id) is None
    assert mailbox.messages(globex.address) == []


@pytest.mark.parametrize("stage", ["mail", "rcpt", "data"])
def test_a_permanent_refusal_fails_at_once_and_is_told(acme, smtp, mailbox, stage):
    mailbox.control(fault="reply", stage=stage, code=550, count=1)
    mail_id = acme.queue()
    assert deliver(acme.work, smtp, mail_id) is Outcome.REFUSED
    mail = acme.read(mail_id)
    assert (mail.state, mail.attempts) == ("failed", 1)
    assert "550" in mail.last_error
    [event] = acme.events()
    assert (event.level, event.code, event.object_id) == ("warning", "mail_failed", str(mail_id))
    assert "550" in event.text
    with _later(days=3):
        assert deliver(acme.work, smtp, mail_id) is None
    assert mailbox.messages(acme.address) == []


@pytest.mark.parametrize("stage", ["connect", "mail", "rcpt", "data"])
def test_a_temporary_refusal_is_tried_again_a_minute_later(acme, smtp, mailbox, stage):
    mailbox.control(fault="reply", stage=stage, code=451, count=1)
    mail_id = acme.queue()
    assert deliver(acme.work, smtp, mail_id) is Outcome.LATER
    mail = acme.read(mail_id)
    assert (mail.state, mail.possibly_sent_twice) == ("queued", False)
    assert timedelta(seconds=50) < mail.next_attempt_at - now() <= timedelta(minutes=1)
    assert deliver(acme.work, smtp, mail_id) is None
    with _later(seconds=61):
        assert deliver(acme.work, smtp, mail_id) is Outcome.SENT
    assert len(mailbox.messages(acme.address)) == 1
    assert not acme.read(mail_id).possibly_sent_twice
    assert acme.events() == []


def test_a_refused_greeting_says_nothing_about_the_mail(acme, smtp, mailbox):
    mailbox.control(fault="reply", stage="connect", code=554, count=1)
    mail_id = acme.queue()
    assert deliver(acme.work, smtp, mail_id) is Outcome.LATER
    assert acme.read(mail_id).state == "queued"


def test_the_delay_grows_and_after_eight_tries_the_mail_has_failed(acme, smtp, mailbox):
    mailbox.control(fault="reply", stage="rcpt", code=451)
    mail_id = acme.queue()
    delays = []
    with time_machine.travel(now(), tick=False) as clock:
        while deliver(acme.work, smtp, mail_id) is Outcome.LATER:
            mail = acme.read(mail_id)
            if mail.state == "failed":
                break
            delays.append((mail.next_attempt_at - now()) / timedelta(minutes=1))
            clock.shift(mail.next_attempt_at - now())
    assert delays == [1, 5, 15, 60, 120, 240, 480]
    assert acme.read(mail_id).attempts == MAX_ATTEMPTS == 8
    assert [event.code for event in acme.events()] == ["mail_failed"]


def test_a_server_that_is_down_is_tried_again(acme):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    mail_id = acme.queue()
    assert deliver(acme.work, smtp_to(port), mail_id) is Outcome.LATER
    assert "ConnectionRefusedError" in acme.read(mail_id).last_error


def test_a_connection_lost_before_the_body_leaves_no_doubt(acme, smtp, mailbox):
    mailbox.control(fault="drop", stage="rcpt", count=1)
    mail_id = acme.queue()
    assert deliver(acme.work, smtp, mail_id) is Outcome.LATER
    with _later(seconds=61):
        assert deliver(acme.work, smtp, mail_id) is Outcome.SENT
    assert not acme.read(mail_id).possibly_sent_twice


@pytest.mark.parametrize("kept", [True, False])
def test_a_lost_answer_is_tried_once_more_and_marked(acme, smtp, mailbox, kept):
    mailbox.control(fault="drop", stage="data", count=1, keep=kept)
    mail_id = acme.queue()
    assert deliver(acme.work, smtp, mail_id) is Outcome.UNKNOWN
    assert acme.read(mail_id).state == "queued"
    with _later(seconds=61):
        assert deliver(acme.work, smtp, mail_id) is Outcome.SENT
    mail = acme.read(mail_id)
    assert (mail.state, mail.possibly_sent_twice) == ("sent", True)
    received = mailbox.messages(acme.address)
    assert len(received) == (2 if kept else 1)
    assert {one.message_id for one in received} == {mail.message_id}


def test_two_lost_answers_are_the_end(acme, smtp, mailbox):
    mailbox.control(fault="drop", stage="data", count=5)
    mail_id = acme.queue()
    assert deliver(acme.work, smtp, mail_id) is Outcome.UNKNOWN
    with _later(hours=1):
        assert deliver(acme.work, smtp, mail_id) is Outcome.UNKNOWN
    mail = acme.read(mail_id)
    assert (mail.state, mail.last_error) == ("failed", delivery.NOT_CONFIRMED)
    assert len(acme.events()) == 1
    with _later(days=1):
        assert deliver(acme.work, smtp, mail_id) is None
    assert len(mailbox.messages(acme.address)) == 2


def test_two_workers_at_the_same_mail_send_it_once(acme, smtp, mailbox):
    import threading

    mailbox.control(fault="hang", stage="rcpt", seconds=1, count=1)
    mail_id = acme.queue()
    outcomes = []
    barrier = threading.Barrier(4)

    def work():
        barrier.wait()
        outcomes.append(deliver(acme.work, smtp, mail_id))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, outcomes)) == ["None", "None", "None", "sent"]
    assert len(mailbox.messages(acme.address)) == 1


def test_a_worker_whose_lease_was_taken_withdraws_before_the_body(acme, smtp, mailbox, monkeypatch):
    mail_id = acme.queue()
    taken = []
    begin = delivery._begin_data

    def take_over_first(session, *arguments):
        if not taken:
            taken.append(True)
            with _later(minutes=5):
                assert deliver(acme.work, smtp, mail_id) is Outcome.SENT
        return begin(session, *arguments)

    monkeypatch.setattr(delivery, "_begin_data", take_over_first)
    assert deliver(acme.work, smtp, mail_id) is Outcome.WITHDRAWN
    mail = acme.read(mail_id)
    assert (mail.state, mail.possibly_sent_twice, mail.attempts) == ("sent", False, 2)
    assert len(mailbox.messages(acme.address)) == 1


def test_a_worker_that_was_frozen_can_neither_send_nor_report(acme, smtp, mailbox):
    mail_id = acme.queue()
    lease = timedelta(seconds=10)
    with acme.work() as session:
        assert delivery._claim(session, mail_id, "frozen", lease)
    with _later(minutes=1):
        with acme.work() as session:
            assert delivery._claim(session, mail_id, "successor", lease)
        with acme.work() as session:
            assert not delivery._begin_data(session, mail_id, "frozen", lease)
            delivery._record(session, mail_id, "frozen", Answer(Outcome.REFUSED, "550 old news"))
    mail = acme.read(mail_id)
    assert (mail.state, mail.lease_owner, mail.last_error) == ("sending", "successor", "")
    assert acme.events() == []


def test_a_mail_that_kills_its_workers_is_given_up(acme, smtp, mailbox):
    mail_id = acme.queue()
    with time_machine.travel(now(), tick=False) as clock:
        for _ in range(MAX_ATTEMPTS):
            with acme.work() as session:
                assert delivery._claim(session, mail_id, "dead", timedelta(seconds=10))
            clock.shift(11)
        assert deliver(acme.work, smtp, mail_id) is None
    assert acme.read(mail_id).state == "failed"
    assert len(acme.events()) == 1
    assert mailbox.messages(acme.address) == []
