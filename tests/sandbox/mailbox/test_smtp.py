"""The mailbox's SMTP side, spoken to with smtplib over a real socket."""

import smtplib
from collections.abc import Iterator
from email.message import EmailMessage

import pytest

from tests.sandbox.mailbox_server import MailboxServer, running_mailbox


@pytest.fixture(scope="module")
def server() -> Iterator[MailboxServer]:
    with running_mailbox() as running:
        yield running


@pytest.fixture
def mailbox(server: MailboxServer) -> MailboxServer:
    server.clear()
    return server


def _mail(to: str = "alice@acme.example", subject: str = "Your invoice") -> EmailMessage:
    mail = EmailMessage()
    mail["From"] = "Acme Billing <billing@acme.example>"
    mail["To"] = to
    mail["Subject"] = subject
    mail["Message-ID"] = "<invoice-1@acme.example>"
    mail.set_content("Total 12.50 EUR\n")
    return mail


def _send(mailbox: MailboxServer, mail: EmailMessage, timeout: float = 10) -> None:
    with smtplib.SMTP("127.0.0.1", mailbox.smtp_port, timeout=timeout) as smtp:
        smtp.send_message(mail)


def test_a_sent_message_is_kept_as_it_came(mailbox: MailboxServer) -> None:
    mail = _mail(subject="Счёт № 7 · 請求書")
    mail.add_attachment(b"%PDF-1.7 ...", maintype="application", subtype="pdf", filename="in 7.pdf")
    _send(mailbox, mail)
    [received] = mailbox.messages()
    assert received.subject == "Счёт № 7 · 請求書"
    assert received.recipients == ["alice@acme.example"]
    assert received.envelope_from == "billing@acme.example"
    assert received.text == "Total 12.50 EUR\n"
    assert received.message_id == "<invoice-1@acme.example>"
    [file] = received.attachments
    assert (file.filename, file.content) == ("in 7.pdf", b"%PDF-1.7 ...")


def test_messages_are_found_by_recipient_newest_first(mailbox: MailboxServer) -> None:
    for number, to in enumerate(
        ("alice@acme.example", "gina@globex.example", "ALICE@acme.example")
    ):
        _send(mailbox, _mail(to, subject=f"mail {number}"))
    assert [one.subject for one in mailbox.messages("alice@")] == ["mail 2", "mail 0"]
    assert mailbox.messages("nobody@") == []


def test_a_blind_copy_is_found_though_no_header_names_it(mailbox: MailboxServer) -> None:
    with smtplib.SMTP("127.0.0.1", mailbox.smtp_port, timeout=10) as smtp:
        smtp.send_message(_mail(), to_addrs=["alice@acme.example", "audit@acme.example"])
    assert len(mailbox.messages("audit@acme.example")) == 1


def test_a_message_lives_through_a_restart_of_the_mailbox(tmp_path) -> None:
    with running_mailbox(tmp_path) as first:
        _send(first, _mail())
        first.process.kill()
        first.process.wait()
    with running_mailbox(tmp_path) as second:
        assert [one.subject for one in second.messages()] == ["Your invoice"]


@pytest.mark.parametrize(("domain", "code"), [("bounce.example", 550), ("later.example", 451)])
def test_the_two_standing_domains_refuse(mailbox: MailboxServer, domain: str, code: int) -> None:
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        _send(mailbox, _mail(f"someone@{domain}"))
    assert [answer[0] for answer in refused.value.recipients.values()] == [code]
    assert mailbox.messages() == []


@pytest.mark.parametrize("code", [450, 452, 550, 552])
def test_a_reply_is_given_for_the_next_n_only(mailbox: MailboxServer, code: int) -> None:
    mailbox.control(fault="reply", code=code, stage="data", count=2)
    for _ in range(2):
        with pytest.raises(smtplib.SMTPDataError) as refused:
            _send(mailbox, _mail())
        assert refused.value.smtp_code == code
    _send(mailbox, _mail())
    assert len(mailbox.messages()) == 1


def test_a_reply_can_be_for_matching_recipients_only(mailbox: MailboxServer) -> None:
    mailbox.control(fault="reply", code=550, recipient="*@globex.example")
    _send(mailbox, _mail("alice@acme.example"))
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        _send(mailbox, _mail("gina@globex.example"))
    assert len(mailbox.messages()) == 1


@pytest.mark.parametrize("stage", ["connect", "mail", "rcpt"])
def test_421_is_answered_and_the_connection_closed(mailbox: MailboxServer, stage: str) -> None:
    mailbox.control(fault="reply", code=421, stage=stage, count=1)
    with pytest.raises(smtplib.SMTPException) as refused:
        _send(mailbox, _mail())
    assert "421" in str(refused.value)
    _send(mailbox, _mail())


def test_a_dropped_answer_leaves_the_message_kept(mailbox: MailboxServer) -> None:
    mailbox.control(fault="drop", count=1)
    with pytest.raises(smtplib.SMTPServerDisconnected):
        _send(mailbox, _mail())
    assert len(mailbox.messages()) == 1


def test_a_drop_can_lose_the_message_too(mailbox: MailboxServer) -> None:
    mailbox.control(fault="drop", count=1, keep=False)
    with pytest.raises(smtplib.SMTPServerDisconnected):
        _send(mailbox, _mail())
    assert mailbox.messages() == []


def test_silence_after_the_data_keeps_the_message(mailbox: MailboxServer) -> None:
    mailbox.control(fault="silence", count=1)
    with pytest.raises((TimeoutError, smtplib.SMTPServerDisconnected)):
        _send(mailbox, _mail(), timeout=0.5)
    assert len(mailbox.messages()) == 1


@pytest.mark.parametrize("stage", ["connect", "ehlo", "mail", "rcpt", "data"])
def test_a_hang_outlasts_an_impatient_sender(mailbox: MailboxServer, stage: str) -> None:
    mailbox.control(fault="hang", stage=stage, seconds=30, count=1)
    with pytest.raises((TimeoutError, smtplib.SMTPServerDisconnected)):
        _send(mailbox, _mail(), timeout=0.3)
    assert mailbox.messages() == []


def test_a_patient_sender_gets_its_answer_after_a_hang(mailbox: MailboxServer) -> None:
    mailbox.control(fault="hang", seconds=0.2, count=1)
    _send(mailbox, _mail())
    assert len(mailbox.messages()) == 1


@pytest.mark.parametrize(
    "wish",
    [
        {"fault": "explode"},
        {"fault": "reply", "code": 250},
        {"fault": "reply", "code": 421, "stage": "connect", "recipient": "*@acme.example"},
        {"fault": "reply", "code": 550, "text": "one\r\ntwo"},
        {"fault": "hang", "seconds": -1},
        {"fault": "drop", "often": True},
        "drop",
    ],
)
def test_a_fault_that_is_not_understood_is_refused(mailbox: MailboxServer, wish: object) -> None:
    before = mailbox.get("/control").json()
    answer = mailbox.post("/control", json=wish)
    assert answer.status_code == 422
    assert answer.json()["error"]
    assert mailbox.get("/control").json() == before
