"""Resellers, settings, tags and the platform's own pages, in a real browser on the real site."""

import io

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browsers import PHONE, WIDE
from tests.journeys.pages import troubles_in_the_dark, troubles_of, walk_pages
from tests.journeys.people import PanelClient, Person, Staff
from tests.journeys.site import Site, wait_for

pytestmark = [pytest.mark.journey, pytest.mark.timeout(280)]

# Answers that are no page of their own, each with the reason.
NO_PAGES = {
    "platform_health.progress": "a box that draws itself, shown while rules are asked",
    "platform_resellers.reactivate": "the box of suspending, for a reseller that is suspended",
    "platform_ledger.progress": "a box that draws itself, shown while ledgers are checked",
}


def logo() -> bytes:
    out = io.BytesIO()
    Image.new("RGBA", (480, 120), (122, 31, 162, 255)).save(out, "PNG")
    return out.getvalue()


def test_a_company_is_set_up_and_its_clients_see_its_brand(
    site: Site, owner: Staff, client: PanelClient
) -> None:
    owner.signs_in("owner@acme.example")
    page = owner.page

    # company: saved in place, without leaving the page
    owner.goes_to("/office/settings/")
    page.locator("[name=company_name]").fill("Acme Telecom Inc.")
    owner.presses("Save", page.locator("#company"))
    owner.reads_toast("saved")
    expect(page.locator("[name=company_name]")).to_have_value("Acme Telecom Inc.")

    # what is wrong is told at its field, and nothing typed is lost
    page.locator("[name=email]").fill("büro@acme.example")
    page.locator("[name=reg_id]").fill("NY 4711")
    owner.presses("Save", page.locator("#company"))
    expect(page.locator("#company .field-error")).to_contain_text("Latin")
    expect(page.locator("[name=reg_id]")).to_have_value("NY 4711")

    # branding: logo and colour
    owner.goes_to("/office/settings/branding")
    page.locator("[name=logo]").set_input_files(
        {"name": "logo.png", "mimeType": "image/png", "buffer": logo()}
    )
    page.locator("[name=brand_color]").fill("#7a1fa2")
    owner.presses("Save", page.locator("#branding"))
    owner.reads_toast("saved")
    expect(page.locator(".brand-preview img").first).to_be_visible()
    # its colours are a style sheet of their own, which comes a moment after the pictures' places
    button = page.locator(".brand-preview-light .btn-primary")
    expect(button).to_have_css("background-color", "rgb(122, 31, 162)")
    assert troubles_of(page) + troubles_in_the_dark(page) == []

    # the client's door and panel wear it
    client.goes_to("/clients/login?portal=acme")
    expect(client.page.get_by_role("img", name="Acme")).to_be_visible()
    assert _colour(client.page, ".btn-primary") == "rgb(122, 31, 162)"
    assert troubles_of(client.page) + troubles_in_the_dark(client.page) == []
    client.signs_in("comet")
    expect(client.page.get_by_role("img", name="Acme")).to_be_visible()
    assert troubles_of(client.page) + troubles_in_the_dark(client.page) == []


def _colour(page: Page, selector: str) -> str:
    found: str = page.locator(selector).first.evaluate(
        "element => getComputedStyle(element).backgroundColor"
    )
    return found


def test_the_test_button_sends_a_mail_over_the_own_server(site: Site, owner: Staff) -> None:
    owner.signs_in("owner@acme.example")
    page = owner.page
    owner.goes_to("/office/settings/mail")
    server = page.locator("#server")
    server.locator("[name=host]").fill("127.0.0.1")
    server.locator("[name=port]").fill(site.environment["SMTP_PORT"])
    server.locator("[name=security]").select_option("none")
    owner.presses("Save", server)
    owner.reads_toast("saved")
    owner.presses("Send a test mail to owner@acme.example", page.locator("#server"))
    expect(page.locator("#server")).to_contain_text("The server has taken a mail")
    found = wait_for("the test mail", lambda: site.mailbox.messages(to="owner@acme.example"))
    assert any("Test mail" in mail.subject for mail in found)


def test_a_number_is_previewed_while_it_is_typed(site: Site, owner: Staff) -> None:
    owner.signs_in("owner@acme.example")
    owner.goes_to("/office/settings/invoicing")
    box = owner.page.locator("[name=template]")
    box.fill("")
    box.press_sequentially("RE-%Y-%N")
    expect(owner.page.locator("#number")).to_contain_text("RE-20")
    box.press_sequentially("%N")
    expect(owner.page.locator("#number")).to_contain_text("once")


