"""Messages on disk: one .eml file as received, beside it a .json file with envelope and summary."""

import hashlib
import json
import os
import re
import secrets
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage, MIMEPart
from email.parser import BytesParser
from pathlib import Path

MESSAGE_ID = re.compile(r"[0-9a-f]{16}-[0-9a-f]{8}")


@dataclass(frozen=True, slots=True)
class Summary:
    """What the list shows of a message; ids sort by time of arrival."""

    id: str
    received_at: str
    envelope_from: str
    envelope_to: list[str]
    sender: str
    to: str
    cc: str
    subject: str
    date: str
    message_id: str
    attachments: list[str]
    size: int

    def is_for(self, text: str) -> bool:
        """Whether a recipient's address or name contains the text."""
        haystack = " ".join((*self.envelope_to, self.to, self.cc)).lower()
        return text.lower() in haystack


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file inside a message; `number` counts the message's attachments from 0."""

    number: int
    filename: str
    content_type: str
    content_id: str
    content: bytes

    @property
    def sha256(self) -> str:
        """Hex digest of the content."""
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True, slots=True)
class Message:
    """A parsed message; `text` and `html` are empty where it has no such part."""

    summary: Summary
    headers: list[tuple[str, str]]
    text: str
    html: str
    attachments: list[Attachment]
    raw: bytes


class Store:
    """The folder of messages with an index in memory; safe to use from several threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)
        self._index: dict[str, Summary] = {}
        for path in sorted(folder.glob("*.json")):
            summary = Summary(**json.loads(path.read_text()))
            self._index[summary.id] = summary

    def add(self, raw: bytes, *, sender: str, recipients: list[str]) -> Summary:
        """Stores a message; on return it is on the disk, not only in the system's memory."""
        arrived_ns = time.time_ns()
        summary = _summarise(
            raw,
            message_id=f"{arrived_ns:016x}-{secrets.token_hex(4)}",
            received_at=datetime.fromtimestamp(arrived_ns // 10**9, UTC).isoformat(),
            sender=sender,
            recipients=recipients,
        )
        _write_durably(self._path(summary.id, "eml"), raw)
        encoded = json.dumps(asdict(summary), ensure_ascii=False).encode()
        _write_durably(self._path(summary.id, "json"), encoded)
        _sync_folder(self._folder)
        with self._lock:
            self._index[summary.id] = summary
        return summary

    def list_summaries(self, to: str = "") -> list[Summary]:
        """Messages with a recipient that contains `to`, newest first."""
        with self._lock:
            found = sorted(self._index.values(), key=lambda one: one.id, reverse=True)
        return [summary for summary in found if not to or summary.is_for(to)]

    def find_message(self, message_id: str) -> Message | None:
        """The whole message, or None when there is none of that id."""
        with self._lock:
            summary = self._index.get(message_id)
        if summary is None or not MESSAGE_ID.fullmatch(message_id):
            return None
        raw = self._path(message_id, "eml").read_bytes()
        parsed = _parse(raw)
        return Message(
            summary=summary,
            headers=[(name, str(value)) for name, value in parsed.items()],
            text=_body(parsed, "plain"),
            html=_body(parsed, "html"),
            attachments=list(_attachments(parsed)),
            raw=raw,
        )

    def clear(self) -> int:
        """Deletes every message; answers how many there were."""
        with self._lock:
            ids = list(self._index)
            self._index.clear()
        for message_id in ids:
            self._path(message_id, "json").unlink(missing_ok=True)
            self._path(message_id, "eml").unlink(missing_ok=True)
        return len(ids)

    def _path(self, message_id: str, suffix: str) -> Path:
        return self._folder / f"{message_id}.{suffix}"


def _write_durably(path: Path, content: bytes) -> None:
    unfinished = path.with_suffix(path.suffix + ".part")
    with unfinished.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    unfinished.rename(path)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _parse(raw: bytes) -> EmailMessage:
    return BytesParser(policy=policy.default).parsebytes(raw)


def _summarise(
    raw: bytes, *, message_id: str, received_at: str, sender: str, recipients: list[str]
) -> Summary:
    parsed = _parse(raw)
    return Summary(
        id=message_id,
        received_at=received_at,
        envelope_from=sender,
        envelope_to=recipients,
        sender=str(parsed.get("From", "")),
        to=str(parsed.get("To", "")),
        cc=str(parsed.get("Cc", "")),
        subject=str(parsed.get("Subject", "")),
        date=str(parsed.get("Date", "")),
        message_id=str(parsed.get("Message-ID", "")),
        attachments=[attachment.filename for attachment in _attachments(parsed)],
        size=len(raw),
    )


def _body(parsed: EmailMessage, kind: str) -> str:
    part = parsed.get_body((kind,))
    return "" if part is None else _text(part)


def _text(part: MIMEPart) -> str:
    try:
        content = part.get_content()
    except (LookupError, KeyError):  # a charset that Python does not know
        payload = part.get_payload(decode=True)
        return payload.decode("latin-1") if isinstance(payload, bytes) else ""
    return content.replace("\r\n", "\n") if isinstance(content, str) else ""


def _attachments(parsed: EmailMessage) -> Iterator[Attachment]:
    """Every leaf that is not the text or the HTML body; pictures shown inside the HTML count."""
    bodies = [parsed.get_body((kind,)) for kind in ("plain", "html")]
    leaves = [
        part
        for part in parsed.walk()
        if not part.is_multipart() and not any(part is body for body in bodies)
    ]
    for number, part in enumerate(leaves):
        payload = part.get_payload(decode=True)
        yield Attachment(
            number=number,
            filename=part.get_filename() or f"part-{number}",
            content_type=part.get_content_type(),
            content_id=str(part.get("Content-ID", "")).strip("<>"),
            content=payload if isinstance(payload, bytes) else b"",
        )
