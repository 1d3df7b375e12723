"""The Clients list at work: searched, arranged, kept and driven by keys, in a real browser."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browsers import PHONE
from tests.journeys.conftest import OpenPage
from tests.journeys.pages import troubles_in_the_dark, troubles_of
from tests.journeys.people import COMET, Staff
from tests.journeys.site import Site

pytestmark = [pytest.mark.journey, pytest.mark.timeout(280)]
LIST = "/office/clients/"


@pytest.fixture
def desk(site: Site, owner: Staff) -> Staff:
    owner.signs_in("owner@acme.example")
    expect(owner.page).to_have_url(re.compile("/office/"))
    return owner


def names(page: Page) -> list[str]:
    return page.locator("#clients tbody .cell-title a").all_inner_texts()


def heads(page: Page) -> list[str]:
    found = page.locator("#clients thead th").all_inner_texts()
    return [text.strip() for text in found if text.strip()]


def test_an_advanced_search_is_an_address_that_can_be_sent(
    site: Site, desk: Staff, open_page: OpenPage
) -> None:
    page = desk.page
    desk.goes_to(LIST)
    desk.follows("Advanced search")
    panel = page.locator("#search")
    expect(panel).to_be_visible()
    expect(panel.locator("[name=id]")).to_be_focused()
    assert troubles_of(page) + troubles_in_the_dark(page) == []

    # Escape closes it and gives the focus back
    page.keyboard.press("Escape")
    expect(panel).to_have_count(0)
    expect(page.locator("#advanced-search")).to_be_focused()

    # a figure that is none is told at its field, and nothing is lost
    desk.follows("Advanced search")
    # the panel takes the focus when it has opened: what is typed meanwhile would go along
    expect(panel.locator("[name=id]")).to_be_focused()
    panel.locator("[name=name]").fill(COMET[:3])
    panel.locator("[name=available_from]").fill("a lot")
    desk.presses("Search", panel)
    expect(panel.locator("#search-available_from")).to_have_attribute("aria-invalid", "true")
    expect(panel.locator("[name=name]")).to_have_value(COMET[:3])
    assert troubles_of(page) == []

    panel.locator("[name=available_from]").fill("-1,000,000")
    panel.locator("[name=created]").select_option("year")
    desk.presses("Search", panel)
    page.wait_for_url(re.compile(r"name="))
    assert page.url == f"{site.url}{LIST}?name={COMET[:3]}&available_from=-1000000&created=year"
    assert names(page) == [COMET]
    assert troubles_of(page) + troubles_in_the_dark(page) == []

    # a colleague opens what was sent
    colleague = Staff(open_page(PHONE), site.url)
    colleague.signs_in("viewer@acme.example")
    expect(colleague.page).to_have_url(re.compile("/office/"))
    colleague.page.goto(page.url)
    assert names(colleague.page) == [COMET]
    assert troubles_of(colleague.page) == []
    colleague.follows("Advanced search")
    expect(colleague.page.locator("#search")).to_be_visible()
    assert troubles_of(colleague.page) == []

    # a chip takes away its own filter and no other; typing keeps the rest
    page.get_by_role("link", name="Remove the filter Name").click()
    page.wait_for_url(f"**{LIST}?available_from=-1000000&created=year")
    page.get_by_role("searchbox").fill("zzz")
    desk.reads("No client matches")
    expect(page).to_have_url(re.compile(r"q=zzz&available_from=-1000000&created=year"))


def test_columns_are_chosen_moved_and_kept_in_a_view(site: Site, desk: Staff) -> None:
    page = desk.page
    desk.goes_to(f"{LIST}?currency=USD")
    desk.follows("Columns")
    dialog = desk.dialog
    expect(dialog).to_be_visible()
    assert troubles_of(page) + troubles_in_the_dark(page) == []

    dialog.get_by_label("Company", exact=True).check()
    up = dialog.locator("#up-company")
    while dialog.locator("[name=order]").evaluate_all("all => all.map(one => one.value)")[2] != (
        "company"
    ):
        before = dialog.locator("[name=order]").evaluate_all("all => all.map(one => one.value)")
        up.click()
        expect(dialog.locator("[name=order]").nth(before.index("company") - 1)).to_have_value(
            "company"
        )
        expect(up).to_be_focused()
    dialog.get_by_label("Compact").check()
    desk.presses("Save columns", dialog)
    expect(dialog).not_to_be_visible()
    expect(page.locator("#clients thead th").nth(3)).to_have_text("Company")
    expect(page.locator("#clients")).to_have_class(re.compile("dense-compact"))

    desk.follows("Save as a view")
    expect(dialog).to_be_visible()
    desk.fills("name", "Dollars")
    assert troubles_of(page) + troubles_in_the_dark(page) == []
    desk.presses("Save view", dialog)
    tab = page.get_by_role("navigation", name="Saved views").get_by_role("link", name="Dollars")
    expect(tab).to_have_attribute("aria-current", "page")

    # the list itself becomes usual again, the view stays as it was kept
    desk.follows("All clients")
    desk.follows("Columns")
    desk.presses("Usual columns", dialog)
    expect(dialog).not_to_be_visible()
    expect(page.get_by_role("columnheader", name="Company")).to_have_count(0)
    tab.click()
    expect(page.locator("#clients thead th").nth(3)).to_have_text("Company")
    assert troubles_of(page) == []

    desk.follows("Change this view")
    expect(dialog).to_be_visible()
    desk.presses("Delete", dialog)
    desk.presses("Delete view", page.locator("#confirm"))
    desk.reads("The view is deleted.")
    expect(page.get_by_role("navigation", name="Saved views")).to_have_count(0)


def test_single_keys_act_until_they_are_switched_off(desk: Staff) -> None:
    page = desk.page
    desk.goes_to(LIST)
    box = page.get_by_role("searchbox")

    page.keyboard.press("/")
    expect(box).to_be_focused()
    page.keyboard.type("n?/j")
    expect(box).to_have_value("n?/j")
    expect(desk.dialog).not_to_be_visible()
    box.fill("")
    box.blur()

    page.keyboard.press("j")
    expect(page.locator("#clients tbody tr").first.locator(".cell-title a")).to_be_focused()
    page.keyboard.press("n")
    expect(desk.dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(desk.dialog).not_to_be_visible()

    page.keyboard.press("?")
    expect(desk.dialog.get_by_text("Go to the search")).to_be_visible()
    assert troubles_of(page) + troubles_in_the_dark(page) == []
    desk.dialog.get_by_role("switch").uncheck()
    desk.presses("Save", desk.dialog)
    desk.reads("Keyboard shortcuts are off.")
    page.locator("#main").click(position={"x": 5, "y": 5})
    page.keyboard.press("?")
    page.keyboard.press("/")
    expect(box).not_to_be_focused()
    expect(desk.dialog).not_to_be_visible()

    # and on again, by hand
    page.locator(".viewer-button:visible").click()
    desk.follows("Keyboard")
    desk.dialog.get_by_role("switch").check()
    desk.presses("Save", desk.dialog)
    desk.reads("Keyboard shortcuts are on.")


def test_the_list_suits_a_phone(owner: Staff) -> None:
    on_phone = owner
    on_phone.page.set_viewport_size(PHONE)
    on_phone.signs_in("owner@acme.example")
    expect(on_phone.page).to_have_url(re.compile("/office/"))
    for path in (LIST, f"{LIST}?status=any&currency=USD&tag=vip", f"{LIST}search"):
        on_phone.goes_to(path)
        assert troubles_of(on_phone.page) + troubles_in_the_dark(on_phone.page) == []
