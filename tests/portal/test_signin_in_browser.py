"""The doors and the account page in a real browser, on a phone and on a desk."""

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect

from tests.browsers import COUNT_VIOLATIONS, PHONE, WIDE, serving, violations_on
from tests.factories.cast import PASSWORD, Client, Tenant

pytestmark = pytest.mark.journey


@pytest.fixture(scope="module")
def address(app: Flask):
    with serving(app) as address:
        yield address


def open_page(chromium: Browser, viewport: dict[str, int], scheme: str = "light") -> Page:
    context = chromium.new_context(viewport=viewport, color_scheme=scheme)
    page = context.new_page()
    page.set_default_timeout(10_000)
    page.add_init_script(COUNT_VIOLATIONS)
    return page


def check(page: Page) -> None:
    """Usable by everybody, nothing refused by the policy, nothing wider than the window."""
    assert violations_on(page) == ""
    assert page.evaluate("window.refused") == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_a_client_on_a_phone_signs_in_changes_its_password_and_leaves(
    chromium: Browser, address: str, acme_client: Client
) -> None:
    page = open_page(chromium, PHONE)
    page.goto(f"{address}/clients/account")
    expect(page).to_have_url(f"{address}/clients/login?next=%2Fclients%2Faccount")
    check(page)

    page.locator("[name=login]").fill("orbit")
    page.locator("[name=password]").fill("not this one at all")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert").first).to_contain_text("The login or the password is not")
    check(page)

    page.locator("[name=password]").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(f"{address}/clients/account")
    expect(page.get_by_text("This device")).to_be_visible()
    check(page)

    page.locator("[name=current]").fill(PASSWORD)
    page.locator("[name=password]").fill("seventeen blue kettles")
    page.get_by_role("button", name="Change password").click()
    expect(page.get_by_text("Your password is changed.")).to_be_visible()

    page.locator(".viewer-button").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("You have signed out.")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_staff_see_where_they_are_signed_in_and_end_another_device(
    chromium: Browser, address: str, acme: Tenant, scheme: str
) -> None:
    pages = [open_page(chromium, WIDE, scheme) for _ in range(2)]
    for page in pages:
        page.goto(f"{address}/login?next=/account")
        page.locator("[name=email]").fill(acme.owner_email)
        page.locator("[name=password]").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", name="Your account")).to_be_visible()
    here, elsewhere = pages
    here.reload()
    check(here)

    here.get_by_role("button", name="End", exact=True).click()
    here.locator("#confirm").get_by_role("button", name="End").click()
    expect(here.get_by_text("The session has ended.")).to_be_visible()

    elsewhere.reload()
    expect(elsewhere.get_by_text("Your session has ended.")).to_be_visible()


def test_a_forgotten_password_is_asked_for(chromium: Browser, address: str, acme: Tenant) -> None:
    page = open_page(chromium, PHONE)
    page.goto(f"{address}/login")
    page.get_by_role("link", name="Forgot your password?").click()
    check(page)

    page.locator("[name=email]").fill(acme.owner_email)
    page.get_by_role("button", name="Send the link").click()

    expect(page.get_by_text("a mail with a link is on its way")).to_be_visible()
    check(page)
