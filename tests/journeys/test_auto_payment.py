"""Auto payment at a desk: what it would do and why, rules for declines, letters on and off."""

import pytest
from playwright.sync_api import expect

from tests.browsers import PHONE
from tests.journeys.conftest import OpenPage
from tests.journeys.pages import troubles_in_the_dark, troubles_of
from tests.journeys.people import Staff
from tests.journeys.site import Site

pytestmark = [pytest.mark.journey, pytest.mark.timeout(280)]
NAME = "Quarry Phones"


def _is_well(staff: Staff) -> None:
    assert troubles_of(staff.page) + troubles_in_the_dark(staff.page) == []


def test_the_staff_see_what_auto_payment_would_do_and_set_its_rules(owner: Staff) -> None:
    owner.signs_in("owner@acme.example")
    owner.makes_client(
        NAME, login="quarry", password="seventeen blue kettles", email="bills@quarry.example"
    )
    page = owner.page

    # found by its name in the list, with the reason that nothing is charged
    owner.goes_to("/office/auto-payment/")
    page.get_by_role("searchbox").fill(NAME)
    row = page.locator("#auto-payments tbody tr", has_text=NAME)
    expect(row).to_contain_text("No card")
    expect(page.locator("#auto-payments tbody tr")).to_have_count(1)
    row.get_by_role("link", name=NAME, exact=True).click()
    expect(page.get_by_role("heading", name=f"Auto payment of {NAME}")).to_be_visible()
    owner.reads("No card is saved.")
    expect(page.locator("#steps")).to_contain_text("switched on")
    _is_well(owner)

    # the rules: a mistake is told at its field, then they are saved
    owner.goes_to("/office/auto-payment/rules")
    page.locator("[name=retries]").fill("whenever")
    owner.presses("Save rules")
    expect(page.locator("#retries-error")).to_be_visible()
    page.locator("[name=retries]").fill("1h, 1d, 3d")
    page.locator("[name=at_hour]").select_option("9")
    page.locator("[name=words_not_supported]").fill("We take Visa and MasterCard.")
    owner.presses("Save rules")
    owner.reads_toast("The rules are saved.")
    expect(page.locator("[name=words_not_supported]")).to_have_value("We take Visa and MasterCard.")
    _is_well(owner)

    # a letter that is not wanted
    owner.goes_to("/office/mail-templates/")
    letter = page.locator("#letters tbody tr", has_text="Card updated")
    letter.get_by_role("button", name="Switch off").click()
    owner.reads_toast("The mail is not sent any more.")
    letter.get_by_role("button", name="Switch on").click()
    owner.reads_toast("The mail is sent from now on.")


def test_the_rules_fit_a_phone(site: Site, open_page: OpenPage) -> None:
    owner = Staff(open_page(PHONE), site.url)
    owner.signs_in("owner@globex.example")
    for path in ("/office/auto-payment/", "/office/auto-payment/rules"):
        owner.goes_to(path)
        assert owner.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        _is_well(owner)
