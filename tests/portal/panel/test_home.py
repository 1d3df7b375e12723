"""The overview: what the client has, what it owes and why, and what comes next."""

from decimal import Decimal

from payments import auto_payment
from payments.auto_payment import AutoPayment
from tenants import clients
from tenants.clients import General
from tests.payments.till import Till
from tests.portal.browser import Browser
from tests.portal.panel import story
from tests.portal.panel.pages import words


def save_auto(till: Till, **block) -> None:
    with till.work() as session:
        client = clients.get_client(session, till.client.id)
        auto_payment.save_auto_payment(session, client, AutoPayment(**block))


def test_a_new_client_reads_its_name_its_provider_and_that_nothing_happened(me: Browser) -> None:
    text = words(me.get("/clients/"))

    assert "Client of Acme" in text
    assert "Your account with Acme" in text
    assert "Nothing is left to use. Refill to go on." in text
    assert "Everything that was invoiced is paid." in text
    assert "Nothing was used or paid in the last 30 days." in text
    assert "Your payments and charges will stand here." in text
    assert "Automatic payment is off" in text


def test_the_three_balances_and_what_is_owed_are_told(me: Browser, till: Till) -> None:
    story.pay(till, "100", days_ago=20)
    story.charge(till, "30", "Calls", days_ago=12)
    story.invoice(till)
    story.charge(till, "12.5", "Calls", days_ago=1)

    text = words(me.get("/clients/"))

    assert "Live What you have paid, less what you have used until now. 57.50 USD" in text
    assert "Fixed What you have paid, less what was invoiced. 70.00 USD" in text
    taken = "It is taken off Live already; your next invoice will show it."
    assert f"Used, not invoiced yet {taken} 12.50 USD" in text
    assert "Used 42.50 USD" in text
    assert "Paid in 100.00 USD" in text


def test_an_open_invoice_is_told_with_its_due_day_and_a_way_to_pay(me: Browser, till: Till) -> None:
    story.charge(till, "30", "Calls", days_ago=12)
    invoice_id = story.invoice(till)

    page = me.get("/clients/")

    assert "One invoice is overdue." in words(page)
    assert "Open invoices One invoice is not paid in full. 30.00 USD" in words(page)
    assert f"/clients/refill?invoice={invoice_id}" in page.text


def test_the_bars_have_a_table_that_says_every_day(me: Browser, till: Till) -> None:
    story.charge(till, "10", days_ago=2)
    story.charge(till, "5", days_ago=40)

    page = me.get("/clients/")

    assert page.text.count('class="month-bar"') == 1
    assert page.text.count('class="month-slot"') == 30
    assert page.text.count('<th scope="row">') == 30


def test_a_reversed_charge_is_not_counted_as_used(me: Browser, till: Till) -> None:
    story.reverse(till, story.charge(till, "10"))

    text = words(me.get("/clients/"))

    assert "Nothing was used or paid in the last 30 days." in text
    assert "taken back" in text
    assert "correction" in text


def test_the_next_automatic_charge_is_told_with_its_reason(me: Browser, till: Till) -> None:
    till.save_card()
    save_auto(till, enabled=True, extra_amount=Decimal(20))
    story.charge(till, "5")

    text = words(me.get("/clients/"))

    assert (
        "25.00 USD would be charged now because your available balance is used up."
        " Your extra amount is included." in text
    )


def test_a_stopped_client_is_told_so_and_whom_to_ask(me: Browser, till: Till) -> None:
    with till.work() as session:
        client = clients.get_client(session, till.client.id)
        clients.update_client(
            session,
            client.id,
            version=client.version,
            general=General(client.name, client.currency, client.timezone, "stop"),
        )

    page = me.get("/clients/")

    assert "Your account is stopped" in words(page)
    assert "mailto:office@acme.example" in page.text


def test_a_payment_that_is_not_final_is_on_the_overview(me: Browser, till: Till) -> None:
    refill_id = till.request(till.save_card(), "10.00")

    page = me.get("/clients/")

    assert "A payment of 10.00 USD is not final yet." in words(page)
    assert f"/clients/refill/{refill_id}" in page.text


def test_every_balance_opens_into_its_entries(me: Browser, till: Till) -> None:
    story.add_tax(till)
    story.pay(till, "100", "Bank transfer")
    story.charge(till, "10", "Setup")

    text = words(me.get("/clients/balance/live"))

    assert "Payments 100.00" in text
    assert "Charges -11.90" in text
    assert "Live 88.10 USD" in text
    assert "1.90 of it is tax" in text
    for name in ("available", "fixed"):
        assert me.get(f"/clients/balance/{name}").status_code == 200
    assert me.get("/clients/balance/secret").status_code == 404


def test_the_entries_go_on_a_page_at_a_time(me: Browser, till: Till) -> None:
    for n in range(52):
        story.pay(till, "1", f"Payment {n}")

    first = words(me.get("/clients/balance/live"))
    assert "Payment 51" in first
    assert "Payment 0 " not in first
    import re

    older = re.search(r"before=(\d+)", me.get("/clients/balance/live").text)
    assert "Payment 0 " in words(me.get(f"/clients/balance/live?before={older[1]}"))


def test_nothing_of_another_client_is_on_it(
    me: Browser, stranger: Browser, till: Till, other_till: Till
) -> None:
    story.charge(till, "30", "Secret of Acme", days_ago=12)
    story.invoice(till)

    for path in (
        "/clients/",
        "/clients/balance/live",
        "/clients/transactions",
        "/clients/invoices",
    ):
        assert "Secret of Acme" not in stranger.get(path).text
        assert "30.00" not in stranger.get(path).text


def test_an_address_may_end_in_a_slash_or_not(me: Browser) -> None:
    assert me.get("/clients/refill/").status_code == 200
    assert me.get("/clients/transactions").status_code == 200
