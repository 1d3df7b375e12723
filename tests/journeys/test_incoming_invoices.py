"""An invoice that came from a client: entered, corrected, accepted, paid, and one void."""

import re
from datetime import date, timedelta

import pytest
from playwright.sync_api import expect

from core.clock import now
from tests.browsers import PHONE, WIDE
from tests.journeys.pages import misfits_of, troubles_in_the_dark, troubles_of
from tests.journeys.people import Staff

pytestmark = [pytest.mark.journey, pytest.mark.timeout(280)]
CLIENT = "Ridge Carrier"
PDF = {"name": "R-77.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7 as it came"}


def _is_well(staff: Staff) -> None:
    page = staff.page
    assert troubles_of(page) + troubles_in_the_dark(page) == []
    page.set_viewport_size(PHONE)
    assert misfits_of(page) == []
    page.set_viewport_size(WIDE)


def _days_ago(days: int) -> date:
    return now().date() - timedelta(days=days)


def _begins_one(owner: Staff) -> None:
    owner.goes_to("/office/invoices/")
    owner.follows("Incoming invoice")
    owner.dialog.get_by_role("searchbox").fill("Ridge")
    owner.dialog.get_by_role("link", name=CLIENT).click()
    owner.page.wait_for_url(re.compile(r"/incoming/new\?client=\d+$"))


def _types(owner: Staff, **texts: str) -> None:
    days = {"invoice_on": 3, "first_on": 33, "last_on": 4}
    dates = {name: _days_ago(days_ago).isoformat() for name, days_ago in days.items()}
    for name, text in {**dates, **texts}.items():
        owner.page.locator(f"#incoming [name={name.replace('__', '-')}]").fill(text)


def _says_yes(owner: Staff, button: str) -> None:
    owner.presses(button)
    owner.page.locator("#confirm-yes").click()


def _closes_at(owner: Staff, client_id: str, amount: str) -> None:
    owner.goes_to(f"/office/invoices/statement/{client_id}")
    expect(owner.page.locator("#movements tfoot")).to_contain_text(amount)


def test_an_invoice_that_came_is_entered_corrected_accepted_paid_and_another_is_void(
    owner: Staff,
) -> None:
    owner.signs_in("owner@acme.example")
    owner.makes_client(
        CLIENT, login="ridge", password="seventeen blue kettles", email="bills@ridge.example"
    )
    page = owner.page

    # its lines must come to its total; what was typed stays
    _begins_one(owner)
    client_id = page.url.rsplit("=", 1)[1]
    lines = {"lines__0__description": "Germany, mobile", "lines__0__quantity": "1000"}
    money = {"lines__0__net": "60", "total": "119", "tax_amount": "19", "tax_name": "VAT"}
    _types(owner, number="R-77", **lines, **money)
    page.locator("#incoming [name=file]").set_input_files(PDF)
    owner.presses("Enter the invoice")
    owner.reads("not to this total")
    _is_well(owner)
    expect(page.locator("#incoming [name=number]")).to_have_value("R-77")
    _types(owner, lines__1__description="France", lines__1__net="40")
    page.locator("#incoming [name=file]").set_input_files(PDF)
    owner.presses("Enter the invoice")
    owner.reads("waits to be verified")
    with page.expect_download() as started:
        owner.follows("Download")
    assert started.value.path().read_bytes() == PDF["buffer"]
    _closes_at(owner, client_id, "0.00")

    # corrected while nothing counts yet, then accepted: it stands to the client's credit
    page.go_back()
    owner.follows("Edit")
    _types(owner, number="R-78")
    owner.presses("Save")
    owner.reads("The invoice is changed.")
    _says_yes(owner, "Accept")
    owner.reads("Mark it as paid when the money has gone out.")
    expect(page.get_by_role("link", name="Edit", exact=True)).to_have_count(0)
    address = page.url
    _closes_at(owner, client_id, "119.00")

    # paid, and open again, moves no balance
    page.goto(address)
    _says_yes(owner, "Mark as paid")
    owner.reads("Marked as paid.")
    _is_well(owner)
    _says_yes(owner, "Open again")
    owner.reads("Mark it as paid when the money has gone out.")
    _closes_at(owner, client_id, "119.00")

    # its number is taken, until it is void
    _begins_one(owner)
    _types(owner, number="R-78", total="119")
    page.get_by_label("Accept it at once").check()
    owner.presses("Enter the invoice")
    owner.reads("is entered already")
    page.goto(address)
    owner.follows("Void")
    owner.fills("reason", "Sent twice")
    _is_well(owner)
    owner.presses("Void the invoice", owner.dialog)
    owner.reads("Sent twice")
    _closes_at(owner, client_id, "0.00")
    _begins_one(owner)
    _types(owner, number="R-78", total="50")
    page.get_by_label("Accept it at once").check()
    owner.presses("Enter the invoice")
    owner.reads("Mark it as paid when the money has gone out.")
    _closes_at(owner, client_id, "50.00")

    owner.goes_to("/office/invoices/?q=Ridge")
    page.locator("[name=direction]").select_option("incoming")
    expect(page.locator("#main tbody tr")).to_have_count(2)
    _is_well(owner)
