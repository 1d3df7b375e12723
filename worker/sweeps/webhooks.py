"""Outgoing webhooks: what nobody has been told of, messages that wait, messages long over."""

from datetime import timedelta

from sqlalchemy import delete, exists, func, or_, select

from core import jobs
from core.clock import now
from core.db import Session
from tenants.models import AuditRecord, Event
from tenants.webhook_fanout import JOB
from tenants.webhook_models import WebhookDelivery, WebhookEndpoint
from tenants.webhook_types import codes_of_events
from worker.sweeps import BATCH, in_turn, sweep

# the job that was sent with the row gets this long before it counts as lost
GRACE = timedelta(seconds=20)
KEPT = timedelta(days=30)


@sweep("webhooks.untold", every_s=10)
def find_untold(session: Session) -> int:
    """Resellers whose endpoints have not been told of all records yet."""
    record = exists().where(
        AuditRecord.reseller_id == WebhookEndpoint.reseller_id,
        AuditRecord.seal_no > WebhookEndpoint.told_seal_no,
    )
    event = exists().where(
        Event.reseller_id == WebhookEndpoint.reseller_id,
        Event.id > WebhookEndpoint.told_event_id,
        Event.code.in_(codes_of_events()),
    )
    ids = session.scalars(
        select(WebhookEndpoint.reseller_id)
        .where(WebhookEndpoint.enabled, or_(record, event))
        .group_by(WebhookEndpoint.reseller_id)
        # in random order, so that no reseller keeps the others waiting
        .order_by(func.random())
        .limit(BATCH)
    ).all()
    for reseller_id in ids:
        jobs.enqueue(session, "webhooks.fan_out", reseller_id=reseller_id)
    return len(ids)


@sweep("webhooks.waiting", every_s=15)
def find_waiting(session: Session) -> int:
    """Ask again for messages that are due or whose worker left them."""
    waiting = session.execute(
        in_turn(
            select(WebhookDelivery.id, WebhookDelivery.reseller_id).where(
                WebhookDelivery.state.in_(("waiting", "sending")),
                WebhookDelivery.next_attempt_at <= now() - GRACE,
            ),
            owner=WebhookDelivery.reseller_id,
            order=WebhookDelivery.next_attempt_at,
        )
    ).all()
    for delivery_id, reseller_id in waiting:
        # a job too many does no harm: whoever comes first claims the row
        jobs.enqueue(session, JOB, reseller_id=reseller_id, delivery_id=str(delivery_id))
    return len(waiting)


@sweep("webhooks.expired", every_s=3600)
def forget_old(session: Session) -> int:
    """Messages that have been over for a month."""
    old = (
        select(WebhookDelivery.id)
        .where(
            WebhookDelivery.state.in_(("delivered", "failed")),
            WebhookDelivery.created_at < now() - KEPT,
        )
        .limit(BATCH * 10)
    )
    gone = session.execute(
        delete(WebhookDelivery).where(WebhookDelivery.id.in_(old)).returning(WebhookDelivery.id)
    ).all()
    return len(gone)
