"""The reseller's own host name chooses the tenant, from the door to the last page."""

import io
import re

import pytest
from flask import Flask
from PIL import Image
from sqlalchemy import select, update

from core.platform_uow import platform_unit_of_work
from core.tenancy import tenant_scope
from core.uow import unit_of_work
from mail.models import MailMessage
from tenants import logos
from tenants.models import Reseller
from tests.factories.cast import PASSWORD, Client, Tenant, make_client
from tests.portal.browser import Browser, open_browser

HOST = "calls.acme.example"
THERE = f"http://{HOST}"


@pytest.fixture
def browser(app: Flask, acme: Tenant, globex: Tenant) -> Browser:
    """Somebody at Acme's own address, where clients of two resellers have the same login."""
    make_client(globex, "Twin G", login="orbit", currency="EUR")
    with platform_unit_of_work() as session:
        session.execute(
            update(Reseller)
            .where(Reseller.id == acme.id)
            .values(portal_host=HOST, brand_color="#7a1fa2")
        )
    out = io.BytesIO()
    Image.new("RGBA", (300, 90), (200, 20, 60, 255)).save(out, "PNG")
    with tenant_scope(acme.scope), unit_of_work() as session:
        logos.save_logo(session, acme.id, logos.draw_logo(out.getvalue()))
    return open_browser(app)


def enter(browser: Browser, password: str = PASSWORD):
    return browser.post(
        "/clients/login", data={"login": "orbit", "password": password}, base_url=THERE
    )


def test_the_bare_address_leads_to_the_door_of_the_clients(browser: Browser) -> None:
    assert browser.get("/", base_url=THERE).location == "/clients/login"


@pytest.mark.parametrize("path", ["/clients/login", "/clients/login/forgot"])
def test_the_door_wears_the_resellers_name_logo_and_colour(browser: Browser, path: str) -> None:
    page = browser.get(path, base_url=THERE).text

    assert 'alt="Acme"' in page
    assert "/brand/acme/logo.png" in page
    sheet = re.search(r'href="(/brand/acme\.css[^"]*)"', page)
    assert sheet
    assert "#7a1fa2" in browser.get(sheet[1], base_url=THERE).text


def test_only_the_clients_of_this_reseller_enter_here(
    browser: Browser, acme_client: Client
) -> None:
    assert enter(browser).location == "/clients/"

    page = browser.get("/clients/", base_url=THERE).text
    assert "Orbit Calls" in page
    assert "Twin G" not in page
    assert 'alt="Acme"' in page


def test_a_client_of_another_reseller_does_not_enter_here(browser: Browser) -> None:
    assert enter(browser).status_code == 422


def test_the_link_for_a_forgotten_password_leads_back_here(
    browser: Browser, acme: Tenant, acme_client: Client
) -> None:
    browser.post("/clients/login/forgot", data={"login": "orbit"}, base_url=THERE)

    with platform_unit_of_work() as session:
        mail = session.scalars(select(MailMessage)).one()
    link = re.search(rf"https://{HOST}(/clients/login/reset/\S+)", mail.body_text)
    assert link, mail.body_text
    page = browser.get(link[1], base_url=THERE).text
    assert 'alt="Acme"' in page
    # at the platform's own address the link still knows whose client it is
    assert 'alt="Acme"' in browser.get(link[1]).text
