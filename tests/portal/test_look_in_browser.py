"""The gallery in a real browser: nothing refused by the policy, usable by everybody, and alive."""

import pytest
from playwright.sync_api import expect

from tests.browsers import COUNT_VIOLATIONS, PHONE, WIDE, serving, violations_on
from tests.portal.gallery import gallery_app

pytestmark = pytest.mark.journey


@pytest.fixture(scope="module")
def address():
    with serving(gallery_app()) as address:
        yield f"{address}/gallery"


@pytest.fixture(scope="module")
def window(chromium):
    """Gives a window with its own history and storage, and the errors of its scripts.

    One window with scripts and one without serve all tests: a new one costs more than a test.
    """
    windows = {}

    def window(java_script_enabled):
        if java_script_enabled not in windows:
            context = chromium.new_context(java_script_enabled=java_script_enabled)
            page = context.new_page()
            failures = []
            page.add_init_script(COUNT_VIOLATIONS)
            page.on("pageerror", lambda error: failures.append(str(error)))
            windows[java_script_enabled] = page, failures
        return windows[java_script_enabled]

    yield window
    for page, _failures in windows.values():
        page.context.close()


@pytest.fixture
def open_page(window, address):
    """Open a page of the gallery; at the end nothing may have been refused or have failed."""
    opened = []

    def open_page(path, *, viewport=WIDE, scheme="light", java_script_enabled=True):
        assert not opened, "one page for each test"
        page, failures = window(java_script_enabled)
        failures.clear()
        opened.append((page, failures))
        page.set_viewport_size(viewport)
        page.emulate_media(color_scheme=scheme)
        page.goto(f"{address}/{path}")
        return page

    yield open_page
    for page, failures in opened:
        refused = page.evaluate("window.refused")
        page.evaluate("localStorage.clear(); sessionStorage.clear()")
        page.context.clear_cookies()
        page.unroute_all()
        page.mouse.move(0, 0)
        assert not refused
        assert failures == []


def open_dialog(page):
    page.get_by_role("link", name="New client").click()
    expect(page.locator("#dialog")).to_be_visible()
    expect(page.get_by_role("textbox", name="Name", exact=True)).to_be_focused()


def make_mistakes(page):
    open_dialog(page)
    page.fill("#name", "")
    page.fill("#email", "not-an-email")
    page.get_by_role("button", name="Save client").click()
    expect(page.locator("[data-error-summary]")).to_be_visible()


def ask_before_delete(page):
    page.get_by_role("button", name="Full delete").click()
    expect(page.locator("#confirm")).to_be_visible()


def open_menus(page):
    if page.viewport_size == PHONE:
        page.get_by_role("button", name="Menu", exact=True).click()
    page.locator("[popovertarget=viewer-menu]").click()
    expect(page.locator("#viewer-menu")).to_be_visible()


def open_tip(page):
    page.get_by_role("button", name="Help: Timezone").click()


STATES = {
    "list": ("clients", None),
    "menus": ("clients", open_menus),
    "no match": ("clients?q=zz", None),
    "dialog": ("clients", open_dialog),
    "mistakes": ("clients", make_mistakes),
    "form page": ("clients/edit", None),
    "components": ("components?flash=1", None),
    "tip": ("components", open_tip),
    "confirmation": ("components", ask_before_delete),
    "panel": ("panel", None),
    "sign-in": ("door", None),
    "progress": ("progress?step=3", None),
    "error": ("fail/404?area=office", None),
}


@pytest.mark.parametrize(
    ("viewport", "scheme"), [(WIDE, "light"), (PHONE, "dark")], ids=["wide", "phone"]
)
@pytest.mark.parametrize("state", STATES)
def test_everybody_can_use_it(open_page, state, viewport, scheme):
    path, prepare = STATES[state]
    page = open_page(path, viewport=viewport, scheme=scheme)
    if prepare:
        prepare(page)
    assert violations_on(page) == ""


