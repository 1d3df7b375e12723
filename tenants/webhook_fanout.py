"""From the logs to deliveries: each endpoint is told once of each record it wants to hear of.

The audit log is followed along its chain, whose numbers have no gaps (audit_chain.py): whatever is
committed is sealed within seconds, and what is sealed is told. Ids of the events log may commit out
of order, so a stretch of it is looked at again; the unique source of a delivery keeps it single.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from core import jobs
from core.clock import now
from core.db import Session
from core.ids import new_id
from tenants.models import AuditRecord, Event, Reseller
from tenants.webhook_models import WebhookDelivery, WebhookEndpoint
from tenants.webhook_types import (
    OBJECTS,
    PING,
    codes_of_events,
    type_of_event,
    type_of_record,
)

JOB = "webhooks.deliver"
BATCH = 500
SETTLED_AFTER = timedelta(minutes=5)
"""A transaction that wrote an event has ended by then: statements end after a minute."""

Describe = Callable[[Session, str, str], Mapping[str, Any]]
"""The object of a kind and an id as it is now: amounts and instants as text; {} if it is gone."""


@dataclass(frozen=True, slots=True)
class _Happening:
    source: str
    type: str
    at: datetime
    client_id: int | None
    content: Mapping[str, Any]


def fan_out(session: Session, reseller_id: int, describe: Describe) -> int:
    """Write deliveries of what the endpoints of this reseller were not told yet; how many."""
    endpoints = session.scalars(
        select(WebhookEndpoint)
        .where(WebhookEndpoint.reseller_id == reseller_id, WebhookEndpoint.enabled)
        .order_by(WebhookEndpoint.id)
        # whoever fans out for this reseller follows the one before
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    if not endpoints:
        return 0
    code = session.scalars(select(Reseller.code).where(Reseller.id == reseller_id)).one()
    return _tell_records(session, code, endpoints, describe) + _tell_events(
        session, code, endpoints, describe
    )


def send_ping(session: Session, endpoint: WebhookEndpoint, request_id: UUID) -> None:
    """Write a delivery that only says that the endpoint is heard; the same request once."""
    code = session.scalars(select(Reseller.code).where(Reseller.id == endpoint.reseller_id)).one()
    happening = _Happening(f"ping:{request_id}", PING, now(), None, {})
    _insert(session, endpoint, code, [happening])


def _tell_records(
    session: Session, code: str, endpoints: Sequence[WebhookEndpoint], describe: Describe
) -> int:
    first = min(one.told_seal_no for one in endpoints)
    # records of these kinds only; the others move the place on all the same
    records = session.scalars(
        select(AuditRecord)
        .where(
            AuditRecord.reseller_id == endpoints[0].reseller_id,
            AuditRecord.seal_no > first,
            AuditRecord.seal_no <= first + BATCH,
        )
        .order_by(AuditRecord.seal_no)
    ).all()
    if not records:
        return 0
    said: dict[int, list[_Happening]] = {one.id: [] for one in endpoints}
    for record in records:
        happening = _of_record(session, record, describe)
        if happening is None:
            continue
        for endpoint in endpoints:
            is_new = (record.seal_no or 0) > endpoint.told_seal_no
            if is_new and _wants(endpoint, happening):
                said[endpoint.id].append(happening)
    last = max(record.seal_no or 0 for record in records)
    for endpoint in endpoints:
        _insert(session, endpoint, code, said[endpoint.id])
        endpoint.told_seal_no = max(endpoint.told_seal_no, last)
    session.flush()
    return len(records)


def _of_record(session: Session, record: AuditRecord, describe: Describe) -> _Happening | None:
    if record.object_type not in OBJECTS:
        return None
    details = describe(session, record.object_type, record.object_id)
    name = type_of_record(record.action, record.object_type, details)
    if name is None:
        return None
    content: dict[str, Any] = {
        "object": {"object": record.object_type, "id": record.object_id, **details}
    }
    if name == "client.updated":
        content["changes"] = record.changes
    return _Happening(f"audit:{record.id}", name, record.at, record.client_id, content)


def _tell_events(
    session: Session, code: str, endpoints: Sequence[WebhookEndpoint], describe: Describe
) -> int:
    first = min(one.told_event_id for one in endpoints)
    events = session.scalars(
        select(Event)
        .where(
            Event.reseller_id == endpoints[0].reseller_id,
            Event.id > first,
            Event.code.in_(codes_of_events()),
        )
        .order_by(Event.id)
        .limit(BATCH)
    ).all()
    told = 0
    for endpoint in endpoints:
        happenings = [
            _of_event(session, one, describe) for one in events if one.id > endpoint.told_event_id
        ]
        wanted = [one for one in happenings if _wants(endpoint, one)]
        told += _insert(session, endpoint, code, wanted)
    place = _settled(session, endpoints[0].reseller_id, first, events)
    for endpoint in endpoints:
        endpoint.told_event_id = max(endpoint.told_event_id, place)
    session.flush()
    return told


def _settled(session: Session, reseller_id: int, first: int, events: Sequence[Event]) -> int:
    """Up to where nothing can come in between any more; the next look begins there."""
    before = now() - SETTLED_AFTER
    if len(events) == BATCH:
        return max([first, *(one.id for one in events if one.at < before)])
    last = session.scalar(
        select(func.max(Event.id)).where(
            Event.reseller_id == reseller_id, Event.id > first, Event.at < before
        )
    )
    return last or first


def _wants(endpoint: WebhookEndpoint, happening: _Happening) -> bool:
    return happening.type in endpoint.types and happening.at >= endpoint.hears_since


def _of_event(session: Session, event: Event, describe: Describe) -> _Happening:
    details = describe(session, event.object_type, event.object_id)
    content = {
        "object": {"object": event.object_type, "id": event.object_id, **details},
        "reason": event.code,
        "text": event.text,
    }
    name = type_of_event(event.code) or event.code
    return _Happening(f"event:{event.id}", name, event.at, event.client_id, content)


def _insert(
    session: Session, endpoint: WebhookEndpoint, code: str, happenings: Sequence[_Happening]
) -> int:
    if not happenings:
        return 0
    at = now()
    rows = [_row(endpoint, code, one, at) for one in happenings]
    written = session.scalars(
        insert(WebhookDelivery)
        .values(rows)
        .on_conflict_do_nothing(index_elements=["reseller_id", "endpoint_id", "source"])
        .returning(WebhookDelivery.id)
    ).all()
    for delivery_id in written:
        jobs.enqueue(session, JOB, reseller_id=endpoint.reseller_id, delivery_id=str(delivery_id))
    return len(written)


def _row(
    endpoint: WebhookEndpoint, code: str, happening: _Happening, at: datetime
) -> dict[str, Any]:
    delivery_id = new_id()
    message = {
        "id": str(delivery_id),
        "type": happening.type,
        "created": happening.at.astimezone(UTC).isoformat(timespec="milliseconds"),
        "reseller": code,
        "client_id": happening.client_id,
        **happening.content,
    }
    return {
        "id": delivery_id,
        "reseller_id": endpoint.reseller_id,
        "endpoint_id": endpoint.id,
        "client_id": happening.client_id,
        "type": happening.type,
        "source": happening.source,
        "payload": json.dumps(message, ensure_ascii=False, separators=(",", ":")),
        "next_attempt_at": at,
        "created_at": at,
    }


def count_waiting(session: Session, reseller_id: int) -> int:
    """Deliveries that are not over yet."""
    return (
        session.scalar(
            select(func.count())
            .select_from(WebhookDelivery)
            .where(
                WebhookDelivery.reseller_id == reseller_id,
                WebhookDelivery.state.in_(("waiting", "sending")),
            )
        )
        or 0
    )
