"""Deleting a client and bringing it back (`domain.md` 15); history and money stay either way.

Deleted: the client panel is off and its login free again; nothing is invoiced, charged or mailed
by itself, because all of that asks for the status. Removing for good is `payments.client_erasure`.
"""

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import func, select

from core.clock import now
from core.db import Session
from core.errors import NotFoundError
from core.tenancy import current_actor
from tenants import audit
from tenants.clients import StaleVersionError, refuse_erased
from tenants.models import Client, ClientLogin

LoginFate = Literal["none", "back", "taken"]


@dataclass(frozen=True, slots=True)
class Deleted:
    """`is_new` False: it was deleted before. The caller ends the panel's sessions after commit."""

    client: Client
    is_new: bool


@dataclass(frozen=True, slots=True)
class Restored:
    """`login`: the panel's login is back, is taken by another client meanwhile, or was never on."""

    client: Client
    is_new: bool
    login: LoginFate = "none"


def delete_client(session: Session, client_id: int, *, version: int | None = None) -> Deleted:
    """Delete softly; deleting again changes nothing.

    With `version` only if nobody saved the client since it was shown. Raises NotFoundError,
    StaleVersionError, ConflictError for one that was removed for good.
    """
    client = lock_client(session, client_id)
    refuse_erased(client)
    if client.status == "deleted":
        return Deleted(client, is_new=False)
    if version is not None and client.version != version:
        raise StaleVersionError(client)
    before = client.status
    had_panel = close_panel(session, client)
    client.restores_status = before
    client.deleted_at = now()
    _move(session, client, "deleted")
    changes: dict[str, tuple[object, object]] = {"status": (before, "deleted")}
    if had_panel:
        changes["enabled"] = (True, False)
    _record(session, client, "delete", changes)
    return Deleted(client, is_new=True)


def restore_client(session: Session, client_id: int) -> Restored:
    """Bring a deleted client back as it was; restoring again changes nothing.

    The panel's login comes back if no other client took it. Raises NotFoundError, ConflictError
    for one that was removed for good.
    """
    client = lock_client(session, client_id)
    refuse_erased(client)
    if client.status != "deleted":
        return Restored(client, is_new=False)
    status = client.restores_status or "active"
    login = _reopen_panel(session, client)
    client.restores_status = None
    client.deleted_at = None
    _move(session, client, status)
    changes: dict[str, tuple[object, object]] = {"status": ("deleted", status)}
    if login == "back":
        changes["enabled"] = (False, True)
    _record(session, client, "restore", changes)
    return Restored(client, is_new=True, login=login)


def close_panel(session: Session, client: Client) -> bool:
    """Switch the panel off, so that its login is free, and remember it; True if it was on."""
    row = _find_login(session, client)
    if row is None or not row.enabled:
        return False
    row.enabled = False
    row.restores = True
    session.flush()
    return True


def lock_client(session: Session, client_id: int) -> Client:
    """The client, locked until the transaction ends and read anew; raises NotFoundError."""
    client = session.scalar(
        select(Client)
        .where(Client.id == client_id)
        # rows that point at the client may still be written meanwhile
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    if client is None:
        raise NotFoundError("Client not found.")
    return client


def _reopen_panel(session: Session, client: Client) -> LoginFate:
    row = _find_login(session, client)
    if row is None or not row.restores:
        return "none"
    row.restores = False
    taken = session.scalar(
        select(ClientLogin.client_id).where(
            ClientLogin.reseller_id == client.reseller_id,
            func.lower(ClientLogin.login) == row.login.lower(),
            ClientLogin.enabled,
        )
    )
    row.enabled = taken is None
    session.flush()
    return "back" if row.enabled else "taken"


def _find_login(session: Session, client: Client) -> ClientLogin | None:
    return session.scalar(
        select(ClientLogin)
        .where(ClientLogin.client_id == client.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )


def _move(session: Session, client: Client, status: str) -> None:
    client.status = status
    client.version += 1
    client.updated_at = now()
    client.updated_by = current_actor().label
    session.flush()


def _record(
    session: Session, client: Client, action: str, changes: dict[str, tuple[object, object]]
) -> None:
    audit.record(
        session,
        reseller_id=client.reseller_id,
        client_id=client.id,
        action=action,
        object_type="client",
        object_id=client.id,
        object_label=client.name,
        changes=changes,
    )
