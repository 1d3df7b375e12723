"""A package from its form to the client's own panel, and a file of usage, in a real browser."""

from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import expect

from core.clock import now
from tests.browsers import PHONE
from tests.journeys.pages import troubles_in_the_dark, troubles_of
from tests.journeys.people import PanelClient, Staff

pytestmark = [pytest.mark.journey, pytest.mark.timeout(280)]
NAME = "Parcel Phones"
PASSWORD = "seventeen blue kettles"


def _is_well(staff: Staff | PanelClient) -> None:
    assert troubles_of(staff.page) + troubles_in_the_dark(staff.page) == []


def _makes_package(owner: Staff, name: str, fee: str) -> None:
    owner.goes_to("/office/packages/")
    owner.follows("New package")
    expect(owner.dialog).to_be_visible()
    owner.fills("name", name)
    owner.fills("periodic_fee", fee)
    owner.fills("units-0-quantity", "600")
    owner.presses("Save package", owner.dialog)
    expect(owner.dialog).not_to_be_visible()
    owner.reads(name)


def _opens_tab(owner: Staff) -> str:
    owner.opens_client(NAME)
    owner.page.locator("#tab-link-packages").click()
    expect(owner.page.locator("#tab-link-packages")).to_have_attribute("aria-current", "page")
    return owner.page.url.removesuffix("/packages").rsplit("/", 1)[1]


def test_a_package_is_sold_used_changed_ended_and_read_by_its_client(
    owner: Staff, client: PanelClient, tmp_path: Path
) -> None:
    owner.signs_in("owner@acme.example")
    owner.makes_client(NAME, login="parcel", password=PASSWORD, email="bills@parcel.example")
    _makes_package(owner, "Parcel small", "31")
    _makes_package(owner, "Parcel large", "62")
    _is_well(owner)
    page = owner.page

    # it waits for money first, and says so
    client_id = _opens_tab(owner)
    owner.follows("Subscribe")
    owner.dialog.locator("[name=package_id]").select_option(label="Parcel small")
    _is_well(owner)
    owner.presses("Subscribe", owner.dialog)
    expect(owner.dialog).not_to_be_visible()
    owner.reads("waits for money")
    owner.follows("End Parcel small")
    owner.reads("It has not begun")
    owner.presses("End subscription", owner.dialog)
    expect(owner.dialog).not_to_be_visible()

    owner.follows("New payment")
    owner.fills("amount", "200")
    owner.presses("Book payment", owner.dialog)
    expect(owner.dialog).not_to_be_visible()
    _opens_tab(owner)
    owner.follows("Subscribe")
    owner.dialog.locator("[name=package_id]").select_option(label="Parcel small")
    owner.presses("Subscribe", owner.dialog)
    expect(owner.dialog).not_to_be_visible()
    row = page.locator("#subscriptions tbody tr").first
    expect(row).to_contain_text("active")
    expect(row).to_contain_text("600 seconds")
    _is_well(owner)

    # usage comes from a file: included units go first
    hour = (now() - timedelta(hours=1)).replace(minute=0, second=0, microsecond=0)
    path = tmp_path / "usage.csv"
    path.write_text(
        "client,hour,destination,seconds,amount,taxability\n"
        f"{client_id},{hour.isoformat()},Spain,900,9,none\n"
    )
    owner.goes_to("/office/packages/usage")
    _is_well(owner)
    page.locator("#file").set_input_files(path)
    owner.presses("Upload")
    owner.reads("Columns of the file")
    _is_well(owner)
    owner.presses("Check the rows")
    expect(page.get_by_text("Checked. Nothing is changed yet.")).to_be_visible(timeout=60_000)
    owner.follows("Go on")
    _is_well(owner)
    owner.presses("Post one row")
    expect(page.get_by_text("Done.")).to_be_visible(timeout=60_000)
    owner.goes_to(f"/office/clients/{client_id}/transactions")
    owner.reads("Spain")
    owner.reads("3.00")

    # a change shows its difference before
    _opens_tab(owner)
    owner.follows("Change Parcel small for another package")
    owner.dialog.locator("[name=package_id]").select_option(label="Parcel large")
    owner.presses("Preview the difference", owner.dialog)
    owner.reads("To be paid:")
    _is_well(owner)
    owner.presses("Change package", owner.dialog)
    expect(owner.dialog).not_to_be_visible()
    owner.follows("Parcel large")
    owner.reads("Periods and how they were charged")
    _is_well(owner)

    client.signs_in("parcel", PASSWORD)
    client.goes_to("/clients/packages")
    client.reads("Parcel large")
    client.page.set_viewport_size(PHONE)
    _is_well(client)

    # stopped at the end of its period, taken back, cancelled
    _opens_tab(owner)
    owner.follows("End Parcel large")
    owner.presses("End subscription", owner.dialog)
    expect(owner.dialog).not_to_be_visible()
    expect(page.locator("#subscriptions tbody tr").first).to_contain_text("active")
    owner.follows("End Parcel large")
    owner.dialog.get_by_label("today is the last day, and the days left are given back").check()
    owner.presses("End subscription", owner.dialog)
    expect(owner.dialog).not_to_be_visible()
    expect(page.locator("#subscriptions tbody tr").first).to_contain_text("ended")
