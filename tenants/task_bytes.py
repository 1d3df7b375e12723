"""The bytes of a task, in pieces: the file it reads, the rows it gathers, the file it gives."""

from uuid import UUID

from sqlalchemy import delete, insert, select

from core.db import Session
from core.errors import NotFoundError
from tenants.task_models import Task, TaskChunk

CHUNK_BYTES = 1_000_000


def put_chunk(session: Session, task: Task, part: str, n: int, content: bytes) -> None:
    """Keep one piece of bytes, at most CHUNK_BYTES or what one step of the work gives."""
    session.execute(
        insert(TaskChunk).values(
            task_id=task.id, reseller_id=task.reseller_id, part=part, n=n, content=content
        )
    )


def put_bytes(session: Session, task: Task, part: str, content: bytes) -> None:
    """Keep bytes in pieces."""
    for n, start in enumerate(range(0, max(len(content), 1), CHUNK_BYTES), 1):
        put_chunk(session, task, part, n, content[start : start + CHUNK_BYTES])


def list_chunks(session: Session, task_id: UUID, part: str) -> list[int]:
    """Numbers of the pieces, in order."""
    return list(
        session.scalars(
            select(TaskChunk.n)
            .where(TaskChunk.task_id == task_id, TaskChunk.part == part)
            .order_by(TaskChunk.n)
        )
    )


def get_chunk(session: Session, task_id: UUID, part: str, n: int) -> bytes:
    """Raises NotFoundError."""
    content = session.scalar(
        select(TaskChunk.content).where(
            TaskChunk.task_id == task_id, TaskChunk.part == part, TaskChunk.n == n
        )
    )
    if content is None:
        raise NotFoundError("These bytes are no longer kept.")
    return content


def get_bytes(session: Session, task_id: UUID, part: str) -> bytes:
    """All bytes of a part; raises NotFoundError when they are gone."""
    found = session.scalars(
        select(TaskChunk.content)
        .where(TaskChunk.task_id == task_id, TaskChunk.part == part)
        .order_by(TaskChunk.n)
    ).all()
    if not found:
        raise NotFoundError("These bytes are no longer kept.")
    return b"".join(found)


def delete_chunks(session: Session, task_id: UUID, part: str) -> None:
    session.execute(delete(TaskChunk).where(TaskChunk.task_id == task_id, TaskChunk.part == part))


def delete_all(session: Session, task_id: UUID) -> None:
    """Every part."""
    session.execute(delete(TaskChunk).where(TaskChunk.task_id == task_id))
