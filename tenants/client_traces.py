"""Full Delete, the part of `tenants`: the person leaves, the row that holds the money stays.

The row keeps its id, currency and time zone, because the ledger, transactions and invoices point at
it and are kept by law; it loses its name. Removed: company, panel login, tags, notes, events, and
every file that is no invoice's; and what tasks of the past week hold of it.
"""

from typing import Any

from sqlalchemy import CursorResult, Executable, Select, any_, delete, literal, select, update

from core.clock import now
from core.db import Session
from core.names import sort_key
from core.tenancy import current_actor
from tenants.client_record_models import ClientNote
from tenants.models import Client, ClientCompany, ClientLogin, ClientTag, Event, File
from tenants.task_models import Task, TaskChunk, TaskItem

_ENDED = ("done", "failed", "cancelled")


def anonymous_name(client_id: int) -> str:
    """What lists show instead of the name of a client that was removed for good."""
    return f"Deleted client #{client_id}"


def remove_name(session: Session, client: Client) -> None:
    """Take the name off the row, for good: the database refuses to bring it back.

    First of all: the database lets events and files go only when their client is marked so.
    """
    at = now()
    client.name = anonymous_name(client.id)
    client.name_key = sort_key(client.name)
    client.status = "deleted"
    client.deleted_at = client.deleted_at or at
    client.restores_status = None
    client.template_id = None
    client.erased_at = at
    client.version += 1
    client.updated_at = at
    client.updated_by = current_actor().label
    session.flush()


def remove_traces(session: Session, client: Client, *, kept_files: Select[Any]) -> dict[str, int]:
    """Remove what `tenants` keeps of the client; how many rows of each kind went.

    After `remove_name`, and after the mails, which may hold files. `kept_files` are the ids of
    files that the law wants to be kept.
    """
    of_client = {
        "company": delete(ClientCompany).where(ClientCompany.client_id == client.id),
        "panel_login": delete(ClientLogin).where(ClientLogin.client_id == client.id),
        "tags": delete(ClientTag).where(ClientTag.client_id == client.id),
        "notes": delete(ClientNote).where(ClientNote.client_id == client.id),
        "events": delete(Event).where(Event.client_id == client.id),
    }
    gone = {name: _run(session, statement) for name, statement in of_client.items()}
    wanted = delete(File).where(File.client_id == client.id, File.id.not_in(kept_files))
    gone["files"] = _run(session, wanted)
    gone["exports"] = _remove_exports(session, client)
    gone["task_items"] = _blank_items(session, client)
    return gone


def _remove_exports(session: Session, client: Client) -> int:
    """Files that may tell of the client: a finished export no longer knows who is in it."""
    written = list(
        session.scalars(
            select(Task.id).where(
                Task.kind == "export_clients",
                Task.state.in_(_ENDED),
                Task.expires_at.is_not(None),
                literal(client.reseller_id) == any_(Task.reseller_ids),
            )
        )
    )
    _run(session, delete(TaskChunk).where(TaskChunk.task_id.in_(written)))
    _run(session, update(Task).where(Task.id.in_(written)).values(result_size=None))
    return len(written)


def _blank_items(session: Session, client: Client) -> int:
    """What an import brought for the client, and what it or a mass edit changed."""
    about = select(TaskItem.task_id).where(TaskItem.subject_id == client.id)
    imports = list(
        session.execute(
            select(Task).where(
                Task.kind == "import_clients", Task.expires_at.is_not(None), Task.id.in_(about)
            )
        ).scalars()
    )
    for task in imports:
        # the first rows of the file, kept for its person to match the columns by
        sheet = {**task.params.get("sheet", {}), "samples": []}
        task.params = {**task.params, "sheet": sheet}
    session.flush()
    over = [task.id for task in imports if task.state in _ENDED]
    _run(session, delete(TaskChunk).where(TaskChunk.task_id.in_(over)))
    # a row that still waits is then one that names nobody, and is left out
    return _run(
        session,
        update(TaskItem)
        .where(TaskItem.subject_id == client.id)
        .values(payload={"values": {}}, details={}),
    )


def _run(session: Session, statement: Executable) -> int:
    done: CursorResult[Any] = session.execute(  # type: ignore[assignment]
        statement, execution_options={"synchronize_session": False}
    )
    return done.rowcount