@pytest.mark.parametrize("path", ["clients", "components", "panel", "door", "clients/edit"])
def test_a_phone_never_scrolls_sideways(open_page, path):
    page = open_page(path, viewport=PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_the_dialog_fits_a_phone(open_page):
    page = open_page("clients", viewport=PHONE)
    open_dialog(page)
    box = page.locator("#dialog").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= PHONE["width"]
    assert box["y"] + box["height"] <= PHONE["height"]


class TestDialog:
    def test_mistakes_stay_in_the_dialog_and_the_summary_gets_the_focus(self, open_page):
        page = open_page("clients")
        make_mistakes(page)
        expect(page.locator("[data-error-summary]")).to_be_focused()
        page.get_by_role("link", name="Main email").click()
        expect(page.locator("#email")).to_be_focused()

    def test_it_stays_shut_where_nothing_was_put_into_it(self, open_page):
        page = open_page("clients/edit")
        page.evaluate("htmx.trigger(document.querySelector('#main form'), 'dialog:open', {})")
        assert page.evaluate("document.querySelector('#dialog').open") is False

    def test_success_closes_it_and_says_so(self, open_page):
        page = open_page("clients")
        open_dialog(page)
        page.fill("#capacity", "30")
        page.get_by_role("button", name="Save client").click()
        expect(page.locator("#dialog")).not_to_be_visible()
        expect(page.get_by_role("status")).to_contain_text("Acme Telecom Ltd is saved.")

    def test_it_opens_though_the_link_that_asked_for_it_is_gone(self, open_page):
        page = open_page("clients")
        link = page.get_by_role("link", name="New client")
        # as when its part of the page draws itself anew meanwhile
        page.evaluate(
            "document.addEventListener('htmx:beforeOnLoad', event => event.target.remove())"
        )
        link.click()
        expect(link).to_have_count(0)
        expect(page.locator("#dialog")).to_be_visible()

    def test_escape_and_cancel_close_it(self, open_page):
        page = open_page("clients")
        for close in (
            lambda: page.keyboard.press("Escape"),
            page.get_by_text("Cancel").first.click,
        ):
            open_dialog(page)
            close()
            expect(page.locator("#dialog")).not_to_be_visible()

    def test_escape_asks_before_it_throws_away_what_was_typed(self, open_page):
        page = open_page("clients")
        open_dialog(page)
        page.fill("#capacity", "30")
        page.keyboard.press("Escape")
        expect(page.locator("#confirm")).to_contain_text("not saved yet")
        page.locator("#confirm").get_by_role("button", name="Cancel").click()
        expect(page.locator("#capacity")).to_have_value("30")
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Close without saving").click()
        expect(page.locator("#dialog")).not_to_be_visible()

    def test_a_postpaid_client_has_no_credit_to_set(self, open_page):
        page = open_page("clients")
        open_dialog(page)
        expect(page.locator("#credit")).to_be_enabled()
        page.get_by_label("Postpaid", exact=True).check()
        expect(page.locator("#credit")).to_be_disabled()
        page.get_by_label("Postpaid", exact=True).uncheck()
        expect(page.locator("#credit")).to_be_enabled()

    def test_ticking_a_block_opens_it(self, open_page):
        page = open_page("clients")
        open_dialog(page)
        expect(page.locator("#extra")).not_to_be_visible()
        page.get_by_role("switch", name="Auto Payment").check()
        expect(page.locator("#extra")).to_be_visible()

    def test_without_scripts_the_link_leads_to_the_same_form(self, open_page):
        page = open_page("clients", java_script_enabled=False)
        page.get_by_role("link", name="New client").click()
        expect(page.get_by_role("textbox", name="Name", exact=True)).to_have_value(
            "Acme Telecom Ltd"
        )


class TestConfirmation:
    def test_nothing_is_sent_before_yes(self, open_page):
        page = open_page("components")
        sent = []
        page.on("request", lambda request: sent.append(request.method))
        page.get_by_role("button", name="Stop").click()
        expect(page.locator("#confirm")).to_contain_text("Stop Sunrise Calls Inc?")
        page.locator("#confirm").get_by_role("button", name="Cancel").click()
        expect(page.locator("#confirm")).not_to_be_visible()
        assert "POST" not in sent
        page.get_by_role("button", name="Stop").click()
        page.locator("#confirm").get_by_role("button", name="Stop").click()
        page.wait_for_url("**/write")
        assert sent.count("POST") == 1

    def test_the_worst_asks_for_the_name(self, open_page):
        page = open_page("components")
        ask_before_delete(page)
        yes = page.locator("#confirm-yes")
        expect(yes).to_be_disabled()
        page.keyboard.type("Sunrise Calls")
        expect(yes).to_be_disabled()
        page.keyboard.type(" Inc")
        expect(yes).to_be_enabled()


class TestFailures:
    def test_a_failure_is_told_with_its_id_and_can_be_tried_again(self, open_page, address):
        page = open_page("clients")
        pattern = f"{address}/clients?q=*"
        page.route(pattern, lambda route: route.continue_(url=f"{address}/fail/bug"))
        page.get_by_role("searchbox").press_sequentially("zz")
        alert = page.get_by_role("alert")
        expect(alert).to_contain_text("Something went wrong on our side")
        expect(alert).to_contain_text("Request ")
        expect(page.locator("#table tbody tr").first).to_be_visible()
        page.unroute(pattern)
        alert.get_by_role("button", name="Try again").click()
        expect(page.get_by_text("No client matches")).to_be_visible()

    def test_a_refusal_is_told_once_and_in_its_own_words(self, open_page, address):
        page = open_page("clients")
        refused = f"{address}/fail/limit"
        page.route(f"{address}/clients?q=*", lambda route: route.continue_(url=refused))
        page.get_by_role("searchbox").fill("zz")
        expect(page.locator(".toast-error")).to_have_count(1)
        expect(page.locator(".toast-error")).to_contain_text("The daily cap of 500.00 EUR")

    def test_a_lost_connection_is_told(self, open_page, address):
        page = open_page("clients")
        page.route(f"{address}/clients?q=*", lambda route: route.abort())
        page.get_by_role("searchbox").fill("zz")
        expect(page.get_by_role("alert")).to_contain_text("cannot be reached")


class TestList:
    def test_typing_searches_and_clearing_brings_all_back(self, open_page):
        page = open_page("clients")
        page.keyboard.press("/")
        expect(page.get_by_role("searchbox")).to_be_focused()
        page.keyboard.type("zz")
        expect(page.get_by_text("No client matches")).to_be_visible()
        expect(page.get_by_role("searchbox")).to_have_value("zz")
        page.get_by_role("searchbox").fill("")
        expect(page.get_by_role("link", name="Ruby Wholesale").first).to_be_visible()

    def test_back_after_sorting_brings_the_whole_page_and_stores_none(self, open_page):
        page = open_page("clients")
        page.get_by_role("link", name="Available").click()
        page.wait_for_url("**sort=available")
        page.go_back()
        expect(page.get_by_role("heading", name="Clients", exact=False).first).to_be_visible()
        expect(page.locator("table.ledger")).to_have_count(1)
        assert "<" not in page.evaluate("JSON.stringify(sessionStorage)")


class TestPageItself:
    def test_the_chosen_colours_are_remembered(self, open_page):
        page = open_page("panel", scheme="light")
        page.locator("[popovertarget=viewer-menu]").click()
        page.get_by_role("button", name="Use dark colours").click()
        expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
        page.reload()
        expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")

    def test_the_first_tab_leads_to_the_content(self, open_page):
        page = open_page("clients")
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator("main")).to_be_focused()

    def test_work_in_progress_ends_by_itself(self, open_page):
        page = open_page("progress")
        expect(page.get_by_text("50.00 EUR were added")).to_be_visible(timeout=15_000)
        expect(page.locator("[hx-trigger]")).to_have_count(0)

    def test_two_fast_clicks_send_a_plain_form_once(self, open_page):
        page = open_page("components")
        # what reaches the window is about to be sent; held back here so that the page stays
        page.evaluate(
            "window.sent = 0;"
            "window.addEventListener('submit', e => { sent += 1; e.preventDefault(); })"
        )
        page.fill("#name", "Acme")
        button = page.get_by_role("button", name="Save", exact=True)
        button.click()
        expect(button).to_have_attribute("aria-disabled", "true")
        button.click(force=True)
        assert page.evaluate("window.sent") == 1

    def test_two_fast_clicks_send_a_form_of_htmx_once(self, open_page):
        page = open_page("clients/edit")
        sent = []
        page.on("request", lambda request: request.method == "POST" and sent.append(request))
        page.fill("#capacity", "30")
        page.get_by_role("button", name="Save client").dblclick()
        expect(page.get_by_role("status")).to_contain_text("is saved")
        assert len(sent) == 1

    def test_a_password_can_be_looked_at(self, open_page):
        page = open_page("door")
        page.get_by_role("button", name="Show password").click()
        expect(page.locator("#password")).to_have_attribute("type", "text")
