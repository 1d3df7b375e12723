"""Files that staff keep beside a client: contracts, letters, pictures. The client never sees them.

What a file is called and what the browser says about it counts for nothing: its kind follows from
the ending, which must be on the list, and the bytes must begin as that kind does.
"""

import hashlib
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import delete, select

from core.clock import now
from core.db import Session
from core.errors import ConflictError, InvalidInputError, NotFoundError
from core.tenancy import current_actor
from tenants import audit
from tenants.client_record_models import ClientFile
from tenants.clients import get_client, refuse_erased
from tenants.files import create_file, get_file
from tenants.models import File

MAX_BYTES = 10 * 1024 * 1024
NAME_LENGTH = 120


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of file that is taken; `fits` looks at its bytes."""

    media_type: str
    fits: Callable[[bytes], bool]


def _begins(*marks: bytes) -> Callable[[bytes], bool]:
    return lambda content: content.startswith(marks)


def _is_text(content: bytes) -> bool:
    return b"\x00" not in content


_OFFICE = "application/vnd.openxmlformats-officedocument"
_OPEN = "application/vnd.oasis.opendocument"
_ZIP = _begins(b"PK\x03\x04")
_JPEG = Kind("image/jpeg", _begins(b"\xff\xd8\xff"))
KINDS: dict[str, Kind] = {
    "csv": Kind("text/csv", _is_text),
    "docx": Kind(f"{_OFFICE}.wordprocessingml.document", _ZIP),
    "gif": Kind("image/gif", _begins(b"GIF87a", b"GIF89a")),
    "jpeg": _JPEG,
    "jpg": _JPEG,
    "ods": Kind(f"{_OPEN}.spreadsheet", _ZIP),
    "odt": Kind(f"{_OPEN}.text", _ZIP),
    "pdf": Kind("application/pdf", _begins(b"%PDF-")),
    "png": Kind("image/png", _begins(b"\x89PNG\r\n\x1a\n")),
    "txt": Kind("text/plain", _is_text),
    "webp": Kind("image/webp", lambda content: content[:4] == b"RIFF" and content[8:12] == b"WEBP"),
    "xlsx": Kind(f"{_OFFICE}.spreadsheetml.sheet", _ZIP),
    "xml": Kind("application/xml", _is_text),
}
# controls, and marks that turn the direction of writing: a name that shows another ending
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_NOT_IN_NAMES = re.compile(r'[<>:"|?*]+')


def create_client_file(
    session: Session, client_id: int, *, file_id: UUID, name: str, content: bytes
) -> ClientFile:
    """Keep a file; the same id again is the file kept before, with other bytes ConflictError.

    Raises NotFoundError, InvalidInputError for a kind that is not taken, too many bytes, or bytes
    that this client has already.
    """
    client = get_client(session, client_id)
    refuse_erased(client)
    clean = clean_name(name)
    kind = checked_kind(clean, content)
    digest = hashlib.sha256(content).hexdigest()
    known = _find(session, client_id, file_id)
    if known is not None:
        if known.sha256 != digest:
            raise ConflictError("This form was sent before with another file.")
        return _row(session, client_id, file_id)
    _refuse_same(session, client_id, digest)
    create_file(
        session,
        reseller_id=client.reseller_id,
        client_id=client.id,
        name=clean,
        media_type=kind.media_type,
        content=content,
        file_id=file_id,
    )
    row = ClientFile(
        file_id=file_id,
        reseller_id=client.reseller_id,
        client_id=client.id,
        author=current_actor().label,
        created_at=now(),
    )
    session.add(row)
    session.flush()
    _record(session, row, clean, "create", {"size": (None, len(content))})
    return row


def get_client_file(session: Session, client_id: int, file_id: UUID) -> File:
    """The file with its bytes; NotFoundError, also for an invoice's or another client's."""
    _row(session, client_id, file_id)
    return get_file(session, file_id)


def delete_client_file(session: Session, client_id: int, file_id: UUID) -> None:
    """Remove a file for good. Raises NotFoundError."""
    row = _row(session, client_id, file_id)
    file = _find(session, client_id, file_id)
    if file is None:
        raise NotFoundError("File not found.")
    _record(session, row, file.name, "delete", {"size": (file.size, None)})
    session.expunge(row)
    # its row beside the client goes with it
    session.execute(delete(File).where(File.id == file_id))


def clean_name(name: str) -> str:
    """A name without folders and without letters that cannot be seen; the ending stays.

    Raises InvalidInputError when nothing is left of it.
    """
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    seen = "".join(one for one in last if unicodedata.category(one) not in _UNSEEN)
    stem, _dot, ending = " ".join(_NOT_IN_NAMES.sub("_", seen).split()).rpartition(".")
    stem = stem.strip(" .")
    if not stem or not ending:
        raise InvalidInputError("Choose a file with a name and an ending.", "file")
    return f"{stem[: NAME_LENGTH - len(ending) - 1].rstrip()}.{ending.lower()}"


def checked_kind(name: str, content: bytes) -> Kind:
    """What the file is, by its ending and its first bytes; raises InvalidInputError."""
    ending = name.rpartition(".")[2]
    kind = KINDS.get(ending)
    if kind is None:
        raise InvalidInputError(
            "Files of this kind are not taken. Choose one of: %(endings)s.",
            "file",
            endings=", ".join(sorted(KINDS)),
        )
    if not content:
        raise InvalidInputError("This file is empty.", "file")
    if len(content) > MAX_BYTES:
        raise InvalidInputError(
            "This file is too large: at most %(size)s MB.", "file", size=MAX_BYTES // 1024 // 1024
        )
    if not kind.fits(content):
        raise InvalidInputError(
            "What is inside is no %(ending)s file, whatever its name says.", "file", ending=ending
        )
    return kind


def _refuse_same(session: Session, client_id: int, digest: str) -> None:
    same = session.scalar(
        select(File.name)
        .join(ClientFile, ClientFile.file_id == File.id)
        .where(ClientFile.client_id == client_id, File.sha256 == digest)
        .limit(1)
    )
    if same is not None:
        raise InvalidInputError("This very file is here already, as %(name)s.", "file", name=same)


def _find(session: Session, client_id: int, file_id: UUID) -> File | None:
    return session.scalar(
        select(File)
        .join(ClientFile, ClientFile.file_id == File.id)
        .where(File.id == file_id, ClientFile.client_id == client_id)
    )


def _row(session: Session, client_id: int, file_id: UUID) -> ClientFile:
    row = session.scalar(
        select(ClientFile).where(ClientFile.file_id == file_id, ClientFile.client_id == client_id)
    )
    if row is None:
        raise NotFoundError("File not found.")
    return row


def _record(
    session: Session,
    row: ClientFile,
    name: str,
    action: str,
    changes: dict[str, tuple[object, object]],
) -> None:
    audit.record(
        session,
        reseller_id=row.reseller_id,
        client_id=row.client_id,
        action=action,
        object_type="client_file",
        object_id=row.file_id,
        object_label=name,
        changes=changes,
    )