def test_a_reseller_is_made_and_its_first_user_signs_in_within_the_minute(
    site: Site, owner: Staff, open_page
) -> None:
    owner.signs_in("owner@acme.example")
    owner.goes_to("/office/resellers/")
    owner.follows("New reseller")
    expect(owner.dialog).to_be_visible()
    for name, text in {
        "name": "Acme South",
        "code": "acme-south",
        "user_name": "Sue South",
        "user_email": "sue@south.example",
    }.items():
        owner.fills(name, text)
    owner.presses("Make reseller", owner.dialog)
    owner.reads_toast("Acme South is made")
    owner.goes_to("/office/resellers/")
    owner.reads("Acme South")
    owner.follows("Acme South")
    owner.reads("beneath Acme")
    for label in ("Currency and time zone", "Branding", "Mail", "Invoicing", "Company"):
        owner.follows(label)
        assert troubles_of(owner.page) + troubles_in_the_dark(owner.page) == [], label

    (mail,) = wait_for("the invitation", lambda: site.mailbox.messages(to="sue@south.example"))
    link = next(word for word in mail.text.split() if "/login/reset/" in word)
    sue = Person(open_page(), site.url)
    sue.page.goto(link)
    for name in ("password", "again"):
        if sue.page.locator(f"[name={name}]").count():
            sue.page.locator(f"[name={name}]").fill("nineteen green lanterns")
    sue.page.locator("form button[type=submit]").first.click()
    sue.page.locator("[name=email]").fill("sue@south.example")
    sue.page.locator("[name=password]").fill("nineteen green lanterns")
    sue.presses("Sign in")
    expect(sue.page.locator("h1").first).to_be_visible()
    expect(sue.page.locator("[name=email]")).to_have_count(0)


def test_tags_are_merged_with_a_question_first(site: Site, owner: Staff) -> None:
    owner.signs_in("owner@acme.example")
    for name in ("VIP", "Very important"):
        owner.goes_to("/office/tags/")
        owner.follows("New tag")
        expect(owner.dialog).to_be_visible()
        owner.fills("name", name)
        owner.dialog.get_by_label("violet").check()
        owner.presses("Save tag", owner.dialog)
        expect(owner.dialog).not_to_be_visible()
        expect(owner.page.locator("#table")).to_contain_text(name)
    owner.follows("Merge Very important into another tag")
    expect(owner.dialog).to_be_visible()
    owner.fills("into", "nobody has this")
    owner.presses("Merge", owner.dialog)
    expect(owner.dialog.locator(".field-error")).to_contain_text("There is no tag")
    owner.fills("into", "vip")
    owner.presses("Merge", owner.dialog)
    expect(owner.dialog).not_to_be_visible()
    expect(owner.page.locator("#table")).not_to_contain_text("Very important")
    assert troubles_of(owner.page) + troubles_in_the_dark(owner.page) == []


def test_health_is_asked_for_and_answers(site: Site, admin: Staff) -> None:
    admin.signs_in("admin@platform.example")
    admin.goes_to("/platform/health/")
    admin.presses("Check now")
    expect(admin.page.locator("#progress")).to_contain_text(
        "Asked: everything holds", timeout=90_000
    )
    admin.follows("Show the results")
    admin.reads("Everything holds.")


def test_the_pages_of_this_piece_suit_a_phone(site: Site, owner: Staff) -> None:
    phone = owner
    phone.page.set_viewport_size(PHONE)
    phone.signs_in("owner@acme.example")
    found = {}
    for path in (
        "/office/resellers/",
        "/office/resellers/new",
        "/office/settings/company",
        "/office/settings/region",
        "/office/settings/branding",
        "/office/settings/mail",
        "/office/settings/invoicing",
        "/office/tags/",
        "/office/tags/new",
    ):
        phone.goes_to(path)
        found[path] = troubles_of(phone.page) + troubles_in_the_dark(phone.page)
    assert not any(found.values()), {path: wrong for path, wrong in found.items() if wrong}


@pytest.mark.parametrize("viewport", [WIDE, PHONE], ids=["wide", "phone"])
def test_every_page_of_the_platform_suits_everybody_in_light_and_dark(
    site: Site, admin: Staff, viewport: dict[str, int]
) -> None:
    admin.page.set_viewport_size(viewport)
    admin.signs_in("admin@platform.example")
    found = {
        endpoint: troubles_of(admin.page) + troubles_in_the_dark(admin.page)
        for endpoint in walk_pages(admin.page, [f"{site.url}/platform/"], "platform", NO_PAGES)
    }
    assert not any(found.values()), {name: wrong for name, wrong in found.items() if wrong}
