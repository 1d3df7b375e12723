"""Mass edit, export and import in a real browser, each to its end with a real worker."""

import csv
import io
from pathlib import Path

from playwright.sync_api import expect

from tests.browsers import PHONE
from tests.journeys.pages import troubles_in_the_dark, troubles_of
from tests.journeys.people import Staff

ROWS = 120
OWNER = "owner@acme.example"


def _file(folder: Path, name: str) -> Path:
    """A hundred clients, one of them wrong, with a column that nobody may bring."""
    path = folder / f"{name}.csv"
    lines = ["Name;Credit;Tags;Password"]
    lines += [f"{name} {n:03};{n},50;imported;secret-{n}" for n in range(ROWS)]
    lines.append(f"{name} wrong;ten;imported;secret")
    path.write_text("\n".join(lines), encoding="utf-16")
    return path


def _is_well(staff: Staff) -> None:
    assert troubles_of(staff.page) + troubles_in_the_dark(staff.page) == []


def _ends(staff: Staff) -> None:
    """The page follows the task until it has ended."""
    expect(staff.page.get_by_text("Done.")).to_be_visible(timeout=60_000)


def _brings(staff: Staff, path: Path) -> None:
    staff.goes_to("/office/imports/")
    _is_well(staff)
    staff.page.locator("#file").set_input_files(path)
    staff.presses("Upload")
    staff.reads("Not taken: a password in a file")
    _is_well(staff)
    staff.page.get_by_label("Import the good rows only").check()
    staff.presses("Check the rows")
    checked = staff.page.get_by_text("Checked. Nothing is changed yet.")
    expect(checked).to_be_visible(timeout=60_000)
    staff.follows("Go on")
    staff.reads("Write the amount in digits")
    _is_well(staff)
    staff.presses(f"Import {ROWS} rows")
    _ends(staff)
    _is_well(staff)


def _picks_all(staff: Staff, name: str) -> None:
    staff.goes_to(f"/office/clients/?q={name}")
    staff.page.locator("[data-pick-page]").check()
    expect(staff.page.locator("[data-picked]")).to_have_text("50")
    _is_well(staff)


def test_a_file_becomes_clients_and_all_that_match_are_changed(owner: Staff, tmp_path: Path):
    owner.signs_in(OWNER)
    _brings(owner, _file(tmp_path, "Import"))
    _picks_all(owner, "Import")
    owner.presses(f"Mass edit all {ROWS} that match")
    owner.reads(f"{ROWS} clients are selected")
    _is_well(owner)
    owner.page.get_by_label("Status", exact=True).select_option(label="Stopped")
    owner.presses("Preview")
    owner.reads("What will change")
    _is_well(owner)
    owner.presses(f"Update {ROWS} clients")
    _ends(owner)
    expect(owner.page.locator(".task-counts")).to_contain_text(str(ROWS))
    _is_well(owner)
    owner.goes_to("/office/clients/?q=Import&status=stop")
    owner.reads("Import 000")


def test_the_list_is_exported_with_its_columns(owner: Staff, tmp_path: Path):
    owner.signs_in(OWNER)
    _brings(owner, _file(tmp_path, "Export"))
    owner.goes_to("/office/clients/?q=Export")
    owner.page.locator(".page-header").get_by_role("button", name="Export", exact=True).click()
    expect(owner.dialog).to_be_visible()
    _is_well(owner)
    owner.dialog.get_by_label("CSV", exact=True).check()
    with owner.page.expect_download() as started:
        owner.presses("Export", owner.dialog)
    rows = list(csv.reader(io.StringIO(started.value.path().read_text(encoding="utf-8"))))
    assert rows[0][:2] == ["ID", "Name"]
    assert len(rows) == ROWS + 1
    expect(owner.dialog).not_to_be_visible()
    owner.goes_to("/office/tasks/")
    owner.reads("Import of clients")
    _is_well(owner)


def test_on_a_phone_rows_are_picked_and_changed(owner: Staff, tmp_path: Path):
    staff = owner
    staff.page.set_viewport_size(PHONE)
    staff.signs_in(OWNER)
    _brings(staff, _file(tmp_path, "Phone"))
    staff.goes_to("/office/clients/?q=Phone")
    for box in staff.page.locator("input[name=pick]").all()[:2]:
        box.check()
    expect(staff.page.locator("[data-picked]")).to_have_text("2")
    _is_well(staff)
    staff.presses("Mass edit")
    staff.page.get_by_label("Auto payment", exact=True).select_option(label="Switch on")
    staff.presses("Preview")
    staff.reads("What will change")
    _is_well(staff)
    staff.presses("Update 2 clients")
    _ends(staff)
    _is_well(staff)
