"""The address decides: strange hosts lead nowhere, a tenant's host wears its brand."""

import pytest
from sqlalchemy import update

from core.platform_uow import platform_unit_of_work
from portal.app import create_app
from tenants.models import Reseller
from tests.portal.browser import open_browser

HTTPS = "https://portal.example"


@pytest.fixture(scope="module")
def live_app(settings):
    """As in production, at https://portal.example."""
    return create_app(settings.model_copy(update={"environment": "production", "base_url": HTTPS}))


def give_host(tenant, host):
    with platform_unit_of_work() as session:
        session.execute(update(Reseller).where(Reseller.id == tenant.id).values(portal_host=host))


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "portal.example.evil.example",
        "xportal.example",
        "localhost",
        "127.0.0.1",
        "10.0.0.1:8080",
        "[::1]",
        "a" * 300 + ".example",
    ],
)
def test_a_strange_host_is_refused_in_plain_words(live_app, acme, host):
    for path in ("/login", "/clients/login", "/nothing", "/static/favicon.svg", "/brand/acme.css"):
        answer = open_browser(live_app).get(path, headers={"Host": host})
        assert answer.status_code == 421, path
        assert answer.mimetype == "text/plain"
        assert "set-cookie" not in answer.headers


def test_a_write_to_a_strange_host_changes_nothing(live_app, acme):
    answer = open_browser(live_app).post(
        "/login",
        data={"email": acme.owner_email, "password": "x"},
        headers={"Host": "evil.example"},
    )
    assert answer.status_code == 421


@pytest.mark.parametrize("host", ["portal.example", "PORTAL.example:443", "portal.example."])
def test_the_own_host_is_answered(live_app, acme, host):
    answer = open_browser(live_app).get("/login", headers={"Host": host}, base_url=HTTPS)
    assert answer.status_code == 200


def test_the_host_of_a_tenant_is_answered_as_soon_as_it_has_one(live_app, acme, globex):
    browser = open_browser(live_app)
    asked = {"Host": "pay.acme.example"}
    assert browser.get("/clients/login", headers=asked).status_code == 421
    give_host(acme, "pay.acme.example")
    page = browser.get("/clients/login", headers=asked)
    assert page.status_code == 200
    assert "Acme" in page.text
    give_host(acme, None)
    assert browser.get("/clients/login", headers=asked).status_code == 421


def test_a_supervisor_may_ask_by_any_address(live_app, clean_database):
    answer = open_browser(live_app).get("/healthz", headers={"Host": "10.0.0.7"})
    assert answer.status_code == 200


def test_in_development_this_machine_is_answered_and_a_stranger_not(app, clean_database):
    browser = open_browser(app)
    for host in ("localhost:8080", "127.0.0.1", "acme.localhost"):
        assert browser.get("/login", headers={"Host": host}).status_code == 200
    assert browser.get("/login", headers={"Host": "evil.example"}).status_code == 421


def test_a_brand_that_nobody_has_is_not_there(anonymous):
    for path in ("/brand/nobody.css", "/brand/nobody/preview.css", "/brand/nobody/logo.png"):
        assert anonymous.get(path).status_code == 404


def test_a_brand_with_its_version_may_be_kept_and_without_it_not(anonymous, acme):
    kept = anonymous.get("/brand/acme.css?v=1").headers["Cache-Control"]
    assert "immutable" in kept
    assert "immutable" not in anonymous.get("/brand/acme.css").headers["Cache-Control"]
