"""What the Webhooks screens read."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select

from core.clock import now
from core.db import Session
from core.errors import NotFoundError
from portal.keyset import Key, Order, Page, Place, read_page, walk
from tenants.models import Reseller
from tenants.webhook_models import WebhookDelivery, WebhookEndpoint

STATES = ("any", "waiting", "sending", "delivered", "failed")


@dataclass(frozen=True, slots=True)
class EndpointRow:
    """An endpoint and the last day of it."""

    id: int
    url: str
    description: str
    reseller: str
    types: list[str]
    enabled: bool
    failing_since: datetime | None
    delivered: int
    failed: int


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """One line of the log."""

    id: UUID
    type: str
    client_id: int | None
    state: str
    attempts: int
    last_status: int | None
    last_error: str
    created_at: datetime
    delivered_at: datetime | None
    next_attempt_at: datetime


def list_endpoints(session: Session) -> list[EndpointRow]:
    """Those of the scope; there are at most 20 of a reseller."""
    recent = (
        select(
            WebhookDelivery.endpoint_id,
            func.count().filter(WebhookDelivery.state == "delivered").label("delivered"),
            func.count().filter(WebhookDelivery.state == "failed").label("failed"),
        )
        .where(WebhookDelivery.created_at > now() - timedelta(days=1))
        .group_by(WebhookDelivery.endpoint_id)
        .subquery()
    )
    rows = session.execute(
        select(
            WebhookEndpoint,
            Reseller.name,
            func.coalesce(recent.c.delivered, 0),
            func.coalesce(recent.c.failed, 0),
        )
        .join(Reseller, Reseller.id == WebhookEndpoint.reseller_id)
        .outerjoin(recent, recent.c.endpoint_id == WebhookEndpoint.id)
        .order_by(Reseller.name, WebhookEndpoint.id)
        .limit(500)
    )
    return [
        EndpointRow(
            id=one.id,
            url=one.url,
            description=one.description,
            reseller=reseller,
            types=one.types,
            enabled=one.enabled,
            failing_since=one.failing_since,
            delivered=delivered,
            failed=failed,
        )
        for one, reseller, delivered, failed in rows
    ]


def read_deliveries(
    session: Session, endpoint: WebhookEndpoint, state: str, place: Place
) -> Page[DeliveryRow]:
    """One page of an endpoint's log, newest first."""
    pick = select(WebhookDelivery.created_at.label("created_at"), WebhookDelivery.id.label("id"))
    conditions = [WebhookDelivery.endpoint_id == endpoint.id]
    if state != "any":
        conditions.append(WebhookDelivery.state == state)
    walked = walk(
        pick.where(*conditions),
        owner=WebhookDelivery.reseller_id,
        order=Order([Key("created_at", datetime), Key("id", UUID)], descending=True),
        place=place,
    )
    query = walked.decorate(
        WebhookDelivery.id.label("delivery_id"),
        WebhookDelivery.type,
        WebhookDelivery.client_id,
        WebhookDelivery.state,
        WebhookDelivery.attempts,
        WebhookDelivery.last_status,
        WebhookDelivery.last_error,
        WebhookDelivery.created_at.label("at"),
        WebhookDelivery.delivered_at,
        WebhookDelivery.next_attempt_at,
        keep=[(WebhookDelivery, WebhookDelivery.id == walked.picked.c.id, False)],
    )
    return read_page(
        session,
        walked,
        query,
        lambda row: DeliveryRow(
            row.delivery_id,
            row.type,
            row.client_id,
            row.state,
            row.attempts,
            row.last_status,
            row.last_error,
            row.at,
            row.delivered_at,
            row.next_attempt_at,
        ),
    )


def get_delivery(session: Session, delivery_id: UUID) -> WebhookDelivery:
    """Raises NotFoundError, also for one of another tenant."""
    found = session.scalar(select(WebhookDelivery).where(WebhookDelivery.id == delivery_id))
    if found is None:
        raise NotFoundError("Delivery not found.")
    return found
