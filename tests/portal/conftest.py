"""The application over a real database, and a browser for each of the cast.

Every fixture with a person or a tenant begins with an empty database.
"""

import pytest
from flask import Flask

from portal.app import create_app
from tests.factories.cast import Client, Tenant, make_client, make_platform_user, make_tenant
from tests.portal.browser import Browser, open_browser, signed_in


@pytest.fixture(scope="session")
def app(settings) -> Flask:
    return create_app(settings)


@pytest.fixture
def anonymous(app: Flask, clean_database: None) -> Browser:
    return open_browser(app)


@pytest.fixture
def acme(clean_database: None) -> Tenant:
    """A reseller in dollars; the tests look through its eyes."""
    return make_tenant("Acme", "acme")


@pytest.fixture
def globex(clean_database: None) -> Tenant:
    """The other reseller: nothing of it may be seen from Acme."""
    return make_tenant("Globex", "globex", currency="EUR", timezone="Europe/Berlin")


@pytest.fixture
def platform_admin(clean_database: None) -> int:
    """Id of admin@platform.example."""
    return make_platform_user()


@pytest.fixture
def acme_client(acme: Tenant) -> Client:
    return make_client(acme, "Orbit Calls", login="orbit")


@pytest.fixture
def globex_client(globex: Tenant) -> Client:
    return make_client(globex, "Nebula Voice", login="nebula", currency="EUR")


@pytest.fixture
def as_owner(app: Flask, acme: Tenant) -> Browser:
    """Acme's owner, who may do all of it."""
    return signed_in(app, "office", acme.owner_id, acme.id)


@pytest.fixture
def as_viewer(app: Flask, acme: Tenant) -> Browser:
    """Acme's viewer, who may only read."""
    return signed_in(app, "office", acme.viewer_id, acme.id)


@pytest.fixture
def as_stranger(app: Flask, globex: Tenant) -> Browser:
    """The owner of the other reseller."""
    return signed_in(app, "office", globex.owner_id, globex.id)


@pytest.fixture
def as_client(app: Flask, acme_client: Client) -> Browser:
    """Acme's client in its panel."""
    return signed_in(app, "panel", acme_client.id, acme_client.reseller_id)


@pytest.fixture
def as_platform_admin(app: Flask, platform_admin: int) -> Browser:
    return signed_in(app, "platform", platform_admin, None)
