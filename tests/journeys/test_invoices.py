"""An invoice made by hand, credited, allocated by hand, voided, and told in a statement."""

from datetime import timedelta

from playwright.sync_api import expect

from core.clock import now
from tests.journeys.pages import troubles_in_the_dark, troubles_of
from tests.journeys.people import Staff

CLIENT = "Quill Telephony"


def _is_well(staff: Staff) -> None:
    assert troubles_of(staff.page) + troubles_in_the_dark(staff.page) == []


def _invoices(staff: Staff, amount: str, description: str) -> None:
    """A charge of some days ago, on an invoice of its own up to that day."""
    staff.opens_client(CLIENT)
    day = (now() - timedelta(days=2)).date()
    staff.charges_client(amount, description, day)


def test_an_invoice_is_made_credited_allocated_and_voided(owner: Staff):
    owner.signs_in("owner@acme.example")
    owner.makes_client(
        CLIENT, login="quill", password="harbour lights 2026", email="quill@client.example"
    )
    _invoices(owner, "80", "Trunk")
    owner.goes_to("/office/invoices/new?q=Quill")
    owner.page.get_by_role("link", name=CLIENT).first.click()
    owner.reads("Total of the invoice")
    _is_well(owner)
    owner.presses("Make the invoice")
    owner.reads("The invoice is made.")
    _is_well(owner)

    owner.follows("Credit note")
    owner.reads("is left to credit")
    _is_well(owner)
    owner.fills("amount", "30")
    owner.fills("reason", "Too dear")
    owner.presses("Make the credit note", owner.dialog)
    owner.reads("CN-")
    owner.reads("Too dear")
    _is_well(owner)

    owner.follows("Allocate payments by hand")
    owner.reads("No payment has anything left")
    _is_well(owner)

    owner.opens_client(CLIENT)
    client_id = owner.page.url.rstrip("/").split("/")[-1].split("?")[0]
    owner.goes_to(f"/office/invoices/statement/{client_id}")
    owner.reads("Closing balance")
    owner.reads("Credit note")
    _is_well(owner)

    owner.goes_to(f"/office/invoices/?client={client_id}")
    owner.page.locator("summary", has_text="More filters").click()
    _is_well(owner)
    owner.page.locator("[data-pick-page]").check()
    owner.presses("Mass edit")
    owner.page.get_by_label("Void").check()
    owner.page.get_by_label("Reason").fill("Not ours")
    owner.presses("Preview")
    owner.reads("Credit notes correct it already.")
    _is_well(owner)
    expect(owner.page.get_by_role("button", name="Void:")).to_have_count(0)

    owner.goes_to("/office/autoinvoicing/")
    owner.reads("What would be invoiced now")
    _is_well(owner)
