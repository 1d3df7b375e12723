"""After the charge: a refund that waits, a void, what is pending, the gateway's own list."""

import re

import pytest
from playwright.sync_api import expect

from tests.browsers import PHONE
from tests.journeys.conftest import OpenPage
from tests.journeys.pages import troubles_in_the_dark, troubles_of
from tests.journeys.people import PanelClient, Staff
from tests.journeys.site import Site

pytestmark = [pytest.mark.journey, pytest.mark.timeout(280)]
# milliseconds: a worker does it, and the box asks every three seconds
PATIENCE = 30_000
NAME, LOGIN, PASSWORD = "Birch Lines", "birch", "seventeen blue kettles"


def _is_well(staff: Staff) -> None:
    assert troubles_of(staff.page) + troubles_in_the_dark(staff.page) == []


def test_a_payment_goes_back(site: Site, owner: Staff, open_page: OpenPage) -> None:
    owner.signs_in("owner@acme.example")
    owner.makes_client(NAME, login=LOGIN, password=PASSWORD, email="bills@birch.example")
    client = PanelClient(open_page(PHONE), site.url)
    client.signs_in(LOGIN, PASSWORD)
    client.saves_card()
    client.refills("30")
    expect(client.page.locator("#progress")).to_contain_text("is paid")
    before = client.available()
    page = owner.page

    # a part: the balance after is shown, a missing reason is told at its field, nothing is lost
    owner.goes_to("/office/refills/")
    page.get_by_role("searchbox").fill(NAME)
    row = page.locator("#refills tbody tr", has_text=NAME)
    expect(row).to_have_count(1)
    row.get_by_role("link").first.click()
    owner.follows("Refund")
    owner.fills("amount", "10")
    expect(owner.dialog.locator("#balance tfoot")).to_contain_text("20.00")
    owner.presses("Give the money back", owner.dialog)
    expect(owner.dialog).to_contain_text("Enter the reason.")
    expect(owner.dialog.locator("[name=amount]")).to_have_value("10")
    owner.fills("reason", "Charged too much")
    owner.presses("Give the money back", owner.dialog)

    # this gateway gives back only what is settled: it waits, and is among what is not final
    expect(page.locator("#refill")).to_contain_text(
        "until the gateway has settled", timeout=PATIENCE
    )
    _is_well(owner)
    owner.goes_to("/office/pending-payments/")
    waiting = page.locator("#pending tbody tr", has_text=NAME)
    expect(waiting).to_contain_text("It is tried again by itself.")
    _is_well(owner)
    waiting.get_by_role("button", name="Cancel").click()
    page.locator("#confirm-yes").click()
    expect(page.locator("#pending tbody tr", has_text=NAME)).to_have_count(0)

    # all of it, before it is settled
    owner.goes_to("/office/refills/")
    page.get_by_role("searchbox").fill(NAME)
    page.locator("#refills tbody tr", has_text=NAME).get_by_role("link").first.click()
    owner.follows("Void")
    owner.fills("reason", "Not wanted any more")
    owner.presses("Void the payment", owner.dialog)
    expect(page.locator("#refill")).to_contain_text(
        "the money came and went back", timeout=PATIENCE
    )
    assert before - client.available() == 30


def test_the_gateway_and_we_agree(owner: Staff) -> None:
    owner.signs_in("owner@acme.example")
    page = owner.page
    owner.goes_to("/office/reconciliation/")
    owner.follows("Compare now")
    owner.fills("days", "300")
    owner.presses("Compare", owner.dialog)
    expect(owner.dialog).to_contain_text("Enter from 1 to 90 days.")
    owner.fills("days", "3")
    owner.presses("Compare", owner.dialog)
    expect(page.locator("#runs")).to_contain_text(
        re.compile("done.*asked for by", re.DOTALL), timeout=PATIENCE
    )
    _is_well(owner)


def test_both_lists_fit_a_phone(owner: Staff) -> None:
    owner.page.set_viewport_size(PHONE)
    owner.signs_in("owner@acme.example")
    for path in ("/office/pending-payments/", "/office/reconciliation/"):
        owner.goes_to(path)
        assert owner.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        _is_well(owner)
