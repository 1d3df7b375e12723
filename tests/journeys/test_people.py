"""People: invited, given a role, guarded by a second factor, and helped in their place."""

import re

import pyotp
import pytest
from playwright.sync_api import Page, expect

from tests.browsers import PHONE
from tests.factories.cast import PASSWORD
from tests.journeys.pages import troubles_in_the_dark, troubles_of
from tests.journeys.people import COMET, PanelClient, Staff
from tests.journeys.site import Site, wait_for
from tests.portal.factors import code_of

pytestmark = [pytest.mark.journey, pytest.mark.timeout(280)]
IDA, IDA_PASSWORD = "ida@acme.example", "seventeen blue kettles"


def suits_everybody(page: Page) -> None:
    assert troubles_of(page) + troubles_in_the_dark(page) == []


def narrow(page: Page) -> None:
    """The same page on a phone."""
    wide = page.viewport_size
    page.set_viewport_size(PHONE)
    assert troubles_of(page) == []
    page.set_viewport_size(wide)


def test_a_colleague_is_invited_with_a_role_of_her_own_and_sets_up_a_second_factor(
    site: Site, owner: Staff, open_page
) -> None:
    owner.signs_in("owner@acme.example")

    # a role with few rights
    owner.goes_to("/office/roles/")
    suits_everybody(owner.page)
    owner.follows("New role")
    expect(owner.dialog).to_be_visible()
    owner.fills("name", "Front desk")
    for right in ("Clients: See", "Users: See"):
        owner.dialog.get_by_role("checkbox", name=right, exact=True).check()
    suits_everybody(owner.page)
    owner.presses("Save role", owner.dialog)
    owner.reads_toast("Front desk is saved.")
    narrow(owner.page)

    # a person with that role
    owner.goes_to("/office/users/")
    owner.follows("Invite user")
    expect(owner.dialog).to_be_visible()
    owner.fills("name", "Ida Desk")
    owner.fills("email", IDA)
    owner.dialog.locator("[name=role_id]").select_option(label="Front desk")
    suits_everybody(owner.page)
    owner.presses("Send invitation", owner.dialog)
    owner.reads_toast("Ida Desk is invited by mail.")
    expect(owner.page.get_by_role("link", name="Ida Desk", exact=True)).to_be_visible()
    suits_everybody(owner.page)
    narrow(owner.page)

    # she gets the mail, chooses a password, and signs in
    mail = wait_for("the invitation", lambda: site.mailbox.messages(to=IDA))[0]
    link = re.search(r"http://\S+/login/reset/\S+", mail.text)[0]
    ida = Staff(open_page(), site.url)
    ida.page.goto(link)
    ida.page.locator("[name=password]").fill(IDA_PASSWORD)
    ida.presses("Set the password")
    ida.signs_in(IDA, IDA_PASSWORD)
    expect(ida.page.get_by_role("heading", name="Clients").first).to_be_visible()
    expect(ida.page.get_by_role("link", name="Invite user")).to_have_count(0)

    # and guards her account
    ida.goes_to("/account")
    ida.follows("Set it up")
    expect(ida.page.get_by_alt_text("QR code for the authenticator app")).to_be_visible()
    suits_everybody(ida.page)
    narrow(ida.page)
    secret = ida.page.locator(".factor-secret code").inner_text().replace(" ", "")
    ida.page.locator("[name=code]").fill(pyotp.TOTP(secret).now())
    ida.presses("Switch it on")
    codes = ida.page.locator(".recovery-codes code").all_inner_texts()
    assert len(codes) == 10
    suits_everybody(ida.page)
    narrow(ida.page)
    ida.follows("I have kept them")

    # the code that set it up is used up; a recovery code works once
    elsewhere = Staff(open_page(PHONE), site.url)
    elsewhere.signs_in(IDA, IDA_PASSWORD)
    elsewhere.reads("Second step")
    suits_everybody(elsewhere.page)
    elsewhere.page.locator("[name=code]").fill("000000")
    elsewhere.presses("Sign in")
    elsewhere.reads("This code is not right, or was used already.")
    elsewhere.page.locator("[name=code]").fill(codes[0])
    elsewhere.presses("Sign in")
    elsewhere.reads_toast("You used a recovery code")

    # the next code of the app works too
    again = Staff(open_page(), site.url)
    again.signs_in(IDA, IDA_PASSWORD)
    again.page.locator("[name=code]").fill(code_of(secret, steps=1))
    again.presses("Sign in")
    expect(again.page.get_by_role("heading", name="Clients").first).to_be_visible()

    # the owner sees where she is signed in, and stops her
    owner.goes_to("/office/users/")
    owner.follows("Ida Desk")
    owner.reads("Where signed in")
    suits_everybody(owner.page)
    narrow(owner.page)
    owner.presses("Stop")
    owner.presses("Stop", owner.page.locator("#confirm"))
    owner.reads_toast("Ida Desk is stopped and signed out.")
    ida.page.reload()
    ida.reads("Your session has ended.")
    assert site.failures() == []


