"""The rig: its services live as long as this package's tests, its tenant for one test."""

import itertools
from collections.abc import Iterator

import pytest

from core.config import Settings
from tests.faults.rig import Rig, configure
from tests.faults.site import open_authorizenet, open_site
from tests.payments.till import open_stripe_till, take_events

_numbers = itertools.count(1)


@pytest.fixture(scope="package")
def site(settings: Settings) -> Iterator[Rig]:
    """The services; what this process worked on before is put back at the end."""
    with open_site() as made:
        yield made
    configure(settings)


@pytest.fixture
def rig(site: Rig) -> Iterator[Rig]:
    """The site with a tenant of this test alone, an empty queue and a well-behaved gateway."""
    site.redis.flush()
    # what the tests before have left to be told must not come in between
    site.sandbox.control("reset")
    site.sandbox.behave()
    # off unless the test asks for them: most faults must be survived without any webhook
    site.sandbox.control("webhooks", is_on=False)
    site.mailbox.clear()
    till = open_authorizenet(site, f"Acme{next(_numbers)}")
    rig = Rig(**{**vars(site), "till": till, "_workers": []})
    yield rig
    rig.end_workers()


@pytest.fixture
def stripe_rig(site: Rig) -> Iterator[Rig]:
    """As `rig`, with a tenant whose account is at Stripe."""
    site.redis.flush()
    site.stripe.control("reset")
    site.stripe.behave()
    site.stripe.control("webhooks", is_on=False)
    site.mailbox.clear()
    till = open_stripe_till(site.stripe, site.settings, f"Acme{next(_numbers)}")
    take_events(till, site.web_url)
    rig = Rig(**{**vars(site), "sandbox": site.stripe, "till": till, "_workers": []})
    yield rig
    rig.end_workers()
