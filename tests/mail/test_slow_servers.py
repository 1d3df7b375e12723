"""A mail server that a tenant names may be a trap: it holds nobody for long and fills no memory."""

import socket
import threading
from contextlib import contextmanager, suppress

import pytest

from mail import smtp
from mail.smtp import Outcome, SmtpServer, hand_over


@contextmanager
def answering(talk):
    """A server that does to each connection what `talk` says, until it is gone."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            with suppress(OSError):
                connection, _address = listener.accept()
                with connection, suppress(OSError):
                    talk(connection, over)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield SmtpServer("127.0.0.1", listener.getsockname()[1], "", "", False, 1, "portal")
        finally:
            over.set()
            thread.join()


def say_a_line_now_and_then(connection, over):
    while not over.wait(0.05):
        connection.sendall(b"220-patience\r\n")


def say_everything_at_once(connection, over):
    while not over.is_set():
        connection.sendall(b"220-more\r\n" * 1000)


@pytest.mark.parametrize("talk", [say_a_line_now_and_then, say_everything_at_once])
def test_a_greeting_that_never_ends_is_cut_off(talk, monkeypatch):
    monkeypatch.setattr(smtp, "BEFORE_PATIENCE", 1)
    with answering(talk) as server:
        answer = hand_over(
            server, sender="a@a.example", recipient="b@b.example", content=b"x", may_send=bool
        )
    assert answer.outcome is Outcome.LATER


def test_an_answer_to_the_body_that_never_ends_leaves_the_mail_in_doubt(monkeypatch):
    monkeypatch.setattr(smtp, "ANSWER_PATIENCE", 0.5)

    def talk(connection, over):
        connection.sendall(b"220 hi\r\n")
        for answer in (b"250 hi\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n"):
            connection.recv(1000)
            connection.sendall(answer)
        while not over.wait(0.05):
            connection.sendall(b"250-so far so good\r\n")

    with answering(talk) as server:
        answer = hand_over(
            server,
            sender="a@a.example",
            recipient="b@b.example",
            content=b"x",
            may_send=lambda: True,
        )
    assert answer.outcome is Outcome.UNKNOWN
