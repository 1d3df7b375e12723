"""What the Events log reads."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select

from core.db import Session
from portal.keyset import Key, Order, Page, Place, read_page, walk
from portal.office.period import ANY_TIME, PeriodFilter
from tenants.models import Client, Event

LEVELS = ("any", "info", "warning", "error")


@dataclass(frozen=True, slots=True)
class Filters:
    """What the address asks for; `search` is in the text."""

    search: str = ""
    client_id: int | None = None
    level: str = "any"
    service: str = ""
    period: PeriodFilter = ANY_TIME

    @property
    def is_narrowed(self) -> bool:
        return bool(
            self.search
            or self.client_id
            or self.level != "any"
            or self.service
            or self.period.is_set
        )


@dataclass(frozen=True, slots=True)
class EventRow:
    """One line of the list."""

    id: int
    at: datetime
    level: str
    service: str
    code: str
    text: str
    client_id: int | None
    client_name: str
    object_type: str
    object_id: str


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
        Event.client_id,
        func.coalesce(Client.name, "").label("client_name"),
        Event.object_type,
        Event.object_id,
        keep=[
            (Event, Event.id == walked.picked.c.id, False),
            (Client, Client.id == Event.client_id, True),
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
    wanted: list[tuple[object, ColumnElement[bool]]] = [
        (filters.client_id, Event.client_id == filters.client_id),
        (filters.level != "any", Event.level == filters.level),
        (filters.service, Event.service == filters.service),
        (
            filters.search,
            func.lower(Event.text).contains(filters.search.lower(), autoescape=True),
        ),
    ]
    asked = [condition for is_asked, condition in wanted if is_asked]
    return [*asked, *filters.period.instant_conditions(Event.at)]
