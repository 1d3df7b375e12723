"""Invoices: list with totals, page, file, mail again, and one made by hand."""

from datetime import timedelta
from uuid import UUID

import pytest

from billing.invoice_models import Invoice
from core.clock import now
from core.ids import new_id
from mail.models import MailMessage
from tests.factories.cast import Client, Tenant, make_client
from tests.portal.browser import HTMX, Browser
from tests.portal.office import desk

LIST = "/office/invoices/"


@pytest.fixture
def issued(acme: Tenant, acme_client: Client) -> UUID:
    desk.charge(acme, acme_client, "40", description="Trunk", dated_at=desk.some_days_ago())
    return desk.invoice(acme, acme_client)


def test_the_list_shows_what_is_open_and_sums_it(
    as_owner: Browser, acme: Tenant, acme_client: Client, issued: UUID
) -> None:
    desk.pay(acme, acme_client, "15")

    text = as_owner.get(LIST).text

    assert "1 invoice in USD" in text
    assert text.count(">25.00") == 2, "open of the invoice, and of all"


def test_filters_by_paid_state_period_and_client(
    as_owner: Browser, acme: Tenant, acme_client: Client, issued: UUID
) -> None:
    number = desk.stored(acme, Invoice)[0].number

    def has(query: str) -> bool:
        return number in as_owner.get(LIST + query).text

    assert has("?paid=open")
    assert has("?paid=unpaid")
    assert not has("?paid=paid")
    assert not has("?paid=overdue"), "due today is not overdue"
    assert has("?state=to_send")
    assert not has("?state=to_verify")
    assert has("?period=today")
    assert not has("?period=last_month")
    assert has(f"?client={acme_client.id}")
    assert has(f"?q={number}")
    assert has("?q=orbit")
    assert not has("?q=nobody")


