"""The events log: what the system noticed and staff should know."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert

from core.clock import now
from core.db import Session
from core.errors import NotFoundError
from core.tenancy import current_actor
from tenants.event_texts import tell
from tenants.models import Event
from tenants.record_models import EventAcknowledgement

Level = Literal["info", "warning", "error"]
LEVELS: tuple[Level, ...] = ("info", "warning", "error")
SERVICES = (
    "audit",
    "billing",
    "clients",
    "health",
    "invoicing",
    "ledger",
    "mail",
    "payments",
    "webhooks",
)
"""Every `service` that the code writes events of; a test holds it against the source."""
Param = str | int | date | datetime | tuple[Decimal, str]


class EventText:
    """A sentence with `%(name)s` for its parameters, so that it can be said in any language.

    Parameters: strings, whole numbers, days, aware instants, and amounts as (Decimal, currency).
    """

    def __init__(self, message: str, /, **params: Param) -> None:
        self.message = message
        self.params = {name: _stored(value) for name, value in params.items()}

    def __str__(self) -> str:
        return tell(self.message, self.params, locale="en", zone="UTC")


def record(
    session: Session,
    *,
    reseller_id: int,
    level: Level,
    service: str,
    code: str,
    text: str | EventText,
    client_id: int | None = None,
    object_type: str = "",
    object_id: object = "",
    dedupe_key: str | None = None,
) -> None:
    """Write one event; with a `dedupe_key` the same event is written once.

    A plain `text` stays English for everybody; give an EventText.
    """
    said = text if isinstance(text, EventText) else None
    session.execute(
        insert(Event)
        .values(
            reseller_id=reseller_id,
            client_id=client_id,
            at=now(),
            level=level,
            service=service,
            code=code,
            text=str(text),
            message=said.message if said else "",
            params=said.params if said else {},
            object_type=object_type,
            object_id=str(object_id),
            dedupe_key=dedupe_key,
        )
        .on_conflict_do_nothing()
    )


def acknowledge(session: Session, event_id: int) -> None:
    """Note that somebody has taken care of it; the first one stays. Raises NotFoundError."""
    reseller_id = _owner(session, event_id)
    session.execute(
        insert(EventAcknowledgement)
        .values(reseller_id=reseller_id, event_id=event_id, at=now(), author=current_actor().label)
        .on_conflict_do_nothing()
    )


def take_back(session: Session, event_id: int) -> None:
    """It is open again. Raises NotFoundError."""
    _owner(session, event_id)
    session.execute(delete(EventAcknowledgement).where(EventAcknowledgement.event_id == event_id))


def _owner(session: Session, event_id: int) -> int:
    reseller_id = session.scalar(select(Event.reseller_id).where(Event.id == event_id))
    if reseller_id is None:
        raise NotFoundError("Event not found.")
    return reseller_id


def _stored(value: Param) -> Mapping[str, Any] | str | int:
    # a datetime is a date too
    if isinstance(value, datetime):
        return {"at": value.isoformat()}
    if isinstance(value, date):
        return {"on": value.isoformat()}
    if isinstance(value, tuple):
        amount, currency = value
        return {"amount": str(amount), "currency": currency}
    return value
