"""New and Edit client, and Clients templates, as people use them in a real browser."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browsers import PHONE, WIDE
from tests.journeys.pages import troubles_in_the_dark, troubles_of
from tests.journeys.people import Staff

pytestmark = [pytest.mark.journey, pytest.mark.timeout(280)]
NAME = "Meridian Voice"
PASSWORD = "seventeen blue kettles"


def field(person: Staff, name: str) -> Locator:
    return person.dialog.locator(f"[name={name}]")


def looks_well(page: Page) -> None:
    """Wide and on a phone, light and dark."""
    for size in (WIDE, PHONE):
        page.set_viewport_size(size)
        assert not troubles_of(page)
        assert not troubles_in_the_dark(page)
    page.set_viewport_size(WIDE)


def adds_tag(person: Staff, name: str) -> None:
    entry = person.dialog.locator("#general-tags-ts-control")
    entry.fill(name)
    entry.press("Enter")


@pytest.fixture
def no_template_stays(owner: Staff) -> Iterator[None]:
    """The site is everybody's: the next journey's new clients begin without a template."""
    yield
    owner.goes_to("/office/client-templates/")
    owner.presses("Delete Wholesale EUR")
    owner.presses("Delete", owner.page.locator("#confirm"))
    expect(owner.page.locator("#table")).not_to_contain_text("Wholesale EUR")


@pytest.mark.usefixtures("no_template_stays")
def test_a_template_fills_the_form_and_a_colleague_is_merged(owner: Staff, site, open_page) -> None:
    owner.signs_in("owner@acme.example")
    page = owner.page

    # a template that new clients begin with
    owner.goes_to("/office/client-templates/")
    owner.follows("New template")
    owner.fills("name", "Wholesale EUR")
    owner.dialog.locator("[name=is_default]").check()
    owner.dialog.locator("[name=currency]").select_option("EUR")
    owner.chooses("payment_terms_id", "Every week")
    owner.fills("credit", "250")
    owner.fills("notify_client", "20")
    entry = owner.dialog.locator("#tags-ts-control")
    entry.fill("Wholesale")
    entry.press("Enter")
    looks_well(page)
    owner.presses("Save template", owner.dialog)
    expect(owner.dialog).not_to_be_visible()
    expect(page.locator("#table")).to_contain_text("Wholesale EUR")
    looks_well(page)

    # a new client begins with it, and the form says so
    owner.goes_to("/office/clients/")
    owner.follows("New client")
    expect(owner.dialog).to_contain_text("“Wholesale EUR” filled in:")
    expect(field(owner, "general-currency")).to_have_value("EUR")
    expect(field(owner, "credit-credit")).to_have_value("250")
    looks_well(page)

    # typed values are never overwritten without a word
    owner.fills("general-name", NAME)
    owner.fills("credit-credit", "70")
    adds_tag(owner, "Spring fair")
    owner.presses("Apply", owner.dialog)
    expect(owner.dialog.locator("#differences")).to_contain_text("70")
    expect(field(owner, "credit-credit")).to_have_value("250")
    owner.dialog.locator("#choose-mine-credit-credit").click()
    expect(field(owner, "credit-credit")).to_have_value("70")
    expect(field(owner, "general-name")).to_have_value(NAME)
    looks_well(page)

    # what is wrong in several blocks is told at once, and the password stays in its box
    owner.dialog.locator("[name=panel-enabled]").check()
    owner.fills("panel-password", PASSWORD)
    owner.fills("company-tax_id", "DE123456789")
    owner.fills("low-threshold", "5")
    owner.presses("Save client", owner.dialog)
    expect(owner.dialog.locator("[data-error-summary]")).to_contain_text("3 fields need attention")
    expect(field(owner, "panel-password")).to_have_value(PASSWORD)
    looks_well(page)
    owner.fills("panel-login", "meridian")
    owner.fills("company-tax_id", "DE136695976")
    owner.fills("low-low_capacity", "4")
    owner.presses("Save client", owner.dialog)
    expect(owner.dialog).not_to_be_visible()

    # two people edit it: what only the first changed is taken over, the rest is to be chosen
    colleague = Staff(open_page(), site.url)
    colleague.signs_in("owner@acme.example")
    for person in (owner, colleague):
        person.opens_client(NAME)
        person.page.get_by_role("link", name="Edit", exact=True).first.click()
        expect(person.dialog).to_be_visible()
    owner.fills("company-company_name", "Meridian Voice GmbH")
    owner.fills("credit-credit", "80")
    owner.presses("Save client", owner.dialog)
    expect(owner.dialog).not_to_be_visible()

    colleague.fills("credit-credit", "90")
    colleague.fills("company-reg_id", "HRB 1")
    colleague.presses("Save client", colleague.dialog)
    table = colleague.dialog.locator("#differences")
    expect(table).to_contain_text("owner@acme.example")
    expect(table.locator("tbody tr")).to_have_count(2)
    expect(field(colleague, "company-company_name")).to_have_value("Meridian Voice GmbH")
    expect(field(colleague, "credit-credit")).to_have_value("90")
    looks_well(colleague.page)
    colleague.dialog.locator("#choose-other-credit-credit").click()
    expect(field(colleague, "credit-credit")).to_have_value("80")
    colleague.presses("Save client", colleague.dialog)
    expect(colleague.dialog).not_to_be_visible()

    colleague.page.get_by_role("link", name="Edit", exact=True).first.click()
    expect(field(colleague, "company-reg_id")).to_have_value("HRB 1")
    expect(field(colleague, "company-company_name")).to_have_value("Meridian Voice GmbH")
    expect(colleague.page.locator(".ts-control .item")).to_have_text(
        [re.compile("Spring fair"), re.compile("Wholesale")]
    )
