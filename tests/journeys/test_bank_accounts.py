"""A client saves its bank account on its phone, pays from it, and waits for its bank."""

import re

import pytest
import requests
from playwright.sync_api import Page, expect

from tests.browsers import PHONE
from tests.journeys.conftest import OpenPage
from tests.journeys.people import PanelClient, Staff
from tests.journeys.site import Site

pytestmark = [pytest.mark.journey, pytest.mark.timeout(280)]

PASSWORD = "twelve copper lanterns"


def test_a_bank_account_from_the_switch_to_the_money(site: Site, open_page: OpenPage) -> None:
    owner = Staff(open_page(), site.url)
    owner.signs_in("owner@acme.example")
    owner.goes_to("/office/gateways/")
    owner.page.locator(".card-box", has_text="USD").get_by_role("link", name="Edit").first.click()
    owner.dialog.get_by_label("Clients may pay from US bank accounts (ACH)").check()
    owner.presses("Save gateway")
    expect(owner.page.locator("#list")).to_contain_text("Bank accounts")
    owner.makes_client("Ledger Lines", login="ledger", password=PASSWORD, email="b@ledger.example")

    client = PanelClient(open_page(PHONE), site.url)
    client.signs_in("ledger", PASSWORD)
    page = client.page
    client.goes_to("/clients/cards")
    page.get_by_role("button", name="Add a bank account").first.click()
    _types_account(page)
    expect(page.locator("main")).to_contain_text("JPMorgan Chase")
    expect(page.locator("main")).to_contain_text("6789")

    client.goes_to("/clients/refill")
    page.get_by_text("JPMorgan Chase ending 6789").first.click()
    page.get_by_role("button", name=re.compile("^Pay ")).click()
    expect(page.locator("#progress")).to_contain_text("Your bank is paying")
    address = page.url

    owner.goes_to("/office/pending-payments/")
    expect(owner.page.locator("#table")).to_contain_text("bank is paying")
    base = re.sub(r"/xml/.*", "", site.environment["AUTHORIZENET_TEST_API_URL"])
    requests.post(f"{base}/control/settle", json={"login": "acme"}, timeout=20).raise_for_status()
    owner.page.locator("#table tr", has_text="Ledger Lines").get_by_role("link").first.click()
    owner.page.get_by_role("button", name="Look up now").click()
    expect(owner.page.locator("#refill")).to_contain_text("succeeded", timeout=20_000)
    expect(owner.page.locator("#refill")).to_contain_text("JPMorgan Chase ···· 6789")

    page.goto(address)
    expect(page.locator("#progress")).to_contain_text("is paid")


def _types_account(page: Page) -> None:
    page.wait_for_url(re.compile("/customer/addPayment"))
    page.select_option("[name=account_type]", "checking")
    page.fill("[name=routing_number]", "021000021")
    page.fill("[name=account_number]", "123456789")
    page.fill("[name=first_name]", "Ada")
    page.fill("[name=last_name]", "Byron")
    page.get_by_role("button", name="Save bank account").click()
