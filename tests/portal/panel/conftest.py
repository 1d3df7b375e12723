"""The panel over a real database and a real sandbox of the gateway."""

import pytest
from flask import Flask

from portal.app import create_app
from tests.payments.conftest import gateway_process, other_till, sent_jobs, till
from tests.payments.till import Till
from tests.portal.browser import Browser, signed_in
from tests.sandbox.authorizenet_server import RunningSandbox

__all__ = ["gateway_process", "other_till", "sent_jobs", "till"]


@pytest.fixture(scope="session")
def panel_app(settings, gateway_process: RunningSandbox) -> Flask:
    return create_app(
        settings.model_copy(
            update={
                "authorizenet_test_api_url": gateway_process.api_url,
                "authorizenet_test_hosted_url": gateway_process.hosted_url,
                "gateway_read_timeout_s": 5.0,
            }
        )
    )


@pytest.fixture
def me(panel_app: Flask, till: Till) -> Browser:
    """Acme's client in its panel."""
    return signed_in(panel_app, "panel", till.client.id, till.tenant.id)


@pytest.fixture
def stranger(panel_app: Flask, other_till: Till) -> Browser:
    """The client of the other reseller."""
    return signed_in(panel_app, "panel", other_till.client.id, other_till.tenant.id)
