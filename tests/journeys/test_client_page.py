"""The page of one client, and its deletion, as people use them in a real browser."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browsers import PHONE, WIDE
from tests.journeys.pages import troubles_in_the_dark, troubles_of
from tests.journeys.people import PanelClient, Staff

pytestmark = [pytest.mark.journey, pytest.mark.timeout(280)]
NAME = "Short Lived"
TABS = (
    "overview", "timeline", "transactions", "invoices", "packages", "refills", "mail", "events",
    "audit", "notes", "files",
)  # fmt: skip


def opens_tab(page: Page, name: str) -> None:
    page.locator(f"#tab-link-{name}").click()
    expect(page.locator(f"#tab-link-{name}")).to_have_attribute("aria-current", "page")


def test_a_client_is_read_noted_deleted_brought_back_and_removed_for_good(
    owner: Staff, client: PanelClient
) -> None:
    owner.signs_in("owner@acme.example")
    owner.makes_client(
        NAME, login="short", password="seventeen blue kettles", email="bills@short.example"
    )
    owner.opens_client(NAME)
    page = owner.page
    client.signs_in("short", "seventeen blue kettles")
    client.reads(NAME)

    # a payment booked from the page is on it at once, and in the timeline
    owner.follows("New payment")
    owner.fills("amount", "25")
    owner.fills("description", "First transfer")
    owner.presses("Book payment", owner.dialog)
    expect(owner.dialog).not_to_be_visible()
    expect(page.locator(".figure-amount").nth(1)).to_contain_text("25.00")

    # what is typed is not lost when the page draws itself anew, and a note is kept once
    opens_tab(page, "notes")
    owner.presses("Add note")
    owner.reads("Write something")
    page.locator("textarea[name=body]").fill("Call before noon")
    owner.follows("New charge")
    owner.fills("amount", "5")
    owner.fills("description", "A small thing")
    owner.presses("Book charge", owner.dialog)
    expect(page.locator(".figure-amount").nth(1)).not_to_contain_text("25.00")
    expect(page.locator("textarea[name=body]")).to_have_value("Call before noon")
    owner.presses("Add note")
    expect(page.locator(".note")).to_have_count(1)
    expect(page.locator("textarea[name=body]")).to_have_value("")

    # a file goes in and comes out as it was
    opens_tab(page, "files")
    page.locator("#file").set_input_files(
        {"name": "deal.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7 a deal"}
    )
    owner.presses("Upload")
    with page.expect_download() as started:
        page.get_by_role("link", name="deal.pdf", exact=True).click()
    assert started.value.path().read_bytes() == b"%PDF-1.7 a deal"

    # Back leads through the tabs, and each address works on its own
    page.go_back()
    expect(page.locator("#tab-link-notes")).to_have_attribute("aria-current", "page")
    opens_tab(page, "timeline")
    page.reload()
    for words in ("First transfer", "A small thing", "Call before noon", "deal.pdf"):
        owner.reads(words)
    _suits_everybody(page)

    # deleted: the client is out of its panel at once; Undo brings it back
    _asks(owner, "Delete …")
    assert not troubles_of(page)
    owner.presses("Delete", owner.dialog)
    owner.reads_toast("is deleted")
    client.goes_to("/clients/")
    expect(client.page).to_have_url(re.compile("/clients/login"))
    owner.presses("Undo")
    owner.reads_toast("is restored, with its client panel")
    expect(page.get_by_text("Deleted on")).to_have_count(0)
    client.signs_in("short", "seventeen blue kettles")
    client.reads(NAME)

    # removed for good: only by its name, and then nothing tells who it was
    _asks(owner, "Full delete …")
    owner.fills("typed", "short lived")
    owner.presses("Remove for good", owner.dialog)
    owner.reads("Type the name exactly")
    assert not troubles_of(page)
    owner.fills("typed", NAME)
    owner.presses("Remove for good", owner.dialog)
    page.wait_for_url("**/office/clients/?status=deleted")
    owner.reads("Deleted client #")
    for path in ("transactions", "invoices", "mail", "events"):
        owner.goes_to(f"/office/{path}/")
        expect(page.locator("#main")).not_to_contain_text(NAME)
    owner.goes_to("/office/transactions/")
    owner.reads("Deleted client #")
    page.get_by_role("link", name=re.compile("Deleted client #")).first.click()
    owner.reads("Removed for good")
    assert not troubles_of(page)


def _asks(owner: Staff, name: str) -> None:
    owner.presses("More")
    owner.follows(name)
    expect(owner.dialog).to_be_visible()


def _suits_everybody(page: Page) -> None:
    """Every tab wide and on a phone, in light and dark."""
    found = {}
    for viewport in (WIDE, PHONE):
        page.set_viewport_size(viewport)
        for name in TABS:
            opens_tab(page, name)
            found[name, viewport["width"]] = troubles_of(page) + troubles_in_the_dark(page)
    page.set_viewport_size(WIDE)
    assert not any(found.values()), {key: wrong for key, wrong in found.items() if wrong}
