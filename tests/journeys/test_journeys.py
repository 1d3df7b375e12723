"""What people do with the portal, from one end to the other, in a real browser on the real site."""

import io
import re
from datetime import date, timedelta
from decimal import Decimal

import pytest
from playwright.sync_api import Page, expect
from pypdf import PdfReader

from core.clock import now
from tests.journeys.pages import troubles_in_the_dark, troubles_of, walk_pages
from tests.journeys.people import (
    COMET,
    ORBIT,
    ORBIT_EMAIL,
    ORBIT_PASSWORD,
    PanelClient,
    Staff,
)
from tests.journeys.site import Site, wait_for

pytestmark = [pytest.mark.journey, pytest.mark.timeout(280)]


def days_ago(days: int) -> date:
    return now().date() - timedelta(days=days)


def text_of_pdf(content: bytes) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(content)).pages)


def test_from_a_new_client_to_a_paid_card_and_an_invoice_in_the_mailbox(
    site: Site, owner: Staff, client: PanelClient, stranger: Staff
) -> None:
    # the reseller makes a client and its panel login
    owner.signs_in("owner@acme.example")
    owner.makes_client(ORBIT, login="orbit", password=ORBIT_PASSWORD, email=ORBIT_EMAIL)

    # the client signs in and saves a card on the gateway's own page
    client.signs_in("orbit", ORBIT_PASSWORD)
    assert client.available() == Decimal("10.00")
    client.saves_card()
    client.reads("1111")

    # the client refills by it, and the balance moves
    client.refills("50.00")
    client.reads("60.00")
    assert client.available() == Decimal("60.00")

    # why the balance is what it is stands one tap away, and so does the transaction
    client.follows("Why this amount?")
    client.reads("50.00")
    client.page.locator(".movements a").first.click()
    client.reads("How it is booked")

    # the owner charges the client until nothing is left: 100.00 and 7.25 of tax
    owner.opens_client(ORBIT)
    owner.charges_client("100", "Calls to Japan, fixed", on=days_ago(5))
    owner.turns_on_invoicing(last_invoiced_on=days_ago(11))

    # the worker charges the card by itself: 47.25 that is missing, and 20 more
    wait_for("the card to be charged", lambda: client.available() == Decimal("20.00"))
    taken = [Decimal(charge["amount"]) for charge in site.charges() if "orbit" not in charge]
    assert Decimal("50.00") in taken
    assert Decimal("67.25") in taken
    told = wait_for("the mail about it", lambda: _mails(site, "67.25"))
    assert len(told) == 1

    # the other reseller sees none of it, in no list and by no search
    stranger.signs_in("owner@globex.example")
    for name in ("clients", "transactions", "invoices", "refills", "mail", "events", "audit"):
        stranger.finds_nothing(f"/office/{name}/", "Orbit")
        expect(stranger.page.locator("#main")).not_to_contain_text(ORBIT)

    # the invoice reaches the mailbox by itself, with its PDF
    mail = wait_for("the invoice", lambda: _mails(site, "invoice"))[0]
    (attached,) = mail.attachments
    assert attached.content_type == "application/pdf"
    text = text_of_pdf(attached.content)
    assert ORBIT in text
    assert "Calls to Japan, fixed" in text
    assert "107.25" in text

    # in the panel it is the very same file
    client.goes_to("/clients/invoices")
    client.page.locator("#main a[href*='/clients/invoices/']:not([href*=credit])").first.click()
    assert client.downloads("Download PDF") == attached.content
    assert site.failures() == []


def _mails(site: Site, about: str) -> list:
    return [
        mail
        for mail in site.mailbox.messages(to=ORBIT_EMAIL)
        if about.lower() in f"{mail.subject}\n{mail.text}".lower() and _is_kind(mail, about)
    ]


def _is_kind(mail, about: str) -> bool:
    return bool(mail.attachments) == (about == "invoice")


def test_a_declined_card_says_why(site: Site, client: PanelClient) -> None:
    client.signs_in("comet")
    before = client.available()
    client.refills("25.00")
    client.reads("declined")
    expect(client.page.get_by_role("link", name="Try again")).to_be_visible()
    assert client.available() == before


def test_a_wrong_password_opens_nothing(site: Site, client: PanelClient, open_page) -> None:
    client.signs_in("comet", "not this one at all")
    client.reads("The login or the password is not")
    client.goes_to("/clients/invoices")
    expect(client.page).to_have_url(re.compile("/clients/login"))

    owner = Staff(open_page(), site.url)
    owner.signs_in("owner@acme.example", "not this one at all")
    owner.reads("The e-mail address or the password is not")
    owner.goes_to("/office/clients/")
    expect(owner.page).to_have_url(re.compile("/login"))


def test_a_session_that_was_ended_elsewhere_is_over(
    site: Site, client: PanelClient, open_page
) -> None:
    elsewhere = PanelClient(open_page(), site.url)
    for person in (client, elsewhere):
        person.signs_in("comet")
        expect(person.page.get_by_text(COMET).first).to_be_visible()
    elsewhere.goes_to("/clients/account")
    elsewhere.presses("End", elsewhere.page)
    elsewhere.presses("End", elsewhere.page.locator("#confirm"))
    elsewhere.reads("The session has ended.")

    client.page.reload()
    client.reads("Your session has ended.")


def test_after_sign_out_back_shows_nothing(client: PanelClient) -> None:
    client.signs_in("comet")
    client.goes_to("/clients/transactions")
    client.reads("Bank transfer")
    client.signs_out()
    client.page.go_back()
    _shows_no_secret(client.page)
    client.page.go_back()
    _shows_no_secret(client.page)


def _shows_no_secret(page: Page) -> None:
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    expect(page.get_by_text("Bank transfer")).to_have_count(0)


