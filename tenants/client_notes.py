"""Notes of staff about a client. Whoever wrote one changes or deletes it; anybody who may write
clients pins it.

The audit log says who wrote, changed and deleted a note, never its words: they are free text about
people, and what stands in that log can never be removed.
"""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from core.clock import now
from core.db import Session
from core.errors import ConflictError, InvalidInputError, NotAllowedError, NotFoundError
from core.logs import contains_card_number
from core.tenancy import Actor, current_actor
from tenants import audit
from tenants.client_record_models import ClientNote
from tenants.clients import get_client, refuse_erased

BODY_LENGTH = 4000
_WORDS = "…"


def create_note(
    session: Session, client_id: int, *, note_id: UUID, body: str, is_pinned: bool = False
) -> ClientNote:
    """Write a note; the same id again is the note made before, with other words ConflictError.

    Raises NotFoundError, InvalidInputError.
    """
    client = get_client(session, client_id)
    refuse_erased(client)
    text = _checked(body)
    actor = current_actor()
    note: ClientNote | None = session.scalar(
        insert(ClientNote)
        .values(
            id=note_id,
            reseller_id=client.reseller_id,
            client_id=client.id,
            body=text,
            is_pinned=is_pinned,
            author_id=actor.id if actor.kind == "user" else None,
            author=actor.label,
            created_at=now(),
        )
        .on_conflict_do_nothing()
        .returning(ClientNote)
    )
    if note is None:
        return _repeated(session, client_id, note_id, text)
    _record(session, note, "create", {"text": (None, _WORDS)})
    return note


def update_note(
    session: Session, client_id: int, note_id: UUID, *, body: str, version: int
) -> ClientNote:
    """Change one's own words.

    Raises NotFoundError, InvalidInputError, NotAllowedError for another's note, ConflictError
    when it was changed since `version` was shown.
    """
    note = lock_note(session, client_id, note_id)
    text = _checked(body)
    _require_own(note)
    if note.body == text:
        return note
    if note.version != version:
        raise ConflictError("This note was changed in another window. Open it again.")
    note.body = text
    note.version += 1
    note.edited_at = now()
    session.flush()
    _record(session, note, "update", {"text": (_WORDS, _WORDS)})
    return note


def delete_note(session: Session, client_id: int, note_id: UUID) -> None:
    """Delete one's own note for good. Raises NotFoundError, NotAllowedError for another's."""
    note = lock_note(session, client_id, note_id)
    _require_own(note)
    _record(session, note, "delete", {"text": (_WORDS, None)})
    session.delete(note)
    session.flush()


def pin_note(session: Session, client_id: int, note_id: UUID, *, is_pinned: bool) -> ClientNote:
    """Keep a note at the top, or no longer. Raises NotFoundError."""
    note = lock_note(session, client_id, note_id)
    if note.is_pinned != is_pinned:
        note.is_pinned = is_pinned
        session.flush()
        _record(session, note, "update", {"pinned": (not is_pinned, is_pinned)})
    return note


def get_note(session: Session, client_id: int, note_id: UUID) -> ClientNote:
    """Raises NotFoundError, also for a note of another client."""
    note = session.scalar(
        select(ClientNote).where(ClientNote.id == note_id, ClientNote.client_id == client_id)
    )
    if note is None:
        raise NotFoundError("Note not found.")
    return note


def lock_note(session: Session, client_id: int, note_id: UUID) -> ClientNote:
    """As `get_note`, locked until the transaction ends and read anew."""
    note = session.scalar(
        select(ClientNote)
        .where(ClientNote.id == note_id, ClientNote.client_id == client_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if note is None:
        raise NotFoundError("Note not found.")
    return note


def is_own(note: ClientNote, actor: Actor) -> bool:
    """Whether `actor` wrote it."""
    return actor.kind == "user" and actor.id is not None and note.author_id == actor.id


def _require_own(note: ClientNote) -> None:
    if not is_own(note, current_actor()):
        raise NotAllowedError("Only the one who wrote a note may change it.")


def _repeated(session: Session, client_id: int, note_id: UUID, text: str) -> ClientNote:
    known = session.scalar(
        select(ClientNote).where(ClientNote.id == note_id, ClientNote.client_id == client_id)
    )
    if known is None or known.body != text:
        raise ConflictError("This form was sent before with other content.")
    return known


def _checked(body: str) -> str:
    text = "\n".join(line.rstrip() for line in body.replace("\r\n", "\n").split("\n")).strip()
    if not text:
        raise InvalidInputError("Write something.", "body")
    if len(text) > BODY_LENGTH:
        raise InvalidInputError("Use at most %(count)s characters.", "body", count=BODY_LENGTH)
    if "\x00" in text:
        raise InvalidInputError("Remove the characters that cannot be shown.", "body")
    if contains_card_number(text):
        raise InvalidInputError(
            "This looks like a card number. Card numbers must not be kept here.", "body"
        )
    return text


def _record(
    session: Session, note: ClientNote, action: str, changes: dict[str, tuple[object, object]]
) -> None:
    audit.record(
        session,
        reseller_id=note.reseller_id,
        client_id=note.client_id,
        action=action,
        object_type="client_note",
        object_id=note.id,
        changes=changes,
    )
