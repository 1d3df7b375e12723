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
