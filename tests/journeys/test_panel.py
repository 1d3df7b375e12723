"""A client guards its account and keeps its own details, on a phone, in a real browser."""

import pytest
from playwright.sync_api import expect

from tests.browsers import PHONE
from tests.journeys.pages import troubles_in_the_dark, troubles_of
from tests.journeys.people import PanelClient, Staff
from tests.portal.factors import code_of

pytestmark = [pytest.mark.journey, pytest.mark.timeout(280)]
NAME = "Harbour Phones"
PASSWORD = "seventeen blue kettles"


def _is_well(client: PanelClient) -> None:
    assert troubles_of(client.page) + troubles_in_the_dark(client.page) == []


def _opens(client: PanelClient, entry: str) -> None:
    """By the menu behind More."""
    client.presses("More")
    expect(client.page.locator("#panel-more")).to_be_visible()
    client.page.locator("#panel-more").get_by_role("link", name=entry).click()


def test_a_client_sets_a_second_factor_signs_in_with_it_and_changes_its_details(
    owner: Staff, client: PanelClient
) -> None:
    owner.signs_in("owner@acme.example")
    owner.makes_client(NAME, login="harbour", password=PASSWORD, email="bills@harbour.example")
    page = client.page
    assert page.viewport_size == PHONE

    client.signs_in("harbour", PASSWORD)
    _opens(client, "Sign-in and security")
    client.follows("Set it up")
    secret = (page.locator(".factor-secret code").text_content() or "").replace(" ", "")
    _is_well(client)
    page.locator("[name=code]").fill(code_of(secret))
    client.presses("Switch it on")
    expect(page.locator(".recovery-codes li")).to_have_count(10)
    _is_well(client)
    client.follows("I have kept them")
    client.goes_to("/clients/account/second-factor/codes")
    _is_well(client)
    client.goes_to("/clients/account/second-factor/off")
    _is_well(client)
    client.signs_out()

    client.signs_in("harbour", PASSWORD)
    client.reads("Second step")
    _is_well(client)
    page.locator("[name=code]").fill(code_of(secret, steps=1))
    client.presses("Sign in")
    client.reads("Available")

    _opens(client, "Company and contacts")
    page.locator("[name=noc_email]").fill("noc@harbour.example")
    page.locator("[name=billing_email]").fill("new@harbour.example")
    client.presses("Save")
    client.reads("enter your password")
    _is_well(client)
    page.locator("[name=current]").fill(PASSWORD)
    client.presses("Save")
    client.reads_toast("Your details are saved.")
    _opens(client, "Statement of account")
    client.reads("Nothing was invoiced or paid in this period.")
    _is_well(client)

    owner.opens_client(NAME)
    owner.reads("new@harbour.example")
    owner.presses("Take the second factor away")
    owner.page.locator("#confirm").get_by_role("button", name="Take it away").click()
    owner.reads("has no second factor any more")
