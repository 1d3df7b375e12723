"""The page of one client, and why each balance is what it is."""

import pytest

from payments.auto_payment import AutoPayment
from tests.factories.cast import Client, Tenant, make_client
from tests.portal.browser import HTMX, Browser
from tests.portal.office import desk


@pytest.fixture
def address(acme_client: Client) -> str:
    return f"/office/clients/{acme_client.id}"


def test_balances_and_the_latest_of_everything_are_shown(
    as_owner: Browser, acme: Tenant, acme_client: Client, address: str
) -> None:
    desk.pay(acme, acme_client, "100", description="A transfer")
    desk.charge(acme, acme_client, "30", description="Porting", dated_at=desk.some_days_ago())
    desk.invoice(acme, acme_client)
    desk.mail(acme, acme_client, "Your receipt")

    text = as_owner.get(address).text

    for words in ("A transfer", "Porting", "Your receipt", "INV", "Orbit Calls Ltd"):
        assert words in text, words
    assert ">70.00" in text


@pytest.mark.parametrize(
    ("name", "words"),
    [("available", "Credit allowed"), ("live", "Charges"), ("fixed", "Payments")],
)
def test_every_balance_opens_into_its_entries_and_is_proven(
    as_owner: Browser, acme: Tenant, acme_client: Client, address: str, name: str, words: str
) -> None:
    desk.pay(acme, acme_client, "100", description="A transfer")
    desk.charge(acme, acme_client, "30")

    answer = as_owner.get(f"{address}/why/{name}", headers=HTMX)

    assert answer.text.lstrip().startswith('<div id="why"')
    assert '"dialog:open"' in answer.headers["HX-Trigger"]
    assert words in answer.text
    assert "A transfer" in answer.text
    assert "Proven" in answer.text


def test_older_entries_are_on_the_next_page(
    as_owner: Browser, acme: Tenant, acme_client: Client, address: str
) -> None:
    for number in range(52):
        desk.pay(acme, acme_client, "1", description=f"Payment {number:02}")

    first = as_owner.get(f"{address}/why/live").text
    before = first.split("before=")[1].split('"')[0]
    second = as_owner.get(f"{address}/why/live?before={before}").text

    assert "Newest" not in first
    assert "Newest" in second
    assert "Payment 51" in first
    assert "Payment 00" not in first
    assert "Payment 00" in second
    assert "Proven" in second


def test_a_balance_that_does_not_exist_is_not_found(as_owner: Browser, address: str) -> None:
    assert as_owner.get(f"{address}/why/secret").status_code == 404


def test_the_next_automatic_charge_is_told_in_words(
    as_owner: Browser, acme: Tenant, acme_client: Client, address: str
) -> None:
    assert "Auto payment is off." in as_owner.get(address).text


def test_a_suspended_auto_payment_can_be_resumed(as_owner: Browser, acme: Tenant) -> None:
    client = make_client(acme, "Declined Ltd", auto=AutoPayment(enabled=True))
    desk.suspend(acme, client)
    address = f"/office/clients/{client.id}"
    assert "Auto payment is suspended" in as_owner.get(address).text

    first = as_owner.post(f"/office/refills/resume/{client.id}")
    second = as_owner.post(f"/office/refills/resume/{client.id}")

    assert (first.status_code, second.status_code) == (303, 303)
    assert "Auto payment is suspended" not in as_owner.get(address).text


def test_a_viewer_sees_the_page_without_buttons_that_write(
    as_viewer: Browser, acme: Tenant, acme_client: Client, address: str
) -> None:
    text = as_viewer.get(address).text

    assert "Orbit Calls" in text
    for words in (
        "New payment",
        "New charge",
        "Invoice now",
        "Edit",
        'method="post" action="/office',
    ):
        assert words not in text, words


def test_names_of_clients_are_never_markup(as_owner: Browser, acme: Tenant) -> None:
    client = make_client(acme, "<script>alert(1)</script> & Sons")

    for address in ("/office/clients/", f"/office/clients/{client.id}"):
        text = as_owner.get(address).text
        assert "<script>alert" not in text
        assert "&lt;script&gt;" in text
