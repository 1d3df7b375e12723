"""Records: a mail text of one's own, what is told by mail, what was changed, in a real browser."""

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browsers import PHONE
from tests.journeys.pages import misfits_of, troubles_in_the_dark, troubles_of
from tests.journeys.people import COMET, Staff
from tests.journeys.site import Site, wait_for

pytestmark = [pytest.mark.journey, pytest.mark.timeout(280)]
OWNER = "owner@acme.example"


def _is_fine(person: Staff) -> None:
    page = person.page
    assert troubles_of(page) + troubles_in_the_dark(page) == []
    wide = page.viewport_size
    assert wide is not None
    page.set_viewport_size(PHONE)
    assert misfits_of(page) == [], page.url
    page.set_viewport_size(wide)


def test_a_mail_text_is_written_looked_at_tried_saved_and_put_back(
    site: Site, owner: Staff, seeded: dict[str, Any]
) -> None:
    owner.signs_in(OWNER)
    owner.goes_to("/office/mail-templates/")
    _is_fine(owner)
    owner.follows("Payment receipt")
    page = owner.page
    preview = page.locator("#preview")
    expect(preview).to_contain_text("We received your payment")

    # what is wrong is said while one types
    form = page.locator("#letter")
    form.locator("[name=subject]").fill("Thanks, {{ client_nmae }}")
    expect(preview).to_contain_text("Is “client_name” meant?")
    form.locator("[name=subject]").fill("Thanks, {{ client_name }}")
    form.locator("[name=as_client]").fill(COMET)
    expect(preview).to_contain_text(f"Thanks, {COMET}")
    form.locator("[name=body_html]").fill("<p>Thank <b>you</b>!</p><script>x</script>")
    expect(preview).to_contain_text("<script> may not stand in a mail")
    form.locator("[name=body_html]").fill("<h2>Thank you!</h2>")
    frame = page.frame_locator("iframe[name=letter-frame]")
    expect(frame.get_by_role("heading", name="Thank you!")).to_be_visible()
    _is_fine(owner)

    owner.presses("Send a test to me")
    owner.reads_toast("A test mail to")

    def test_mails() -> list[str]:
        subjects = [mail.subject for mail in site.mailbox.messages(to=OWNER)]
        return [subject for subject in subjects if subject.startswith("Test: ")]

    (subject,) = wait_for("the test", test_mails)
    assert subject.startswith(f"Test: Thanks, {COMET}")

    owner.presses("Save text")
    owner.reads_toast("The text is saved")
    expect(page.locator("#letter")).to_contain_text("your own text")
    owner.presses("Back to the standard text")
    owner.presses("Use the standard text", page.locator("#confirm"))
    owner.reads_toast("The standard text is used again.")
    owner.follows("Version 1")
    owner.reads("This is version 1 of")
    _is_fine(owner)


def test_what_was_changed_is_found_opened_and_taken_along(owner: Staff) -> None:
    owner.signs_in(OWNER)
    owner.opens_client(COMET)
    owner.goes_to("/office/audit/")
    page = owner.page
    _is_fine(owner)
    page.get_by_label("Action", exact=True).select_option(label="created")
    expect(page).to_have_url(re.compile("action=create"))
    page.get_by_text("More", exact=True).click()
    page.get_by_label("Person", exact=True).fill(OWNER)
    page.get_by_label("Person", exact=True).press("Enter")
    expect(page.locator(".filter-chips")).to_contain_text(OWNER)
    _is_fine(owner)
    with page.expect_download() as started:
        owner.presses("Export these records as CSV")
    assert OWNER in started.value.path().read_text(encoding="utf-8-sig")

    page.locator("#records tbody a[title^='All changes of']").first.click()
    expect(page.get_by_role("heading", name="All records")).to_be_visible()
    _is_fine(owner)
    page.locator(".plain-list a").first.click()
    expect(page.get_by_role("heading", name="Who and when")).to_be_visible()
    _is_fine(owner)


def test_who_asks_for_it_is_mailed_about_events_and_takes_care_of_one(
    site: Site, owner: Staff
) -> None:
    owner.signs_in(OWNER)
    owner.goes_to("/office/events/")
    page = owner.page
    _is_fine(owner)
    owner.follows("My notifications")
    expect(owner.dialog).to_be_visible()
    owner.dialog.get_by_label("Payments: which events").select_option(label="all events")
    _is_fine(owner)
    owner.presses("Save", owner.dialog)
    owner.reads_toast("Your notifications are saved.")

    row = page.locator("#events tbody tr").first
    if row.count():
        row.get_by_role("button").click()
        owner.reads_toast("Noted.")
        expect(page.locator("#events tbody tr").first).to_have_class("acknowledged")


def test_mails_are_selected_together(owner: Staff) -> None:
    owner.signs_in(OWNER)
    owner.goes_to("/office/mail/")
    _is_fine(owner)