def test_an_invoice_is_overdue_on_the_day_after_it_is_due(
    as_owner: Browser, acme: Tenant, issued: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    two_days_later = now() + timedelta(days=2)
    monkeypatch.setattr("core.clock.now", lambda: two_days_later)

    assert "overdue" in as_owner.get(f"{LIST}?paid=overdue").text
    assert "No invoice matches" not in as_owner.get(f"{LIST}?paid=overdue").text


def test_the_page_shows_lines_totals_and_payments(
    as_owner: Browser, acme: Tenant, acme_client: Client, issued: UUID
) -> None:
    desk.pay(acme, acme_client, "15", description="First part")

    text = as_owner.get(f"{LIST}{issued}").text

    for words in ("Trunk", "40.00", "First part", "Still open", "25.00", "orbit@client.example"):
        assert words in text, words


class TestFile:
    def test_the_same_bytes_come_every_time(self, as_owner: Browser, issued: UUID) -> None:
        first, second = (as_owner.get(f"{LIST}{issued}/pdf") for _ in range(2))

        assert first.mimetype == "application/pdf"
        assert first.data.startswith(b"%PDF")
        assert first.data == second.data
        assert first.headers["Content-Disposition"].startswith("inline")
        assert first.headers["Cache-Control"] == "no-store"

    def test_a_download_is_saved(self, as_owner: Browser, issued: UUID) -> None:
        answer = as_owner.get(f"{LIST}{issued}/pdf?download=1")

        assert answer.headers["Content-Disposition"].startswith("attachment")
        assert ".pdf" in answer.headers["Content-Disposition"]

    def test_an_invoice_to_verify_has_none(
        self, as_owner: Browser, acme: Tenant, acme_client: Client
    ) -> None:
        desk.charge(acme, acme_client, "40", dated_at=desk.some_days_ago())
        draft = desk.invoice(acme, acme_client, issue=False)

        answer = as_owner.get(f"{LIST}{draft}/pdf")
        assert (answer.status_code, answer.location) == (303, f"{LIST}{draft}")
        assert "waits to be verified" in as_owner.get(f"{LIST}{draft}").text


def test_verifying_issues_once(as_owner: Browser, acme: Tenant, acme_client: Client) -> None:
    desk.charge(acme, acme_client, "40", dated_at=desk.some_days_ago())
    draft = desk.invoice(acme, acme_client, issue=False)

    for _click in range(2):
        assert as_owner.post(f"{LIST}{draft}/issue").status_code == 303

    (row,) = desk.stored(acme, Invoice)
    assert row.state == "to_send"
    assert row.balance_after == -40


def test_sending_again_queues_one_mail_per_drawn_button(
    as_owner: Browser, acme: Tenant, issued: UUID
) -> None:
    form = {"request_id": str(new_id())}

    for _click in range(2):
        assert as_owner.post(f"{LIST}{issued}/send-again", data=form).status_code == 303
    as_owner.post(f"{LIST}{issued}/send-again", data={"request_id": str(new_id())})

    mails = desk.stored(acme, MailMessage)
    assert [mail.to_address for mail in mails] == ["orbit@client.example"] * 2


def test_sending_to_a_client_without_an_address_says_so(as_owner: Browser, acme: Tenant) -> None:
    from tenants.client_blocks import Company

    client = make_client(acme, "Silent Ltd", company=Company())
    desk.charge(acme, client, "40", dated_at=desk.some_days_ago())
    issued = desk.invoice(acme, client)

    answer = as_owner.post(
        f"{LIST}{issued}/send-again", data={"request_id": str(new_id())}, follow_redirects=True
    )

    assert "There is no e-mail address" in answer.text
    assert desk.stored(acme, MailMessage) == []


class TestByHand:
    address = "/office/invoices/new"

    def test_the_preview_shows_the_total_and_makes_nothing(
        self, as_owner: Browser, acme: Tenant, acme_client: Client
    ) -> None:
        desk.charge(acme, acme_client, "40", description="Trunk", dated_at=desk.some_days_ago())

        answer = as_owner.get(f"{self.address}?client={acme_client.id}", headers=HTMX)

        assert "Trunk" in answer.text
        assert "40.00" in answer.text
        assert desk.stored(acme, Invoice) == []

    def test_a_second_click_makes_no_second_invoice(
        self, as_owner: Browser, acme: Tenant, acme_client: Client
    ) -> None:
        desk.charge(acme, acme_client, "40", dated_at=desk.some_days_ago())
        drawn = as_owner.get(f"{self.address}?client={acme_client.id}")
        form = {
            "client": str(acme_client.id),
            "invoice_id": desk.hidden(drawn, "invoice_id"),
            "last_on": desk.some_days_ago(1).date().isoformat(),
            "issue": "y",
        }

        answers = [as_owner.post(self.address, data=form) for _click in range(2)]

        (row,) = desk.stored(acme, Invoice)
        assert [answer.location for answer in answers] == [f"{LIST}{row.id}"] * 2
        assert row.state == "to_send"

    def test_unticked_it_waits_to_be_verified(
        self, as_owner: Browser, acme: Tenant, acme_client: Client
    ) -> None:
        desk.charge(acme, acme_client, "40", dated_at=desk.some_days_ago())
        form = {
            "client": str(acme_client.id),
            "invoice_id": str(new_id()),
            "last_on": desk.some_days_ago(1).date().isoformat(),
        }

        as_owner.post(self.address, data=form)

        assert desk.stored(acme, Invoice)[0].state == "to_verify"

    @pytest.mark.parametrize("last_on", ["2001-01-01", "2099-01-01", "", "tomorrow"])
    def test_a_day_out_of_range_is_told(
        self, as_owner: Browser, acme: Tenant, acme_client: Client, last_on: str
    ) -> None:
        desk.charge(acme, acme_client, "40", dated_at=desk.some_days_ago())
        form = {"client": str(acme_client.id), "invoice_id": str(new_id()), "last_on": last_on}

        answer = as_owner.post(self.address, data=form)

        assert answer.status_code == 422
        assert 'href="#last_on"' in answer.text
        assert desk.stored(acme, Invoice) == []

    def test_nothing_to_pay_makes_no_invoice(
        self, as_owner: Browser, acme: Tenant, acme_client: Client
    ) -> None:
        today = desk.some_days_ago(0).astimezone().date()
        drawn = as_owner.get(f"{self.address}?client={acme_client.id}")
        form = {
            "client": str(acme_client.id),
            "invoice_id": str(new_id()),
            "last_on": desk.hidden_field(drawn, "last_on") or today.isoformat(),
        }

        answer = as_owner.post(self.address, data=form)

        assert answer.status_code == 422
        assert "nothing to pay" in answer.text
        assert desk.stored(acme, Invoice) == []
