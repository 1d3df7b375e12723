"""The services of the rig, started once for a run of tests or of `tests.faults.hour`."""

import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from werkzeug.serving import make_server

from core import jobs, schema
from core.config import Settings
from core.engines import dispose_engines
from payments import gateway_accounts
from payments.models import GatewayAccount
from portal.app import create_app
from sandbox.embedded import start_postgres, start_redis
from tests.conftest import settings_environment
from tests.faults.rig import Rig, configure
from tests.payments.till import Till, open_till
from tests.sandbox.authorizenet_server import running_sandbox
from tests.sandbox.mailbox_server import running_mailbox
from tests.sandbox.stripe_server import running_stripe
from worker.broker import make_producer
from worker.send import make_sender

# The rule's proportions: an answer is waited for less long than a lease lasts.
SHORT = {"GATEWAY_READ_TIMEOUT_S": "2.5", "CHARGE_LEASE_S": "3", "CHARGE_GRACE_S": "1.5"}


@contextmanager
def open_site() -> Iterator[Rig]:
    """Services with fsync on, and a web server for the gateway's calls."""
    # not pytest's own folder: another run of pytest closes that to the user PostgreSQL runs as
    folder = Path(tempfile.mkdtemp(prefix="portal-faults-"))
    postgres = start_postgres(folder / "postgres")
    redis = start_redis(folder / "redis")
    try:
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
            app = create_app(made)
            server = make_server("127.0.0.1", 0, app, threaded=True)
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
                app,
            )
            server.shutdown()
            thread.join()
            server.server_close()
            jobs._senders.clear()
    finally:
        dispose_engines()
        redis.stop()
        postgres.stop("immediate")
        shutil.rmtree(folder, ignore_errors=True)


def open_authorizenet(site: Rig, name: str) -> Till:
    """A tenant with an account at Authorize.net, whose events come to the site."""
    till = open_till(site.sandbox, site.settings, name)  # type: ignore[arg-type]
    with till.work() as session:
        account = session.get_one(GatewayAccount, till.account_id)
        url = gateway_accounts.webhook_url(account, site.web_url)
    till.sandbox.add_merchant(till.merchant.login, webhook_urls=[url])
    return till