# Answers that are no page of their own, each with the reason.
NO_PAGES = {
    "office_invoices.credit_note_pdf": "a file",
    "office_invoices.edit_incoming": "of one that came: test_incoming_invoices walks it",
    "office_clients.download_file": "a file",
    "office_clients.edit_note": "a dialog of one's own note: test_client_page walks it",
    "office_clients.search_options": "what a field could mean, asked for while one types",
    "office_list_views.edit": "a dialog of a chosen view: test_clients_list walks it",
    "office_list_views.new": "a dialog of a narrowed list: test_clients_list walks it",
    "office_clients.similar_names": "a part of the client form, asked for while one types",
    "office_imports.example_csv": "a file",
    "office_invoice_templates.standard_source": "a file",
    "office_imports.example_xlsx": "a file",
    "office_imports.show": "a file's own page, looked at in test_tasks.py",
    "office_mail.attachment": "a file",
    "office_mail_templates.html": "a mail in a frame without rights, drawn for the editor",
    "office_mass_edit.new": "opened with picked rows, looked at in test_tasks.py",
    "office_currencies.edit_rate": "a dialog of a rate: test_taxes_and_currencies walks such forms",
    "office_payment_accounts.edit": "a dialog of an own account, of which there is none",
    "office_suretax.answer": "of an invoice taxed by SureTax: looked at in test_suretax.py",
    "office_suretax.wait": "of an invoice that waits for SureTax: looked at in test_suretax.py",
    "office_reports.aging_invoices": "what stands behind a figure, and nothing is open",
    "office_pending.ask": "a dialog of a card payment: test_afterwards walks it",
    "office_pending.preview": "a part of that dialog, asked for while one types",
    "office_reconciliation.end_form": "a dialog of a difference, of which there is none",
    "office_reconciliation.runs": "a box that asks for itself while a comparison runs",
    "office_packages.change": "a dialog of a subscription: test_packages walks it",
    "office_packages.edit": "a dialog of a package: test_packages walks it",
    "office_packages.end": "a dialog of a subscription: test_packages walks it",
    "office_packages.show": "a subscription's own page, looked at in test_packages.py",
    "office_packages.show_usage": "a file's own page, looked at in test_packages.py",
    "office_packages.usage_example": "a file",
    "office_tasks.export_clients": "opened for a list, looked at in test_tasks.py",
    "office_tasks.result": "a file",
    "office_tasks.show": "a task's own page, looked at in test_tasks.py",
    "office_mail.html_body": "somebody's mail in a frame without rights, drawn by its sender",
    "office_invoices.allocate_payment": "of one payment, looked at in test_invoices.py",
    "office_invoices.charges": "a file",
    "office_invoices.pdf": "a file",
    "office_invoices.xlsx": "a file",
    "office_invoices.zip_result": "a file",
    "office_payment_imports.reverse_form": "a dialog of an opening balance, of which there is none",
    "office_payment_imports.show": "a file's own page, as that of clients",
    "office_reports.balance_saved_edit": "a dialog of a saved report, of which there is none",
    "office_resellers.next_number": "a part of the form, asked for while one types",
    "office_resellers.page": "of a reseller beneath; looked at in test_company",
    "office_resellers.show": "leads on to the first page of its settings",
    "office_settings.next_number": "a part of the form, asked for while one types",
    "office_transactions.preview_amount": "a part of the form, asked for while one types",
    "office_sign_ups.ask_approve": "a dialog of somebody who waits: test_vouchers walks it",
    "office_sign_ups.ask_refuse": "a dialog of somebody who waits: test_vouchers walks it",
    "office_vouchers.ask_series": "a dialog of a series: test_vouchers walks it",
    "office_vouchers.ask_voucher": "a dialog of a voucher: test_vouchers walks it",
    "office_vouchers.show": "a series' own page, looked at in test_vouchers.py",
    "panel_vouchers.show": "what came of a PIN, looked at in test_vouchers.py",
    "panel_cards.come_back": "leads on to the cards by itself",
    "panel_invoices.credit_note_file": "a file",
    "panel_invoices.statement": "a file",
    "panel_invoices.download": "a file",
    "panel_refill.come_back": "leads on to the payment",
    "panel_transactions.receipt_pdf": "a file",
    "signin.panel_second_step": "between password and code: test_panel walks it",
    "signin.panel_renew_recovery_codes": "with a second factor: test_panel walks it",
    "signin.panel_disable_second_factor": "with a second factor: test_panel walks it",
}


def test_every_page_of_the_panel_suits_a_phone_and_everybody(
    site: Site, client: PanelClient, seeded: dict[str, str]
) -> None:
    client.signs_in("comet")
    # nothing leads to a payment that has ended but the page that waited for it
    starts = [
        # the first transaction that is walked is a payment, which has a receipt
        f"{site.url}/clients/transactions?type=payment",
        f"{site.url}/clients/",
        f"{site.url}/clients/refill/{seeded['refill']}",
    ]
    found = {
        endpoint: troubles_of(client.page)
        for endpoint in walk_pages(client.page, starts, "panel", NO_PAGES)
    }
    assert not any(found.values()), {name: wrong for name, wrong in found.items() if wrong}


# more than a hundred pages, each looked at twice: a loaded machine needs minutes for it
@pytest.mark.timeout(560)
def test_every_page_of_the_office_suits_everybody_in_light_and_dark(
    site: Site, owner: Staff
) -> None:
    owner.signs_in("owner@acme.example")
    found = {
        endpoint: troubles_of(owner.page) + troubles_in_the_dark(owner.page)
        for endpoint in walk_pages(owner.page, [f"{site.url}/office/"], "office", NO_PAGES)
    }
    assert not any(found.values()), {name: wrong for name, wrong in found.items() if wrong}
