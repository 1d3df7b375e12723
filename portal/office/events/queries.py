"""What the Events log reads."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, select

from core.db import Session
from portal.keyset import Key, Order, Page, Place, read_page, walk
from portal.office.period import ANY_TIME, PeriodFilter
from tenants.models import Client, Event, Reseller
from tenants.record_models import EventAcknowledgement

LEVELS = ("any", "info", "warning", "error")
STATES = ("any", "open", "done")


@dataclass(frozen=True, slots=True)
class Filters:
    """What the address asks for; `search` is in the text. `open`: nobody has taken care yet."""

    search: str = ""
    client_id: int | None = None
    reseller_id: int | None = None
    level: str = "any"
    service: str = ""
    state: str = "any"
    period: PeriodFilter = ANY_TIME

    @property
    def is_narrowed(self) -> bool:
        return self.period.is_set or self != Filters(period=self.period)


@dataclass(frozen=True, slots=True)
class EventRow:
    """One line of the list; without a `message` its English `text` is all there is."""

    id: int
    at: datetime
    level: str
    service: str
    code: str
    text: str
    message: str
    params: Mapping[str, Any]
    client_id: int | None
    client_name: str
    reseller_name: str
    object_type: str
    object_id: str
    seen_at: datetime | None
    seen_by: str | None


def read_events(session: Session, filters: Filters, place: Place) -> Page[EventRow]:
    """One page, newest first."""
    walked = walk(
        select(Event.id.label("id")).where(*_conditions(filters)),
        owner=Event.reseller_id,
        order=Order([Key("id", int)], descending=True),
        place=place,
    )
    query = walked.decorate(
        Event.id,
        Event.at,
        Event.level,
        Event.service,
        Event.code,
        Event.text,
        Event.message,
        Event.params,
        Event.client_id,
        func.coalesce(Client.name, "").label("client_name"),
        Reseller.name.label("reseller_name"),
        Event.object_type,
        Event.object_id,
        EventAcknowledgement.at.label("seen_at"),
        EventAcknowledgement.author.label("seen_by"),
        keep=[
            (Event, Event.id == walked.picked.c.id, False),
            (Reseller, Reseller.id == Event.reseller_id, False),
            (Client, Client.id == Event.client_id, True),
            (EventAcknowledgement, EventAcknowledgement.event_id == Event.id, True),
        ],
    )
    names = EventRow.__dataclass_fields__
    return read_page(
        session, walked, query, lambda row: EventRow(**{name: getattr(row, name) for name in names})
    )


def list_services(session: Session) -> list[str]:
    """Those that have written an event lately."""
    latest = select(Event.service).order_by(Event.id.desc()).limit(2000).subquery()
    return list(session.scalars(select(latest.c.service).distinct().order_by(latest.c.service)))


def _conditions(filters: Filters) -> list[ColumnElement[bool]]:
    seen = (
        select(EventAcknowledgement.event_id)
        .where(
            EventAcknowledgement.reseller_id == Event.reseller_id,
            EventAcknowledgement.event_id == Event.id,
        )
        .correlate(Event)
        .exists()
    )
    wanted: list[tuple[object, ColumnElement[bool]]] = [
        (filters.client_id, Event.client_id == filters.client_id),
        (filters.reseller_id, Event.reseller_id == filters.reseller_id),
        (filters.level != "any", Event.level == filters.level),
        (filters.service, Event.service == filters.service),
        (filters.state == "open", ~seen),
        (filters.state == "done", seen),
        (
            filters.search,
            func.lower(Event.text).contains(filters.search.lower(), autoescape=True),
        ),
    ]
    asked = [condition for is_asked, condition in wanted if is_asked]
    return [*asked, *filters.period.instant_conditions(Event.at)]
