"""Actors of outgoing webhooks."""

from uuid import UUID

from billing import webhook_details
from core.tenancy import current_scope
from core.uow import unit_of_work
from tenants import webhook_delivery, webhook_fanout
from worker.broker import actor
from worker.context import settings


@actor("webhooks.fan_out")
def fan_out() -> None:
    """Write messages of what happened at the reseller in scope, batch after batch."""
    while True:
        with unit_of_work() as session:
            told = webhook_fanout.fan_out(
                session, current_scope().home_reseller_id, webhook_details.describe
            )
        if told == 0:
            return


@actor(webhook_fanout.JOB, max_retries=0)
def deliver(delivery_id: str) -> None:
    """Try once to send one message; its row says when to try again."""
    webhook_delivery.deliver(unit_of_work, UUID(delivery_id), settings=settings())
