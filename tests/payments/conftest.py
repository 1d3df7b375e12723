"""Tills at a real sandbox of the gateway, and the jobs that were sent."""

from collections.abc import Iterator

import pytest

from core import jobs
from core.jobs import Job
from mail import queue
from tests.payments.till import Till, open_stripe_till, open_till
from tests.sandbox.authorizenet_server import RunningSandbox, running_sandbox
from tests.sandbox.stripe_server import RunningStripe, running_stripe


@pytest.fixture(scope="session")
def gateway_process() -> Iterator[RunningSandbox]:
    with running_sandbox() as running:
        yield running


@pytest.fixture
def till(clean_database, settings, gateway_process: RunningSandbox) -> Till:
    """Acme's till, at a well-behaved sandbox."""
    gateway_process.behave()
    queue.configure(settings)
    return open_till(gateway_process, settings)


@pytest.fixture(scope="session")
def stripe_process() -> Iterator[RunningStripe]:
    with running_stripe() as running:
        yield running


@pytest.fixture
def stripe_till(clean_database, settings, stripe_process: RunningStripe) -> Till:
    """Acme's till, at Stripe's well-behaved stand-in."""
    stripe_process.behave()
    queue.configure(settings)
    return open_stripe_till(stripe_process, settings)


@pytest.fixture
def other_till(till: Till, settings) -> Till:
    """The till of Globex: another tenant with its own merchant account."""
    return open_till(till.sandbox, settings, "Globex")


@pytest.fixture
def sent_jobs() -> Iterator[list[Job]]:
    sent: list[Job] = []
    jobs.configure(sent.append)
    yield sent
    jobs._senders.clear()
