"""The rig: its services live as long as this package's tests, its tenant for one test."""

import itertools
import shutil
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select
from werkzeug.serving import make_server

from core import jobs, schema
from core.config import Settings
from payments import gateway_accounts
from payments.models import GatewayAccount
from portal.app import create_app
from sandbox.embedded import start_postgres, start_redis
from tests.conftest import settings_environment
from tests.faults.rig import Rig, configure
from tests.payments.till import Till, open_stripe_till, open_till, take_events
from tests.sandbox.authorizenet_server import running_sandbox
from tests.sandbox.mailbox_server import running_mailbox
from tests.sandbox.stripe_server import running_stripe
from worker.broker import make_producer
from worker.send import make_sender

_numbers = itertools.count(1)

# The rule's proportions: an answer is waited for less long than a lease lasts.
SHORT = {"GATEWAY_READ_TIMEOUT_S": "2.5", "CHARGE_LEASE_S": "3", "CHARGE_GRACE_S": "1.5"}


@pytest.fixture(scope="package")
def site(settings: Settings) -> Iterator[Rig]:
    """Services with fsync on, and a web server for the gateway's calls; put back at the end."""
    # not pytest's own folder: another run of pytest closes that to the user PostgreSQL runs as
    folder = Path(tempfile.mkdtemp(prefix="portal-faults-"))
    postgres = start_postgres(folder / "postgres")
    redis = start_redis(folder / "redis")
    with (
        running_sandbox() as sandbox,
        running_stripe() as stripe,
        running_mailbox() as mailbox,
    ):
        environment = {
            **settings_environment(postgres, redis.url, **SHORT),
            "SMTP_PORT": str(mailbox.smtp_port),
            "AUTHORIZENET_TEST_API_URL": sandbox.api_url,
            "AUTHORIZENET_TEST_HOSTED_URL": sandbox.hosted_url,
            "STRIPE_API_URL": stripe.url,
            "VAR_DIR": str(folder),
        }
        made = Settings(**{name.lower(): value for name, value in environment.items()})
        schema.bootstrap(made.database_url_admin, "portal")
        schema.migrate(made.database_url_owner)
        configure(made)
        jobs.configure(make_sender(make_producer(made.redis_url)))
        server = make_server("127.0.0.1", 0, create_app(made), threaded=True)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}"
        yield Rig(
            postgres,
            redis,
            sandbox,
            mailbox,
            made,
            environment,
            folder,
            url,
            None,  # type: ignore[arg-type]
            stripe,
        )
        server.shutdown()
        thread.join()
        server.server_close()
        jobs._senders.clear()
        configure(settings)
    redis.stop()
    postgres.stop("immediate")
    shutil.rmtree(folder, ignore_errors=True)


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
    rig = Rig(**{**vars(site), "till": _open(site), "_workers": []})
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


def _open(site: Rig) -> Till:
    till = open_till(site.sandbox, site.settings, f"Acme{next(_numbers)}")
    with till.work() as session:
        account = session.scalars(
            select(GatewayAccount).where(GatewayAccount.id == till.account_id)
        ).one()
        url = gateway_accounts.webhook_url(account, site.web_url)
    site.sandbox.add_merchant(till.merchant.login, webhook_urls=[url])
    return till
