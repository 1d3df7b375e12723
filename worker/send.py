"""From a committed job to a message in the queue."""

import structlog
from dramatiq import Broker, Message

from core import jobs
from core.jobs import Job, Sender
from worker.broker import make_producer, queue_of


def make_sender(broker: Broker) -> Sender:
    """A function that puts jobs into the queue of `broker`; it need not know the actors."""

    def send(job: Job) -> None:
        options: dict[str, str | int] = {}
        if job.reseller_id is not None:
            options["reseller_id"] = job.reseller_id
        request_id = structlog.contextvars.get_contextvars().get("request_id")
        if request_id:
            options["request_id"] = request_id
        message: Message[None] = Message(
            queue_name=queue_of(job.name),
            actor_name=job.name,
            args=(),
            kwargs=dict(job.args),
            options=options,
        )
        broker.enqueue(message, delay=job.delay_ms)

    return send


def send_jobs_to(redis_url: str) -> None:
    """From now on the committed jobs of this process go to that Redis. Call once per process."""
    jobs.configure(make_sender(make_producer(redis_url)))
