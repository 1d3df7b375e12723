"""SureTax set up, asked in vain, asked again, and an invoice with its taxes: in a real browser."""

import json

import pytest
import requests
from playwright.sync_api import expect

from tests.browsers import PHONE
from tests.journeys.pages import troubles_in_the_dark, troubles_of
from tests.journeys.people import Staff
from tests.journeys.site import Site

pytestmark = [pytest.mark.journey, pytest.mark.timeout(280)]


def test_an_invoice_waits_for_suretax_and_is_made_with_its_taxes(site: Site, open_page) -> None:
    owner = Staff(open_page(), site.url)
    client_id = json.loads(site.run("tests.journeys.suretax_seed").splitlines()[-1])["client"]
    owner.signs_in("owner@umbra.example")
    page = owner.page

    owner.goes_to("/office/suretax/")
    page.get_by_role("link", name="Set up").click()
    owner.dialog.locator("[name=client_number]").fill("12-34")
    owner.dialog.locator("[name=validation_key]").fill("13290031-F004-4F00-8ED3-E979D6749B88")
    owner.dialog.get_by_role("button", name="Save").click()
    expect(owner.dialog.locator(".field-error")).to_contain_text("letters and digits")
    owner.dialog.locator("[name=client_number]").fill("UMBRA1")
    owner.dialog.locator("[name=validation_key]").fill("13290031-F004-4F00-8ED3-E979D6749B88")
    owner.dialog.get_by_role("button", name="Save").click()
    owner.reads_toast("SureTax is set up for Umbra.")
    page.get_by_role("button", name="Test connection").click()
    owner.reads_toast("SureTax answers")
    assert troubles_of(page) + troubles_in_the_dark(page) == []

    owner.goes_to("/office/tax-profiles/")
    page.get_by_role("link", name="New profile").click()
    owner.dialog.locator("[name=name]").fill("US taxes")
    owner.dialog.locator("[name=mode][value=suretax]").check()
    owner.dialog.locator("[name=is_default]").check()
    owner.dialog.get_by_role("button", name="Save profile").last.click()
    owner.reads_toast("US taxes is saved.")

    _switch(site, is_down=True)
    owner.goes_to(f"/office/invoices/new?client={client_id}")
    page.get_by_role("button", name="Make the invoice").click()
    # a worker asks, and the page looks again by itself
    expect(page.locator("#wait")).to_contain_text("SureTax does not answer", timeout=60_000)
    assert troubles_of(page) + troubles_in_the_dark(page) == []
    page.set_viewport_size(PHONE)
    assert troubles_of(page) == []
    _switch(site, is_down=False)
    page.get_by_role("button", name="Ask again").click()
    expect(page.locator("#invoice")).to_contain_text("NY STATE SALES TAX", timeout=60_000)
    page.get_by_role("link", name="What SureTax said").click()
    expect(page.locator("#answer")).to_contain_text("9999 Success")
    assert troubles_of(page) + troubles_in_the_dark(page) == []


def _switch(site: Site, *, is_down: bool) -> None:
    answer = requests.post(
        f"{site.suretax_url}/control/down", json={"is_down": is_down}, timeout=20
    )
    answer.raise_for_status()
