"""The audit log: who did what to which object, with each changed field before and after."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from uuid import UUID

from sqlalchemy import insert

from core.clock import now
from core.db import Session
from core.tenancy import Actor, current_actor
from tenants.models import AuditRecord

SECRET_FIELDS = frozenset({"password", "password_hash", "credentials"})


def record(
    session: Session,
    *,
    reseller_id: int,
    action: str,
    object_type: str,
    object_id: object,
    object_label: str = "",
    client_id: int | None = None,
    changes: Mapping[str, tuple[object, object]] | None = None,
    actor: Actor | None = None,
) -> None:
    """Write one record in the caller's transaction; secrets are named but never shown.

    `actor` is given only where no tenant scope is set (sign-in, command line).
    """
    who = actor or current_actor()
    session.execute(
        insert(AuditRecord).values(
            reseller_id=reseller_id,
            client_id=client_id,
            action=action,
            object_type=object_type,
            object_id=str(object_id),
            object_label=object_label,
            changes=_plain_changes(changes or {}),
            **_signature(who),
        )
    )


def record_new_clients(
    session: Session,
    made: Sequence[tuple[int, int, str, Mapping[str, tuple[object, object]]]],
) -> None:
    """One record for each new client (reseller, client, name, fields), in one statement."""
    signature = _signature(current_actor())
    session.execute(
        insert(AuditRecord),
        [
            {
                "reseller_id": reseller_id,
                "client_id": client_id,
                "action": "create",
                "object_type": "client",
                "object_id": str(client_id),
                "object_label": name,
                "changes": _plain_changes(changes),
                **signature,
            }
            for reseller_id, client_id, name, changes in made
        ],
    )


def _signature(who: Actor) -> dict[str, object]:
    return {
        "at": now(),
        "actor_kind": who.kind,
        "actor_id": who.id,
        "actor_label": who.label,
        "on_behalf_of": who.on_behalf_of,
        "ip": who.ip,
    }


def _plain_changes(changes: Mapping[str, tuple[object, object]]) -> dict[str, list[object]]:
    return {
        field: ["…", "…"] if field in SECRET_FIELDS else [plain_value(old), plain_value(new)]
        for field, (old, new) in changes.items()
    }


def differences(
    before: Mapping[str, object], after: Mapping[str, object]
) -> dict[str, tuple[object, object]]:
    """The fields of `after` whose value is another than in `before`."""
    return {
        field: (before.get(field), value)
        for field, value in after.items()
        if before.get(field) != value
    }


def plain_value(value: object) -> object:
    """The value as JSON can hold it."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal | UUID):
        return str(value)
    if isinstance(value, list | tuple | set | frozenset):
        return [plain_value(item) for item in value]
    return value
