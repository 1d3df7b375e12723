"""A page of the events of all tenants, newest first."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import load_only

from core.db import Session
from portal.keyset import Key, Order, Page, Place, read_page, walk
from tenants.models import Client, Event, Reseller

LEVELS = ("info", "warning", "error")


@dataclass(frozen=True, slots=True)
class Filters:
    """What the address asks for; empty is everything."""

    level: str = ""
    service: str = ""
    reseller_id: int | None = None
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class EventRow:
    id: int
    at: datetime
    level: str
    service: str
    code: str
    text: str
    message: str
    params: Mapping[str, Any]
    reseller_id: int
    reseller: str
    client: str | None


def list_tenants(session: Session) -> list[Reseller]:
    """To choose one from, by name."""
    return list(
        session.scalars(
            select(Reseller).options(load_only(Reseller.name)).order_by(Reseller.name, Reseller.id)
        )
    )


def read_events(
    session: Session, filters: Filters, reseller_ids: list[int], place: Place
) -> Page[EventRow]:
    """Each tenant's index is walked by itself for one page at most."""
    pick = select(Event.id.label("id"))
    if filters.level:
        pick = pick.where(Event.level == filters.level)
    if filters.service:
        pick = pick.where(Event.service == filters.service)
    if filters.since is not None:
        pick = pick.where(Event.at >= filters.since)
    if filters.reseller_id is not None:
        reseller_ids = [one for one in reseller_ids if one == filters.reseller_id]
    walked = walk(
        pick,
        owner=Event.reseller_id,
        order=Order([Key("id", int)], descending=True),
        place=place,
        reseller_ids=reseller_ids,
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
        Event.reseller_id,
        Reseller.name.label("reseller"),
        Client.name.label("client"),
        keep=[
            (Event, Event.id == walked.picked.c.id, False),
            (Reseller, Reseller.id == Event.reseller_id, False),
            (Client, Client.id == Event.client_id, True),
        ],
    )
    names = EventRow.__dataclass_fields__
    return read_page(
        session, walked, query, lambda row: EventRow(**{name: getattr(row, name) for name in names})
    )
