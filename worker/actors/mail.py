"""The actor of the mail queue."""

from uuid import UUID

from core.uow import unit_of_work
from mail import delivery, queue, servers
from mail.smtp import SmtpServer
from worker.broker import actor
from worker.context import settings


@actor(queue.JOB, max_retries=3)
def deliver(mail_id: str) -> None:
    """Try once to send one mail; its row says when to try again."""
    delivery.deliver(
        unit_of_work,
        SmtpServer.from_settings(settings()),
        UUID(mail_id),
        find_own=lambda session, reseller_id: servers.open_server(session, reseller_id, settings()),
    )
