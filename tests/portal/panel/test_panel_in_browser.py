"""The panel in a real browser, on a phone first: every page, and a way through all of it."""

import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import partial
from uuid import UUID

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect

from core import jobs
from core.jobs import Job
from core.tenancy import Scope, tenant_scope
from core.uow import unit_of_work
from payments import auto_payment, charging, lookups, saved_cards
from payments.auto_payment import AutoPayment
from payments.gateway_accounts import open_gateway
from tenants import clients
from tests.browsers import COUNT_VIOLATIONS, PHONE, WIDE, serving, violations_on
from tests.payments.till import Till
from tests.portal.browser import signed_in
from tests.portal.panel import story

pytestmark = pytest.mark.journey


@pytest.fixture(scope="module")
def address(panel_app: Flask) -> Iterator[str]:
    with serving(panel_app) as address:
        yield address


@pytest.fixture
def worker(till: Till) -> Iterator[None]:
    """Does the panel's jobs beside the web server, as a worker would."""
    opener = partial(open_gateway, settings=till.settings)
    acts: dict[str, Callable[..., object]] = {
        "payments.charge_refill": lambda refill_id: charging.charge_refill(
            unit_of_work, opener, UUID(refill_id)
        ),
        "payments.look_up": lambda attempt_key: lookups.look_up_attempt(
            unit_of_work, opener, attempt_key
        ),
        "payments.sync_cards": lambda client_id: saved_cards.sync_cards(
            unit_of_work, opener, client_id
        ),
    }
    threads: list[threading.Thread] = []

    def work(job: Job) -> None:
        assert job.reseller_id is not None
        with tenant_scope(Scope((job.reseller_id,))):
            acts[job.name](**job.args)

    def send(job: Job) -> None:
        if job.name in acts and job.delay_ms is None:
            threads.append(threading.Thread(target=work, args=(job,)))
            threads[-1].start()

    jobs.configure(send)
    yield
    jobs._senders.clear()
    for thread in threads:
        thread.join()


@pytest.fixture
def open_page(
    chromium: Browser, panel_app: Flask, address: str, till: Till
) -> Iterator[Callable[..., Page]]:
    """A page of the signed-in client; at the end nothing may have been refused or have failed."""
    contexts, failures = [], []

    def open_page(path: str, *, viewport=PHONE, scheme: str = "light", **more) -> Page:
        context = chromium.new_context(
            viewport=viewport, color_scheme=scheme, locale="en-GB", **more
        )
        contexts.append(context)
        token = signed_in(panel_app, "panel", till.client.id, till.tenant.id).cookie_value("panel")
        context.add_cookies([{"name": "panel_session", "value": token, "url": address}])
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.add_init_script(COUNT_VIOLATIONS)
        page.on("pageerror", lambda error: failures.append(str(error)))
        page.on(
            "console",
            lambda said: "Content Security" in said.text and failures.append(said.text),
        )
        page.goto(f"{address}{path}")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert failures == []


def check(page: Page) -> None:
    """Usable by everybody, nothing refused by the policy, nothing wider than the window."""
    expect(page.locator(".error-page")).to_have_count(0)
    assert violations_on(page) == ""
    assert page.evaluate("window.refused") == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.fixture
