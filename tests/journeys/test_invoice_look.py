"""How invoices look, tried out before it is saved; and why their amounts are what they are."""

import io

import pypdf
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browsers import PHONE, WIDE
from tests.journeys.pages import troubles_in_the_dark, troubles_of
from tests.journeys.people import Staff

pytestmark = [pytest.mark.journey, pytest.mark.timeout(280)]


def looks_well(page: Page) -> None:
    """Wide and on a phone, light and dark."""
    for size in (WIDE, PHONE):
        page.set_viewport_size(size)
        assert not troubles_of(page)
        assert not troubles_in_the_dark(page)
    page.set_viewport_size(WIDE)


def changes(page: Page, box: Locator, text: str) -> None:
    """Type, leave the box, and wait for the picture that follows."""
    box.fill(text)
    with page.expect_response("**/invoice-templates/preview"):
        box.blur()


def test_a_template_is_tried_out_saved_and_an_own_source_is_told_its_line(owner: Staff) -> None:
    owner.signs_in("owner@acme.example")
    page = owner.page
    owner.goes_to("/office/invoice-templates/")
    owner.follows("New invoice template")
    picture = page.locator("#picture img")
    expect(picture).to_be_visible()
    before = picture.get_attribute("src")

    # the picture follows what is typed
    changes(page, page.locator("[name=heading]"), "Tax invoice")
    expect(picture).not_to_have_attribute("src", before or "")
    changes(page, page.locator("[name=colour]"), "red")
    expect(page.locator("#picture")).to_contain_text("like #1d4ed8")
    changes(page, page.locator("[name=colour]"), "#7a1fa2")
    expect(picture).to_be_visible()
    with page.expect_response("**/invoice-templates/preview"):
        page.locator("[name=columns][value=gross]").check()
    looks_well(page)

    # what is wrong is told at its field, nothing typed is lost
    owner.presses("Save invoice template")
    expect(page.locator(".field-error").first).to_contain_text("Enter a name.")
    expect(page.locator("[name=heading]")).to_have_value("Tax invoice")

    # an own source is refused with its line, and never saved
    page.locator("[name=name]").fill("Violet")
    page.locator(".look-own summary").click()
    changes(page, page.locator("[name=source]"), "Hello\n#nothing")
    expect(page.locator("#picture")).to_contain_text("Line 2")
    owner.presses("Save invoice template")
    expect(page.locator(".field-error")).to_contain_text("Line 2, column 1")
    page.locator("[name=source]").fill("")
    owner.presses("Save invoice template")
    expect(page.locator("#table")).to_contain_text("Violet")

    # the whole document of what is stored
    owner.follows("Edit Violet")
    expect(page.locator("[name=heading]")).to_have_value("Tax invoice")
    with page.context.expect_page() as opened:
        owner.presses("Whole PDF")
    opened.value.close()
    token = page.locator("meta[name=csrf-token]").get_attribute("content")
    drawn = page.request.post(
        f"{owner.site_url}/office/invoice-templates/preview.pdf",
        form={
            "csrf_token": token or "",
            "reseller_id": page.locator("[name=reseller_id]").input_value(),
            "columns": "net",
            "paper": "a4",
            "grouping": "kind",
            "heading": "Tax invoice",
        },
        headers={"Referer": page.url},
    )
    text = pypdf.PdfReader(io.BytesIO(drawn.body())).pages[0].extract_text()
    assert "Tax invoice" in text

    owner.goes_to("/office/invoice-templates/")
    owner.presses("Delete Violet")
    owner.presses("Delete", page.locator("#confirm"))
    expect(page.locator("#table")).not_to_contain_text("Violet")


def test_every_figure_of_an_invoice_opens_its_formula(owner: Staff) -> None:
    owner.signs_in("owner@acme.example")
    page = owner.page
    owner.goes_to("/office/invoices/")
    page.locator("#main td.cell-title a").first.click()
    owner.follows("Why these amounts?")
    expect(page.locator("#totals")).to_contain_text("Proven: lines, taxes and rounding add up")
    looks_well(page)

    page.get_by_role("link", name="Why this amount: ").first.click()
    expect(owner.dialog).to_contain_text("Proven: this is what was charged.")
    expect(owner.dialog).to_contain_text("Unit price")
    assert not troubles_of(page)
