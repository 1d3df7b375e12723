"""A sandbox for the adapters' tests."""

import pytest

from tests.sandbox.authorizenet_server import running_sandbox


@pytest.fixture(scope="session")
def authorizenet_process():
    with running_sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(authorizenet_process):
    """The sandbox, well-behaved at the beginning of each test."""
    authorizenet_process.behave()
    return authorizenet_process


@pytest.fixture
def acme(sandbox):
    """An account of this test alone."""
    return sandbox.add_merchant(name="Acme")


@pytest.fixture
def gateway(acme):
    gateway = acme.gateway()
    yield gateway
    gateway.close()


@pytest.fixture
def customer_ref(gateway):
    return gateway.create_customer(merchant_customer_id="client-1").value