def full(till: Till) -> dict[str, object]:
    """A client to whom everything has happened; the addresses of its pages."""
    story.add_tax(till)
    story.pay(till, "150", "Bank transfer", days_ago=29)
    for n in range(26):
        story.charge(till, str(2 + n * 7 % 11), "Calls to Germany, mobile", days_ago=28 - n)
    taken_back = story.charge(till, "40", "Number block", days_ago=3)
    reversal = story.reverse(till, taken_back)
    invoice_id = story.invoice(till, days_ago=12, length=17, with_file=True)
    declined = till.save_card(zip="46282")
    held = till.save_card(number="370000000000002", zip="46290")
    good = till.save_card(number="5424000000000015")
    paid = till.request(good, "50.00")
    till.charge(paid)
    refused = till.request(declined, "25.00")
    till.charge(refused)
    review = till.request(held, "10.00")
    till.charge(review)
    lost = till.request(good, "12.00")
    till.sandbox.misbehave("drop_after")
    till.charge(lost)
    waiting = till.request(held, "15.00")
    with till.work() as session:
        client = clients.get_client(session, till.client.id)
        auto_payment.save_auto_payment(
            session,
            client,
            AutoPayment(True, Decimal(20), Decimal(100), Decimal(500)),
        )
    return {
        "home": "/clients/",
        "why": "/clients/balance/live",
        "refill": "/clients/refill",
        "refill invoice": f"/clients/refill?invoice={invoice_id}",
        "cards": "/clients/cards",
        "auto payment": "/clients/auto-payment",
        "transactions": "/clients/transactions",
        "nothing matches": "/clients/transactions?type=charge&period=last_month&after=x",
        "charge": f"/clients/transactions/{taken_back}",
        "correction": f"/clients/transactions/{reversal}",
        "payment": f"/clients/transactions/{paid}",
        "receipt": f"/clients/transactions/{paid}/receipt",
        "statement": "/clients/statement",
        "profile": "/clients/profile",
        "second factor": "/clients/account/second-factor",
        "invoices": "/clients/invoices",
        "invoice": f"/clients/invoices/{invoice_id}",
        "paid": f"/clients/refill/{paid}",
        "declined": f"/clients/refill/{refused}",
        "held": f"/clients/refill/{review}",
        "unknown": f"/clients/refill/{lost}",
        "waiting": f"/clients/refill/{waiting}",
    }


def test_every_page_can_be_used_by_everybody(
    open_page: Callable[..., Page], address: str, full: dict[str, str]
) -> None:
    page = open_page("/clients/", viewport=WIDE)
    for path in full.values():
        page.goto(f"{address}{path}")
        check(page)
        turn_into_a_phone_in_the_dark(page)
        check(page)
        page.set_viewport_size(WIDE)
        page.emulate_media(color_scheme="light")


# laid out anew, and what glides from one colour to the other has arrived
SETTLED = """async width => {
  const glides = one => one.playState === 'running'
    && Number.isFinite(one.effect.getComputedTiming().endTime);
  while (innerWidth !== width || document.getAnimations().some(glides))
    await new Promise(done => setTimeout(done, 20));
}"""


def turn_into_a_phone_in_the_dark(page: Page) -> None:
    """The page as it stands, in the other window and the other colours."""
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size(PHONE)
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    page.evaluate(SETTLED, PHONE["width"])


def test_every_page_of_a_new_client_can_be_used_by_everybody(
    open_page: Callable[..., Page], address: str, till: Till
) -> None:
    page = open_page("/clients/")
    for path in ("", "balance/live", "refill", "cards", "auto-payment", "transactions", "invoices",
                 "statement", "packages", "profile"):  # fmt: skip
        page.goto(f"{address}/clients/{path}")
        check(page)


def test_a_client_saves_a_card_refills_and_reads_why(
    open_page: Callable[..., Page], address: str, till: Till, worker: None
) -> None:
    page = open_page("/clients/cards")
    page.get_by_role("button", name="Add a card").click()
    fill_in_card(page, till)
    expect(page).to_have_url(f"{address}/clients/cards")
    expect(page.get_by_text("Visa ending 1111 is saved.")).to_be_visible()

    page.get_by_role("link", name="Refill", exact=True).first.click()
    page.get_by_role("radio", name="50.00 USD").check()
    page.get_by_role("button", name="Pay 50.00 USD").click()
    expect(page.get_by_text("50.00 USD is paid")).to_be_visible()
    expect(page.get_by_text("Available now: 50.00 USD")).to_be_visible()
    expect(page.locator("[hx-trigger]")).to_have_count(0)
    check(page)

    page.get_by_role("link", name="Receipt").click()
    expect(page.get_by_role("heading", name="Receipt")).to_be_visible()
    expect(page.get_by_text("Card payment, Visa …1111")).to_be_visible()
    check(page)
    page.get_by_role("link", name="Payment", exact=True).click()
    expect(page.get_by_role("heading", name="Card payment, Visa …1111")).to_be_visible()
    page.get_by_text("How it is booked").click()
    expect(page.get_by_text("Your Live balance", exact=True)).to_be_visible()
    check(page)
    assert till.taken() == ["50.00"]


