"""A reseller enters its Stripe account; a client's bank wants a payment confirmed."""

import re

import pytest
import requests
from playwright.sync_api import Page, expect

from tests.browsers import PHONE
from tests.journeys.conftest import OpenPage
from tests.journeys.people import PanelClient, Staff
from tests.journeys.site import Site

pytestmark = [pytest.mark.journey, pytest.mark.timeout(280)]

ALWAYS_ASKS = "4000002760003184"


def test_stripe_from_its_form_to_a_payment_confirmed_at_the_bank(
    site: Site, open_page: OpenPage
) -> None:
    base = site.environment["STRIPE_API_URL"]
    made = requests.post(
        f"{base}/control/accounts", json={"name": "Globex", "currency": "EUR"}, timeout=20
    ).json()
    owner = Staff(open_page(), site.url)
    owner.signs_in("owner@globex.example")
    owner.goes_to("/office/gateways/")
    owner.follows("New gateway")
    owner.dialog.get_by_role("link", name="Stripe", exact=True).click()
    expect(owner.dialog).to_contain_text("Webhook signing secret")
    owner.fills("name", "Cards by Stripe")
    owner.fills("secret_key", made["secret_key"])
    owner.presses("Save gateway")
    expect(owner.page.locator("#list")).to_contain_text("not entered yet")

    client = PanelClient(open_page(PHONE), site.url)
    client.signs_in("nebula")
    page = client.page
    client.goes_to("/clients/cards")
    page.get_by_role("button", name="Add a card").first.click()
    _types_card(page, "Save card")
    page.get_by_role("button", name="Confirm the payment").click()
    expect(page.locator("main")).to_contain_text("3184")

    client.goes_to("/clients/refill")
    page.get_by_text("ending 3184").first.click()
    page.get_by_role("button", name=re.compile("^Pay ")).click()
    expect(page.locator("#progress")).to_contain_text("Your bank wants you to confirm")
    page.get_by_role("button", name="Confirm the payment").click()
    page.wait_for_url(re.compile("/authenticate/"))
    page.get_by_role("button", name="Confirm the payment").click()
    expect(page.locator("#progress")).to_contain_text("is paid")


def _types_card(page: Page, button: str) -> None:
    page.wait_for_url(re.compile("/c/pay/"))
    page.fill("[name=card_number]", ALWAYS_ASKS)
    page.fill("[name=expiry]", "09/31")
    page.fill("[name=card_code]", "123")
    page.get_by_role("button", name=button).click()
    page.wait_for_url(re.compile("/authenticate/"))
