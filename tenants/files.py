"""Files: bytes stored once and never changed; showing one again gives the same bytes."""

import hashlib
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import undefer

from core.clock import now
from core.db import Session
from core.errors import NotFoundError
from core.ids import new_id
from tenants.models import File


def create_file(
    session: Session,
    *,
    reseller_id: int,
    client_id: int | None,
    name: str,
    media_type: str,
    content: bytes,
    file_id: UUID | None = None,
) -> File:
    """Store the bytes; `file_id` is the one that a drawn form brought along."""
    file = File(
        id=file_id or new_id(),
        reseller_id=reseller_id,
        client_id=client_id,
        name=name,
        media_type=media_type,
        sha256=hashlib.sha256(content).hexdigest(),
        size=len(content),
        content=content,
        created_at=now(),
    )
    session.add(file)
    session.flush()
    return file


def get_file(session: Session, file_id: UUID) -> File:
    """The file with its bytes; raises NotFoundError, also for one of another tenant."""
    file = session.scalar(select(File).where(File.id == file_id).options(undefer(File.content)))
    if file is None:
        raise NotFoundError("File not found.")
    return file
