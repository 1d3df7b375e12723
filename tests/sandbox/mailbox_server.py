"""The sandbox mailbox as a separate process, for tests that send real mail."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from typing import Any

import requests

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 20


@dataclass(frozen=True)
class ReceivedFile:
    """A file that came with a message."""

    filename: str
    content_type: str
    content: bytes


@dataclass(frozen=True)
class ReceivedMessage:
    """A message as it arrived; `recipients` are those of the envelope."""

    id: str
    envelope_from: str
    recipients: list[str]
    subject: str
    text: str
    html: str
    attachments: list[ReceivedFile]
    parsed: EmailMessage

    @property
    def message_id(self) -> str:
        return str(self.parsed["Message-ID"])


class MailboxServer:
    """What a test asks of a running mailbox."""

    def __init__(self, process: subprocess.Popen[str], smtp_port: int, http_port: int) -> None:
        self.process = process
        self.smtp_port = smtp_port
        self.http_port = http_port
        self.url = f"http://127.0.0.1:{http_port}"

    def get(self, path: str, **options: Any) -> requests.Response:
        """The answer to a GET of a path of the web page."""
        return requests.get(self.url + path, timeout=TIMEOUT_S, **options)

    def post(self, path: str, **options: Any) -> requests.Response:
        """The answer to a POST to a path of the web page."""
        return requests.post(self.url + path, timeout=TIMEOUT_S, **options)

    def messages(self, to: str | None = None) -> list[ReceivedMessage]:
        """Messages with a recipient that contains `to`, newest first."""
        found = self.get("/api/messages", params={"to": to} if to else {}).json()
        return [self._message(summary["id"]) for summary in found]

    def control(self, **fault: Any) -> None:
        """Asks for a fault, for example `fault="reply", code=451, count=2`."""
        answer = self.post("/control", json=fault)
        assert answer.status_code == 200, answer.text

    def clear(self) -> None:
        """Deletes every message and takes back every fault that was asked for."""
        requests.delete(f"{self.url}/api/messages", timeout=TIMEOUT_S).raise_for_status()
        self.control(reset=True)

    def _message(self, message_id: str) -> ReceivedMessage:
        details = self.get(f"/api/messages/{message_id}").json()
        raw = self.get(f"/messages/{message_id}/raw").content
        return ReceivedMessage(
            id=message_id,
            envelope_from=details["envelope_from"],
            recipients=details["envelope_to"],
            subject=details["subject"],
            text=details["text"],
            html=details["html"],
            attachments=[
                ReceivedFile(one["filename"], one["content_type"], self.get(one["url"]).content)
                for one in details["attachments"]
            ],
            parsed=BytesParser(policy=policy.default).parsebytes(raw),
        )


@contextmanager
def running_mailbox(store: Path | None = None) -> Iterator[MailboxServer]:
    """A mailbox on free ports of 127.0.0.1; without `store` its messages go when it ends."""
    with tempfile.TemporaryDirectory(prefix="portal-mailbox-") as folder:
        command = [sys.executable, "-m", "sandbox.mailbox", "--smtp-port", "0", "--http-port", "0"]
        with subprocess.Popen(
            [*command, "--store", str(store or folder)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                assert process.stdout is not None
                ports = json.loads(process.stdout.readline())
                yield MailboxServer(process, ports["smtp_port"], ports["http_port"])
            finally:
                process.terminate()
