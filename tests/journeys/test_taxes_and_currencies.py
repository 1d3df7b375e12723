"""Tax profiles, currencies and payment accounts, in a real browser on the real site."""

import pytest
from playwright.sync_api import Locator, expect

from tests.browsers import PHONE
from tests.journeys.pages import troubles_in_the_dark, troubles_of
from tests.journeys.people import Staff

pytestmark = [pytest.mark.journey, pytest.mark.timeout(280)]


def row_of(owner: Staff, text: str) -> Locator:
    return owner.page.locator("tbody tr", has_text=text).first


def test_a_tax_profile_is_tried_before_it_is_saved(owner: Staff) -> None:
    owner.signs_in("owner@acme.example")
    page = owner.page
    owner.goes_to("/office/tax-profiles/")
    page.get_by_role("link", name="New profile").click()
    dialog = owner.dialog
    dialog.locator("[name=name]").fill("Quebec, tax on tax")
    dialog.locator("[name=taxes-0-name]").fill("GST")
    dialog.locator("[name=taxes-0-percent]").fill("5")
    dialog.get_by_role("button", name="Add a tax").click()
    expect(dialog.locator("[name=taxes-1-name]")).to_be_visible()
    expect(dialog.locator("[name=taxes-0-percent]")).to_have_value("5")
    dialog.locator("[name=taxes-1-name]").fill("QST")
    dialog.locator("[name=taxes-1-percent]").fill("9.975")
    dialog.locator("[name=taxes-1-priority]").fill("2")
    dialog.get_by_role("button", name="Calculate").click()
    expect(dialog.locator("#trial")).to_contain_text("10.47375 USD")
    expect(dialog.locator("#trial tfoot")).to_contain_text("115.47 USD")
    assert troubles_of(page) + troubles_in_the_dark(page) == []
    # Enter in a box saves; it does not remove the first tax
    dialog.locator("[name=taxes-1-name]").press("Enter")
    owner.reads_toast("Quebec, tax on tax is saved.")
    expect(row_of(owner, "Quebec")).to_contain_text("QST 9.975%")


def test_currencies_rates_and_accounts_are_kept_on_a_phone_too(owner: Staff) -> None:
    owner.signs_in("owner@acme.example")
    page = owner.page
    owner.goes_to("/office/currencies/")
    page.get_by_role("link", name="Add currency").click()
    owner.dialog.locator("[name=code]").select_option("ISK")
    owner.dialog.get_by_role("button", name="Save currency").click()
    # króna have no decimals, and nothing typed is lost
    expect(owner.dialog.locator(".field-error")).to_contain_text("0")
    owner.dialog.locator("[name=total_places]").fill("0")
    owner.dialog.get_by_role("button", name="Save currency").click()
    expect(row_of(owner, "ISK")).to_contain_text("Iceland Krona")

    page.set_viewport_size(PHONE)
    owner.goes_to("/office/currencies/rates/import")
    page.locator("[name=text]").fill("date,from,to,rate\n2026-01-05,ISK,USD,0,0072\n")
    page.get_by_role("button", name="Check rows").click()
    expect(page.locator(".import-form [role=status]")).to_contain_text("1 is wrong")
    page.locator("[name=text]").fill("date,from,to,rate\n2026-01-05,ISK,USD,0.0072\n")
    page.get_by_role("button", name="Check rows").click()
    expect(page.locator(".import-form [role=status]")).to_contain_text("1 is new")
    assert troubles_of(page) + troubles_in_the_dark(page) == []
    page.get_by_role("button", name="Import rates").click()
    owner.goes_to("/office/currencies/rates?from=USD&to=ISK&on=2026-02-01")
    owner.reads("1 USD = 138.8888888889 ISK")
    assert troubles_of(page) + troubles_in_the_dark(page) == []

    owner.goes_to("/office/payment-accounts/")
    page.get_by_role("link", name="New account").click()
    owner.dialog.locator("[name=name]").fill("Bank of Reykjavik")
    owner.dialog.locator("[name=details]").fill("IBAN IS14 0159 2600 7654 5510 7303 39")
    owner.dialog.get_by_role("button", name="Save account").click()
    expect(row_of(owner, "Bank of Reykjavik")).to_contain_text("IBAN IS14")
    assert troubles_of(page) + troubles_in_the_dark(page) == []
