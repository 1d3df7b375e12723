"""What the platform's staff did to the platform itself; append-only, of the platform role only."""

from collections.abc import Mapping, Sequence

from sqlalchemy import insert, select

from core.clock import now
from core.db import Session
from core.tenancy import Actor
from tenants.audit import SECRET_FIELDS, plain_value
from tenants.platform_models import PlatformAuditRecord


def record(
    session: Session,
    *,
    action: str,
    object_type: str,
    object_id: object,
    actor: Actor,
    object_label: str = "",
    changes: Mapping[str, tuple[object, object]] | None = None,
) -> None:
    """Write one record in the caller's transaction; secrets are named but never shown."""
    session.execute(
        insert(PlatformAuditRecord).values(
            at=now(),
            actor_id=actor.id,
            actor_label=actor.label,
            ip=actor.ip,
            action=action,
            object_type=object_type,
            object_id=str(object_id),
            object_label=object_label,
            changes={
                field: ["…", "…"]
                if field in SECRET_FIELDS
                else [plain_value(old), plain_value(new)]
                for field, (old, new) in (changes or {}).items()
            },
        )
    )


def list_records(
    session: Session, object_type: str, limit: int = 20
) -> Sequence[PlatformAuditRecord]:
    """The newest of one kind of object."""
    return session.scalars(
        select(PlatformAuditRecord)
        .where(PlatformAuditRecord.object_type == object_type)
        .order_by(PlatformAuditRecord.id.desc())
        .limit(limit)
    ).all()
