"""The platform's screens in a real browser: usable by everybody, nothing refused, and alive."""

from datetime import timedelta

import pytest
from playwright.sync_api import expect
from sqlalchemy import func, select

from core.platform_uow import platform_unit_of_work
from tenants.models import Reseller
from tests.browsers import COUNT_VIOLATIONS, PHONE, WIDE, serving, violations_on
from tests.factories.cast import make_tenant
from tests.portal.browser import signed_in
from tests.portal.platform import rows

pytestmark = pytest.mark.journey


@pytest.fixture(scope="module")
def address(app):
    with serving(app) as address:
        yield address


@pytest.fixture
def open_page(app, chromium, address, platform_admin):
    """Open a page as the platform's admin; nothing may be refused or fail."""
    contexts, failures = [], []
    token = signed_in(app, "platform", platform_admin, None).cookie_value("platform")

    def open_page(path, *, viewport=WIDE, scheme="light", **more):
        context = chromium.new_context(viewport=viewport, color_scheme=scheme, **more)
        context.add_cookies([{"name": "office_session", "value": token, "url": address}])
        contexts.append(context)
        page = context.new_page()
        page.add_init_script(COUNT_VIOLATIONS)
        page.on("pageerror", lambda error: failures.append(str(error)))
        page.goto(address + path)
        return page

    yield open_page
    refused = [page.evaluate("window.refused") for context in contexts for page in context.pages]
    for context in contexts:
        context.close()
    assert not any(refused), refused
    assert failures == []


@pytest.fixture
def busy(acme, globex, acme_client):
    """Something on every screen."""
    make_tenant("Trans-Atlantic Termination Partners Aktiengesellschaft", "tatp", parent_id=acme.id)
    rows.add_refill(acme_client, "unknown", age=timedelta(hours=1))
    rows.add_refill(acme_client, "declined")
    rows.add_mail(acme.id, "failed")
    rows.add_check(
        acme.id,
        ok=False,
        findings={
            "balance_differs": [
                "client 1003: live 88.100000 fixed 0.000000, the lines make live 12.1 fixed 0"
            ]
        },
    )
    rows.add_event(acme.id, "A card was declined.", level="warning")
    return acme


def open_form(page):
    page.get_by_role("link", name="New reseller").first.click()
    expect(page.locator("#dialog #name")).to_be_focused()


def ask_for_reason(page):
    page.get_by_role("link", name="Suspend").click()
    expect(page.locator("#dialog textarea")).to_be_visible()


# what tests/journeys, which walks every page of the area, does not come to
STATES = {
    "form": ("/platform/resellers/", open_form),
    "reason": ("/platform/resellers/{id}", ask_for_reason),
    "findings": ("/platform/ledger/{id}", None),
}


@pytest.mark.parametrize(
    ("viewport", "scheme"), [(WIDE, "light"), (PHONE, "dark")], ids=["wide", "phone"]
)
@pytest.mark.parametrize("state", STATES)
def test_everybody_can_use_it(open_page, busy, state, viewport, scheme):
    path, prepare = STATES[state]
    page = open_page(path.format(id=busy.id), viewport=viewport, scheme=scheme)
    if prepare:
        prepare(page)
    assert violations_on(page) == ""
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]


def test_an_admin_makes_a_reseller_and_suspends_it(open_page):
    page = open_page("/platform/resellers/")
    open_form(page)
    page.fill("#name", "Initech")
    page.get_by_role("button", name="Make reseller").click()
    expect(page.locator("[data-error-summary]")).to_be_focused()
    expect(page.locator("#name")).to_have_value("Initech")
    page.fill("#code", "initech")
    page.select_option("#currency", "EUR")
    page.select_option("#timezone", "Europe/Berlin")
    page.fill("#user_name", "Ida Neumann")
    page.fill("#user_email", "ida@initech.example")
    page.get_by_role("button", name="Make reseller").dblclick()
    expect(page.get_by_role("heading", name="Initech")).to_be_visible()
    expect(page.get_by_role("status")).to_contain_text("Initech is made")
    with platform_unit_of_work() as session:
        assert session.scalar(select(func.count()).select_from(Reseller)) == 1

    ask_for_reason(page)
    page.locator("#dialog").get_by_role("button", name="Suspend").click()
    expect(page.locator("#dialog [data-error-summary]")).to_be_visible()
    page.locator("#dialog textarea").fill("Unpaid since May")
    page.locator("#dialog").get_by_role("button", name="Suspend").click()
    expect(page.get_by_text("Suspended: Unpaid since May")).to_be_visible()
    expect(page.get_by_role("link", name="Reactivate")).to_be_visible()


def test_without_scripts_the_form_is_a_page_that_works(open_page):
    page = open_page("/platform/resellers/", java_script_enabled=False)
    page.get_by_role("link", name="New reseller").first.click()
    page.fill("#name", "Initech")
    page.fill("#code", "initech")
    page.select_option("#currency", "EUR")
    page.select_option("#timezone", "Europe/Berlin")
    page.fill("#user_name", "Ida Neumann")
    page.fill("#user_email", "ida@initech.example")
    page.get_by_role("button", name="Make reseller").click()
    expect(page.get_by_role("heading", name="Initech")).to_be_visible()


def test_choosing_a_filter_shows_its_rows_and_the_address_follows(open_page, busy):
    page = open_page("/platform/resellers/")
    page.get_by_label("Show").select_option("failed_mail")
    expect(page.locator("#table tbody tr")).to_have_count(1)
    page.wait_for_url("**show=failed_mail**")
    page.get_by_label("Show").select_option("held")
    expect(page.get_by_text("No reseller matches")).to_be_visible()
