"""The events log: what the system noticed and staff should know."""

from typing import Literal

from sqlalchemy.dialects.postgresql import insert

from core.clock import now
from core.db import Session
from tenants.models import Event

Level = Literal["info", "warning", "error"]


def record(
    session: Session,
    *,
    reseller_id: int,
    level: Level,
    service: str,
    code: str,
    text: str,
    client_id: int | None = None,
    object_type: str = "",
    object_id: object = "",
    dedupe_key: str | None = None,
) -> None:
    """Write one event; with a `dedupe_key` the same event is written once."""
    session.execute(
        insert(Event)
        .values(
            reseller_id=reseller_id,
            client_id=client_id,
            at=now(),
            level=level,
            service=service,
            code=code,
            text=text,
            object_type=object_type,
            object_id=str(object_id),
            dedupe_key=dedupe_key,
        )
        .on_conflict_do_nothing()
    )
