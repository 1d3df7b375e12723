"""Vouchers from the form to a client's balance, and a stranger who signs up, in a real browser."""

import re

import pytest
from playwright.sync_api import expect

from tests.browsers import PHONE
from tests.journeys.pages import troubles_in_the_dark, troubles_of
from tests.journeys.people import PanelClient, Person, Staff
from tests.journeys.site import Site, wait_for

pytestmark = [pytest.mark.journey, pytest.mark.timeout(280)]
NAME, PASSWORD = "Topup Tellers", "seventeen blue kettles"


def _is_well(person: Person) -> None:
    assert troubles_of(person.page) + troubles_in_the_dark(person.page) == []


def _takes_pins(owner: Staff) -> list[str]:
    owner.presses("Download CSV")
    with owner.page.expect_download() as started:
        owner.page.locator("#confirm-yes").click()
    lines = started.value.path().read_text(encoding="utf-8-sig").splitlines()
    return [line.split(",")[1] for line in lines[1:]]


def _redeems(client: PanelClient, pin: str) -> None:
    client.goes_to("/clients/vouchers")
    client.page.locator("[name=pin]").fill(pin)
    client.page.locator("form.voucher-form button").click()
    expect(client.page.locator("#outcome .spinner")).to_have_count(0, timeout=30_000)


def test_vouchers_are_made_taken_out_activated_redeemed_and_blocked(
    owner: Staff, client: PanelClient
) -> None:
    owner.signs_in("owner@acme.example")
    owner.makes_client(NAME, login="topup", password=PASSWORD, email="bills@topup.example")
    owner.goes_to("/office/vouchers/")
    owner.follows("Make vouchers")
    expect(owner.dialog).to_be_visible()
    _is_well(owner)
    for name, text in {"name": "journey", "amount": "25", "quantity": "3"}.items():
        owner.fills(name, text)
    owner.presses("Make vouchers", owner.dialog)
    owner.page.wait_for_url(re.compile(r"/office/vouchers/series/\d+$"))
    expect(owner.page.get_by_role("button", name="Download CSV")).to_be_visible(timeout=30_000)
    _is_well(owner)
    pins = _takes_pins(owner)
    assert len(set(pins)) == 3
    owner.page.reload()
    owner.reads("They are no longer kept here.")

    # printed, but not handed out yet
    client.page.set_viewport_size(PHONE)
    client.signs_in("topup", PASSWORD)
    _redeems(client, pins[0])
    client.reads("This PIN is not valid.")
    _is_well(client)

    owner.follows("Activate")
    owner.fills("first", "1")
    owner.fills("last", "2")
    _is_well(owner)
    owner.presses("Activate", owner.dialog)
    expect(owner.dialog).not_to_be_visible()
    owner.reads_toast("2 vouchers were changed.")

    _redeems(client, pins[0].replace(" ", "-"))
    client.reads("25.00 USD are on your balance")
    _is_well(client)
    assert client.available() == 35  # with the credit of 10
    _redeems(client, pins[0])
    client.reads("You have redeemed this voucher already.")

    owner.goes_to("/office/vouchers/all?q=JOURNEY")
    owner.reads("JOURNEY-000001")
    _is_well(owner)
    owner.follows("Block JOURNEY-000002")
    owner.fills("reason", "lost")
    owner.presses("Block", owner.dialog)
    expect(owner.dialog).not_to_be_visible()
    _redeems(client, pins[1])
    client.reads("This PIN is not valid.")


def test_a_stranger_signs_up_is_approved_and_sees_the_panel(
    site: Site, owner: Staff, client: PanelClient
) -> None:
    owner.signs_in("owner@acme.example")
    owner.goes_to("/office/sign-ups/rules")
    _is_well(owner)
    owner.page.locator("[name=mode][value=approval]").check()
    owner.presses("Save rules")
    owner.reads("The rules of sign-up are saved.")
    address = owner.page.locator(".sign-up-address code").inner_text()

    client.page.set_viewport_size(PHONE)
    client.goes_to(address[address.index("/clients/") :])
    _is_well(client)
    for name, text in {
        "name": "Sam Stranger",
        "email": "sam@stranger.example",
        "login": "stranger",
        "password": PASSWORD,
    }.items():
        client.page.locator(f"[name={name}]").fill(text)
    client.presses("Sign up")
    client.reads("We have sent you a mail.")
    _is_well(client)
    mail = wait_for("the link", lambda: site.mailbox.messages(to="sam@stranger.example"))[0]
    found = re.search(r"/clients/sign-up/confirm/\S+", mail.text)
    assert found
    client.goes_to(found[0])
    _is_well(client)
    client.presses("Confirm the address")
    client.reads("looks at your sign-up")

    owner.goes_to("/office/sign-ups/")
    _is_well(owner)
    owner.follows("Approve Sam Stranger")
    _is_well(owner)
    owner.presses("Approve", owner.dialog)
    expect(owner.dialog).not_to_be_visible()
    wait_for("the welcome", lambda: site.mailbox.messages(to="sam@stranger.example")[1:])
    client.page.reload()
    client.reads("You can sign in now")
    client.signs_in("stranger", PASSWORD)
    assert client.available() == 0
