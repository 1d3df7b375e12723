"""Nothing that somebody typed can add a header or a recipient."""

from datetime import UTC, datetime
from email import policy
from email.header import decode_header, make_header
from email.parser import BytesParser
from email.utils import parseaddr

import pytest

from mail.compose import Attachment, Content, compose

PLAIN = {
    "message_id": "<1@acme.example>",
    "at": datetime(2026, 3, 29, 0, 59, 30, tzinfo=UTC),
    "from_name": "Acme",
    "from_address": "billing@acme.example",
    "reply_to": "",
    "to_address": "client@client.example",
    "subject": "Hello",
    "body_text": "Hello\n",
    "body_html": "",
}


def _decoded(header):
    return str(make_header(decode_header(header.replace("\r\n", ""))))


def _parsed(**changes):
    raw = compose(Content(**{**PLAIN, **changes}))
    assert raw.isascii()
    assert b"\n" not in raw.replace(b"\r\n", b"")
    return BytesParser(policy=policy.default).parsebytes(raw)


@pytest.mark.parametrize(
    "changes",
    [
        {"subject": "Hi\r\nBcc: all@globex.example"},
        {"subject": "Hi\nBcc: all@globex.example"},
        {"to_address": "a@client.example\r\nBcc: all@globex.example"},
        {"to_address": "a@client.example, b@client.example"},
        {"to_address": "a@client.example b@client.example"},
        {"message_id": "<1@acme.example>\r\nBcc: all@globex.example"},
        {"reply_to": "a@acme.example\nBcc: all@globex.example"},
    ],
)
def test_a_header_cannot_be_injected(changes):
    with pytest.raises(Exception) as refused:
        _parsed(**changes)
    assert isinstance(refused.value, ValueError)


def test_a_company_name_with_a_line_break_stays_a_name():
    message = _parsed(from_name="Acme\r\nBcc: all@globex.example")
    assert message["Bcc"] is None
    assert message["From"].addresses[0].addr_spec == "billing@acme.example"


@pytest.mark.parametrize(
    "words",
    [
        'Øster & "Søn", 株式会社',
        "請求書 №7 " * 12,
        "Счёт за март " * 8,
        "Rechnung für März " * 8,
        "Invoice 7 of March " * 8,
        "x" * 200,
    ],
)
def test_words_in_every_script_arrive_with_their_spaces(words):
    words = words.strip()
    raw = compose(Content(**{**PLAIN, "from_name": words, "subject": words}))
    assert max(len(line) for line in raw.splitlines()) <= 998
    assert b"\n" not in raw.replace(b"\r\n", b"")
    # the older parser: the newer one of Python 3.11 keeps the spaces between encoded words of a
    # name, which RFC 2047 6.2 says to drop
    message = BytesParser(policy=policy.compat32).parsebytes(raw)
    assert _decoded(message["Subject"]) == words
    name, address = parseaddr(message["From"].replace("\r\n", ""))
    assert address == "billing@acme.example"
    assert _decoded(name) == words


def test_an_encoded_line_break_stays_inside_its_header():
    message = _parsed(subject="=?utf-8?q?Hi=0D=0ABcc:_all@globex.example?=")
    assert message["Bcc"] is None
    assert message.get_content().strip() == "Hello"


def test_a_filename_cannot_break_out_of_its_header():
    name = 'in\r\nBcc: all@globex.example".pdf'
    try:
        message = _parsed(attachments=[Attachment(name, "application/pdf", b"%PDF")])
    except ValueError:
        return
    assert message["Bcc"] is None
    assert all(part["Bcc"] is None for part in message.walk())
