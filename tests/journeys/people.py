"""People with a browser: each method is something that a person does or sees on our pages."""

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from urllib.parse import urlsplit

from playwright.sync_api import Locator, Page, expect

from tests.factories.cast import PASSWORD

ORBIT, COMET, NEBULA = "Orbit Calls", "Comet Lines", "Nebula Voice"
ORBIT_EMAIL = "bills@orbit.example"
ORBIT_PASSWORD = "seventeen blue kettles"


@dataclass(frozen=True)
class Person:
    """Somebody at one of the site's doors."""

    page: Page
    site_url: str

    def goes_to(self, path: str) -> None:
        self.page.goto(f"{self.site_url}{path}")

    def presses(self, name: str, within: Locator | None = None) -> None:
        (within or self.page).get_by_role("button", name=name, exact=True).first.click()

    def follows(self, name: str) -> None:
        self.page.get_by_role("link", name=name, exact=True).first.click()

    def reads(self, text: str) -> None:
        expect(self.page.get_by_text(text).first).to_be_visible()

    def reads_toast(self, text: str) -> None:
        expect(self.page.get_by_role("status").filter(has_text=text).first).to_be_visible()

    def signs_out(self) -> None:
        self.page.locator(".viewer-button:visible").click()
        self.presses("Sign out")
        self.reads("You have signed out.")


@dataclass(frozen=True)
class Staff(Person):
    """Somebody of a reseller; `desk_of` stays signed in at this window (see `at_desk`)."""

    desk_of: str = ""

    def signs_in(self, email: str, password: str = PASSWORD) -> None:
        """By the form; whoever is signed in at a desk already is led past it."""
        self.goes_to("/login")
        if self.desk_of and urlsplit(self.page.url).path != "/login":
            assert (email, password) == (self.desk_of, PASSWORD), "this is somebody else's desk"
            return
        self.page.locator("[name=email]").fill(email)
        self.page.locator("[name=password]").fill(password)
        self.presses("Sign in")

    @property
    def dialog(self) -> Locator:
        return self.page.locator("#dialog")

    def fills(self, name: str, text: str) -> None:
        self.dialog.locator(f"[name={name}]").fill(text)

    def opens_client(self, name: str) -> None:
        self.goes_to("/office/clients/")
        self.page.get_by_role("searchbox").fill(name)
        self.page.get_by_role("link", name=name, exact=True).click()
        expect(self.page.get_by_role("heading", name=name).first).to_be_visible()

    def makes_client(self, name: str, *, login: str, password: str, email: str) -> None:
        """With panel login, credit, terms, auto payment."""
        self.goes_to("/office/clients/")
        self.follows("New client")
        expect(self.dialog).to_be_visible()
        self.fills("general-name", name)
        self._opens_block("Client Panel")
        self.fills("panel-login", login)
        self.fills("panel-password", password)
        self.fills("credit-credit", "10")
        self.chooses("credit-payment_terms_id", "Every week")
        self._opens_block("Auto Payment")
        self.fills("auto-extra_amount", "20")
        self.fills("company-company_name", f"{name} Ltd")
        self.fills("company-billing_email", email)
        self.presses("Save client", self.dialog)
        expect(self.dialog).not_to_be_visible()

    def turns_on_invoicing(self, last_invoiced_on: date) -> None:
        self.page.reload()  # it may still be drawing itself anew, and would take the link away
        self.page.get_by_role("link", name="Edit", exact=True).first.click()
        expect(self.dialog).to_be_visible()
        self._opens_block("Autoinvoicing")
        self.fills("invoicing-last_invoiced_on", last_invoiced_on.isoformat())
        self.presses("Save client", self.dialog)
        expect(self.dialog).not_to_be_visible()

    def charges_client(self, amount: str, description: str, on: date) -> None:
        self.follows("New charge")
        expect(self.dialog).to_be_visible()
        self.fills("amount", amount)
        self.fills("dated_on", on.isoformat())
        self.fills("description", description)
        self.presses("Book charge", self.dialog)
        expect(self.dialog).not_to_be_visible()

    def finds_nothing(self, path: str, search: str) -> None:
        """A list is searched; what is searched for is nowhere but in the search box."""
        self.goes_to(path)
        self.page.get_by_role("searchbox").fill(search)
        self.page.get_by_role("searchbox").press("Enter")
        self.page.wait_for_url("**q=**")
        expect(self.page.locator("#main tbody tr")).to_have_count(0)

    def chooses(self, name: str, beginning: str) -> None:
        """In a family of resellers the name of its own follows that of each choice."""
        choices = self.dialog.locator(f"[name={name}]")
        wanted = choices.locator("option", has_text=re.compile(rf"^\s*{re.escape(beginning)}"))
        choices.select_option(wanted.first.get_attribute("value"))

    def _opens_block(self, name: str) -> None:
        switch = self.dialog.get_by_role("switch", name=name)
        if not switch.is_checked():
            switch.check()


class PanelClient(Person):
    """A client at /clients/."""

    def signs_in(self, login: str, password: str = PASSWORD) -> None:
        self.goes_to("/clients/")
        self.page.locator("[name=login]").fill(login)
        self.page.locator("[name=password]").fill(password)
        self.presses("Sign in")

    def saves_card(self, number: str = "4111 1111 1111 1111", zip_code: str = "10001") -> None:
        """On the gateway's own page; our page never sees the number."""
        self.goes_to("/clients/cards")
        self.presses("Add a card")
        self.page.wait_for_url(re.compile(r"/customer/"))
        for name, text in {
            "card_number": number,
            "expiry": "09/31",
            "card_code": "900",
            "first_name": "Zoë",
            "last_name": "Müller",
            "address": "1 Main St",
            "zip": zip_code,
        }.items():
            self.page.locator(f"[name={name}]").fill(text)
        self.presses("Save card")
        self.page.wait_for_url(re.compile(r"/clients/cards$"))

    def refills(self, amount: str) -> None:
        """With the saved card that is offered first."""
        self.goes_to("/clients/refill")
        self.page.locator("[name=choice][value=own]").check()
        self.page.locator("[name=amount]").fill(amount)
        self.page.locator("[name=method]").first.check()
        self.page.locator(".pay-bar button").click()
        self.page.wait_for_url(re.compile(r"/clients/refill/[0-9a-f-]{36}"))

    def available(self) -> Decimal:
        self.goes_to("/clients/")
        text = self.page.locator(".balance-amount").inner_text()
        figures = re.search(r"[-−]?[\d,]+\.\d+", text)
        assert figures, text
        return Decimal(figures[0].replace("−", "-").replace(",", ""))

    def downloads(self, link: str) -> bytes:
        with self.page.expect_download() as started:
            self.follows(link)
        return started.value.path().read_bytes()