def test_staff_look_into_a_clients_panel_and_are_themselves_again(
    site: Site, owner: Staff, open_page
) -> None:
    owner.signs_in("owner@acme.example")
    owner.opens_client(COMET)
    number = re.search(r"/office/clients/(\d+)", owner.page.url)[1]
    owner.goes_to(f"/office/sign-in-as/client/{number}")
    suits_everybody(owner.page)
    owner.page.locator("[name=reason]").fill("Cannot find an invoice")
    owner.presses("Sign in")
    panel = PanelClient(owner.page, site.url)
    panel.reads("you are signed in as Comet Lines")
    panel.reads("You may only look.")
    suits_everybody(owner.page)
    narrow(owner.page)

    # looking everywhere, changing nothing
    panel.goes_to("/clients/invoices")
    panel.reads("you are signed in as Comet Lines")
    panel.goes_to("/clients/auto-payment")
    owner.page.locator("#main form button[type=submit]").first.click()
    panel.reads("may only look")
    suits_everybody(owner.page)

    # a second confirmation lets them change things, but no card
    panel.goes_to("/clients/")
    panel.presses("Change things …")
    panel.presses("Yes, let me change things", owner.page.locator("#confirm"))
    panel.reads("You may change things.")
    suits_everybody(owner.page)
    narrow(owner.page)
    panel.goes_to("/clients/cards")
    panel.presses("Add a card")
    panel.reads("This is not done in another person")

    # the client, meanwhile, sees who is there
    client = PanelClient(open_page(PHONE), site.url)
    client.signs_in("comet")
    client.goes_to("/clients/account")
    client.reads("by your provider")

    panel.goes_to("/clients/")
    panel.presses("End")
    owner.reads_toast("You are yourself again.")
    expect(owner.page).to_have_url(re.compile(f"/office/clients/{number}$"))
    owner.goes_to("/office/audit/?q=comet")
    owner.reads("Cannot find an invoice")
    assert site.failures() == []


def test_the_platform_helps_a_reseller_in_its_own_office(site: Site, admin: Staff) -> None:
    admin.signs_in("admin@platform.example", PASSWORD)
    admin.goes_to("/platform/users/")
    suits_everybody(admin.page)
    admin.follows("Invite")
    expect(admin.dialog).to_be_visible()
    admin.fills("name", "Nora Ops")
    admin.fills("email", "nora@platform.example")
    admin.presses("Make the link", admin.dialog)
    admin.reads("It is shown this once.")
    suits_everybody(admin.page)
    admin.page.locator("#dialog").get_by_role("link", name="I have it").click()
    expect(admin.page.get_by_role("heading", name="Nora Ops")).to_be_visible()
    suits_everybody(admin.page)
    narrow(admin.page)

    admin.goes_to("/platform/resellers/")
    admin.follows("Acme")
    admin.follows("Sign in as …")
    expect(admin.dialog).to_be_visible()
    suits_everybody(admin.page)
    admin.fills("reason", "Terms are not found")
    admin.presses("Sign in", admin.dialog)
    admin.reads("Platform Admin, you are signed in as Owner of acme.example")
    admin.goes_to("/office/clients/")
    suits_everybody(admin.page)
    narrow(admin.page)
    admin.presses("End")
    admin.reads_toast("You are yourself again.")
    admin.goes_to("/office/clients/")
    admin.reads("Your role does not include this action.")
    assert site.failures() == []
