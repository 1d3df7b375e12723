"""Deliveries: transaction, POST, transaction. A lease says who is at it; a stale one cannot report.

A message may arrive twice (its answer was lost): receivers tell by its id. Messages of one endpoint
may overtake each other: each says when it happened.
"""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import select

from core import jobs
from core.clock import now
from core.config import Settings
from core.db import Session
from core.errors import ConflictError, NotFoundError
from core.http_post import PostAnswer, post
from core.ids import new_token
from tenants import audit, events
from tenants.events import EventText
from tenants.webhook_endpoints import get_endpoint, read_secrets
from tenants.webhook_fanout import JOB
from tenants.webhook_models import WebhookDelivery, WebhookEndpoint

DELAYS_MIN = (1, 5, 30, 120, 360, 720, 1440)
"""Minutes between one try and the next; after the last one the message has failed."""
MAX_ATTEMPTS = len(DELAYS_MIN) + 1
TIMEOUT_S = 10.0
LEASE = timedelta(seconds=60)
GIVEN_UP_AFTER = timedelta(days=3)
"""An endpoint that took nothing for so long is switched off, and staff are told."""
SIGNATURE = "Portal-Signature"

UnitOfWork = Callable[[], AbstractContextManager[Session]]


@dataclass(frozen=True, slots=True)
class _Claim:
    owner: str
    url: str
    body: bytes
    headers: Mapping[str, str]


def deliver(unit_of_work: UnitOfWork, delivery_id: UUID, *, settings: Settings) -> bool | None:
    """Try once if it is due: whether it was taken; None when it is not due or another is at it."""
    owner = new_token()
    with unit_of_work() as session:
        claim = _claim(session, delivery_id, owner, settings)
    if claim is None:
        return None
    answer = post(
        claim.url,
        claim.body,
        claim.headers,
        timeout_s=TIMEOUT_S,
        is_foreign=settings.is_production,
    )
    with unit_of_work() as session:
        _record(session, delivery_id, owner, answer)
    return answer.is_taken


def send_again(session: Session, delivery_id: UUID) -> WebhookDelivery:
    """Send a message that is over once more, with the same id; ConflictError if it is not."""
    delivery = session.scalar(
        select(WebhookDelivery).where(WebhookDelivery.id == delivery_id).with_for_update()
    )
    if delivery is None:
        raise NotFoundError("Delivery not found.")
    if delivery.state not in ("delivered", "failed"):
        raise ConflictError("This message is still on its way.")
    endpoint = get_endpoint(session, delivery.endpoint_id)
    if not endpoint.enabled:
        raise ConflictError("This endpoint is switched off: switch it on first.")
    delivery.state = "waiting"
    delivery.attempts = 0
    delivery.next_attempt_at = now()
    session.flush()
    jobs.enqueue(session, JOB, reseller_id=delivery.reseller_id, delivery_id=str(delivery.id))
    audit.record(
        session,
        reseller_id=delivery.reseller_id,
        action="send_again",
        object_type="webhook",
        object_id=endpoint.id,
        object_label=endpoint.url,
        changes={"message": (None, f"{delivery.type} {delivery.id}")},
    )
    return delivery


def sign(secrets: list[str], body: bytes, at_s: int) -> str:
    """`t=<unix seconds>,v1=<hex>…`: HMAC-SHA256 of `<t>.<body>`, one v1 for each secret."""
    signed = str(at_s).encode() + b"." + body
    marks = [hmac.new(one.encode(), signed, hashlib.sha256).hexdigest() for one in secrets]
    return ",".join([f"t={at_s}", *(f"v1={mark}" for mark in marks)])


def _claim(session: Session, delivery_id: UUID, owner: str, settings: Settings) -> _Claim | None:
    delivery = session.scalar(
        select(WebhookDelivery)
        .where(WebhookDelivery.id == delivery_id)
        .with_for_update(skip_locked=True)
    )
    if delivery is None or not _is_due(delivery):
        return None
    endpoint = get_endpoint(session, delivery.endpoint_id)
    if not endpoint.enabled:
        delivery.state = "failed"
        delivery.last_error = "The endpoint was switched off."
        return None
    if delivery.attempts >= MAX_ATTEMPTS:
        # a message that kills its workers gets no further chance to
        _give_up(session, delivery, endpoint)
        return None
    delivery.state = "sending"
    delivery.attempts += 1
    delivery.lease_owner = owner
    delivery.next_attempt_at = now() + LEASE
    body = delivery.payload.encode()
    signature = sign(
        read_secrets(endpoint, settings.credential_key_ring), body, int(now().timestamp())
    )
    return _Claim(
        owner,
        endpoint.url,
        body,
        {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "reseller-portal-webhooks/1",
            "Portal-Delivery": str(delivery.id),
            "Portal-Event": delivery.type,
            SIGNATURE: signature,
        },
    )


def _is_due(delivery: WebhookDelivery) -> bool:
    # while it is being sent, `next_attempt_at` is the end of the lease
    return delivery.state in ("waiting", "sending") and delivery.next_attempt_at <= now()


def _record(session: Session, delivery_id: UUID, owner: str, answer: PostAnswer) -> None:
    delivery = session.scalar(
        select(WebhookDelivery)
        .where(
            WebhookDelivery.id == delivery_id,
            WebhookDelivery.state == "sending",
            WebhookDelivery.lease_owner == owner,
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if delivery is None:
        return  # the lease ran out and somebody else reports, or the endpoint is gone
    endpoint = session.scalars(
        select(WebhookEndpoint)
        .where(WebhookEndpoint.id == delivery.endpoint_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()
    delivery.last_status = answer.status or None
    delivery.last_error = answer.error
    if answer.is_taken:
        delivery.state = "delivered"
        delivery.delivered_at = now()
        endpoint.failing_since = None
        return
    endpoint.failing_since = endpoint.failing_since or now()
    if delivery.attempts >= MAX_ATTEMPTS:
        _give_up(session, delivery, endpoint)
        return
    delivery.state = "waiting"
    delivery.next_attempt_at = now() + timedelta(minutes=DELAYS_MIN[delivery.attempts - 1])


def _give_up(session: Session, delivery: WebhookDelivery, endpoint: WebhookEndpoint) -> None:
    delivery.state = "failed"
    _tell(
        session,
        endpoint,
        "webhook_failed",
        EventText(
            "A message to %(url)s was not taken after %(count)s tries: %(why)s",
            url=endpoint.url,
            count=delivery.attempts,
            why=delivery.last_error,
        ),
        f"webhook-failed:{endpoint.id}:{now().date().isoformat()}",
    )
    if endpoint.failing_since is not None and endpoint.failing_since < now() - GIVEN_UP_AFTER:
        endpoint.enabled = False
        endpoint.version += 1
        _tell(
            session,
            endpoint,
            "webhook_off",
            EventText("%(url)s took no message for 3 days: it is switched off.", url=endpoint.url),
            f"webhook-off:{endpoint.id}:{endpoint.version}",
        )


def _tell(
    session: Session, endpoint: WebhookEndpoint, code: str, text: EventText, key: str
) -> None:
    events.record(
        session,
        reseller_id=endpoint.reseller_id,
        level="warning",
        service="webhooks",
        code=code,
        text=text,
        object_type="webhook",
        object_id=endpoint.id,
        dedupe_key=key,
    )