def test_a_client_pays_with_another_card_and_the_way_back_is_short(
    open_page: Callable[..., Page], address: str, till: Till, worker: None
) -> None:
    page = open_page("/clients/refill")
    page.get_by_role("radio", name="Other amount").check()
    page.get_by_role("textbox", name="Other amount").fill("12,5")
    page.get_by_role("button", name="Pay this amount").click()
    page.wait_for_url(f"{till.sandbox.hosted_url}/**")
    # the page in between left no trace: Back leads to the form, and forward again pays once
    page.go_back()
    expect(page).to_have_url(f"{address}/clients/refill")
    page.get_by_role("radio", name="Other amount").check()
    page.get_by_role("textbox", name="Other amount").fill("12.50")
    page.get_by_role("button", name="Pay this amount").click()
    page.wait_for_url(f"{till.sandbox.hosted_url}/**")
    fill_in_card(page, till)
    expect(page.get_by_text("12.50 USD is paid")).to_be_visible()
    assert till.taken() == ["12.50"]


def test_two_fast_taps_are_one_charge(
    open_page: Callable[..., Page], till: Till, worker: None
) -> None:
    till.save_card()
    page = open_page("/clients/refill")
    page.get_by_role("button", name="Pay 25.00 USD").dblclick()
    expect(page.get_by_text("25.00 USD is paid")).to_be_visible()
    assert till.taken() == ["25.00"]


def test_the_progress_survives_a_reload(open_page: Callable[..., Page], till: Till) -> None:
    refill_id = till.request(till.save_card(), "10.00")
    page = open_page(f"/clients/refill/{refill_id}")
    expect(page.get_by_text("10.00 USD is on its way")).to_be_visible()
    page.reload()
    expect(page.get_by_text("10.00 USD is on its way")).to_be_visible()
    till.charge(refill_id)
    expect(page.get_by_text("10.00 USD is paid")).to_be_visible()


def test_without_scripts_a_button_leads_to_the_gateway_and_back(
    open_page: Callable[..., Page], address: str, till: Till
) -> None:
    page = open_page("/clients/cards", java_script_enabled=False)
    page.get_by_role("button", name="Add a card").click()
    page.get_by_role("button", name="Continue").click()
    fill_in_card(page, till)
    page.get_by_role("button", name="Show what I saved").click()
    expect(page).to_have_url(f"{address}/clients/cards")
    expect(page.get_by_text("Visa ending 1111 is saved.")).to_be_visible()


def test_a_card_is_removed_only_after_a_question(
    open_page: Callable[..., Page], till: Till
) -> None:
    till.save_card()
    page = open_page("/clients/cards")
    page.get_by_role("button", name="Remove").click()
    expect(page.locator("#confirm")).to_contain_text("Remove Visa ending 1111?")
    check(page)
    page.locator("#confirm").get_by_role("button", name="Remove").click()
    expect(page.get_by_text("No card is saved")).to_be_visible()


def test_the_pdf_of_an_invoice_is_downloaded(open_page: Callable[..., Page], till: Till) -> None:
    story.charge(till, "12.40", "Calls to Germany, mobile", days_ago=15)
    invoice_id = story.invoice(till, days_ago=12, length=17, with_file=True)
    page = open_page(f"/clients/invoices/{invoice_id}")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download PDF").click()
    assert download.value.suggested_filename.endswith(".pdf")


def fill_in_card(page: Page, till: Till) -> None:
    """What a person types on the gateway's page."""
    page.wait_for_url(f"{till.sandbox.hosted_url}/**")
    for name, text in {
        "card_number": "4111 1111 1111 1111", "expiry": "09/31", "card_code": "900",
        "first_name": "Zoë", "last_name": "Müller", "address": "1 Main St", "zip": "10001",
    }.items():  # fmt: skip
        page.locator(f"[name={name}]").fill(text)
    page.locator("form button").first.click()
