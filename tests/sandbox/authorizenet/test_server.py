"""The sandbox as a program: memory, webhooks, pages for people, the control API."""

import json
import sqlite3
from contextlib import closing
from decimal import Decimal

import pytest
import requests

from payments.gateways.base import ChargeRequest, HostedPaymentRequest, Outcome
from tests.sandbox.authorizenet_server import Browser, running_sandbox
from tests.sandbox.webhook_receiver import receiving


@pytest.fixture
def gateway(acme):
    gateway = acme.gateway()
    yield gateway
    gateway.close()


@pytest.fixture
def charge(acme, gateway):
    customer_ref = gateway.create_customer(merchant_customer_id="client-1").value
    card = acme.save_card(customer_ref)

    def pay(key, **changes):
        values = {
            "key": key,
            "amount": Decimal("10.00"),
            "currency": "USD",
            "customer_profile_ref": customer_ref,
            "payment_profile_ref": card,
        }
        return gateway.charge(ChargeRequest(**{**values, **changes}))

    return pay


@pytest.fixture
def receiver(acme, charge):
    """A webhook address, known from now on."""
    with receiving() as receiver:
        acme.sandbox.add_merchant(acme.login, webhook_urls=[receiver.url])
        yield receiver


def key_of(posted):
    return json.loads(posted.raw)["payload"]["invoiceNumber"]


def get(url, **options):
    with requests.Session() as session:
        session.trust_env = False
        return session.get(url, timeout=20, **options)


def merchant_link(merchant):
    """The address of an account's page, as a person finds it."""
    rows = get(merchant.sandbox.hosted_url).text.split("<tr>")
    row = next(row for row in rows if f"<code>{merchant.login}</code>" in row)
    return merchant.sandbox.hosted_url + row.split('href="')[1].split('"')[0]


def every_value(state):
    """All values of all tables of a state file, as text."""
    with closing(sqlite3.connect(state)) as database:
        tables = [
            row[0]
            for row in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
        ]
        return {
            str(value)
            for table in tables
            for row in database.execute(f"SELECT * FROM {table}")
            for value in row
        }


def test_state_outlives_a_kill_and_holds_no_card_number(tmp_path):
    state = tmp_path / "state.sqlite"
    with running_sandbox(state) as sandbox:
        merchant = sandbox.add_merchant("acme")
        gateway = merchant.gateway()
        page = gateway.hosted_payment_page(
            HostedPaymentRequest(
                key="PAGE-1",
                amount=Decimal("10.00"),
                currency="USD",
                return_url="http://127.0.0.1:9/",
                cancel_url="http://127.0.0.1:9/",
            )
        ).value
        with Browser() as browser:
            browser.fill_in(page.url, page.form_fields["token"], card_code="987")
        gateway.close()
        before = sandbox.charges()

        sandbox.kill()
        sandbox.start()

        assert sandbox.charges() == before
        assert len(before) == 1
        stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())
        assert b"4111111111111111" not in stored
        assert "987" not in every_value(state)


def test_a_webhook_is_repeated_as_often_as_told(acme, charge, receiver):
    acme.sandbox.control("webhooks", repeat=5)
    charge("K1")

    bodies = {receiver.next().raw for _ in range(5)}

    assert len(bodies) == 1


def test_webhooks_can_come_in_the_wrong_order(acme, charge, receiver):
    acme.sandbox.control("webhooks", is_on=False, newest_first=True)
    charge("K1")
    charge("K2")
    assert receiver.is_empty()

    assert acme.sandbox.control("webhooks/deliver")["sent"] == 2

    assert [key_of(receiver.next()) for _ in range(2)] == ["K2", "K1"]


def test_a_refused_webhook_is_sent_again(acme, charge, receiver):
    receiver.status = 500
    charge("K1")
    first = receiver.next()
    receiver.status = 200

    second = receiver.next()

    assert second.raw == first.raw


def test_a_webhook_that_is_refused_ten_times_is_switched_off(acme, charge, receiver):
    acme.sandbox.control("webhooks", is_on=False)
    receiver.status = 500
    charge("K1")
    for _ in range(10):
        acme.sandbox.control("webhooks/deliver")
    charge("K2")

    (delivery,) = acme.sandbox.control("webhooks/list", login=acme.login)["deliveries"]

    assert (delivery["state"], delivery["attempts"]) == ("given up", 10)


def test_a_lost_charge_announces_itself_all_the_same(acme, charge, receiver):
    acme.sandbox.misbehave("drop_after")

    assert charge("K1").outcome is Outcome.UNKNOWN

    assert key_of(receiver.next()) == "K1"


def test_faults_with_a_probability_repeat_with_their_seed(acme, charge):
    def outcomes(prefix):
        acme.sandbox.control("chaos/clear")
        acme.sandbox.control("chaos", fault="drop_before", probability=0.5, seed=7)
        return [charge(f"{prefix}{number}").outcome for number in range(12)]

    first = outcomes("A")

    assert first == outcomes("B")
    assert {Outcome.APPROVED, Outcome.UNKNOWN} == set(first)


def test_people_see_charges_and_can_decide_what_is_held(acme, gateway, charge):
    held_card = acme.save_card(
        gateway.create_customer(merchant_customer_id="client-1").value, zip="46290"
    )
    ref = charge("HELD-1", payment_profile_ref=held_card).gateway_ref
    link = merchant_link(acme)

    page = get(link)
    assert "HELD-1" in page.text
    with Browser() as browser:
        browser.post(f"{link}/transactions/{ref}/approve", {})
        browser.post(f"{link}/settle", {})

    (held,) = acme.charges("HELD-1")
    assert held["status"] == "settledSuccessfully"


def test_pages_run_no_script_and_no_inline_style(acme, charge):
    charge("<script>alert(1)")
    for address in (acme.sandbox.hosted_url, merchant_link(acme)):
        page = get(address)
        policy = page.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "<script" not in page.text
        assert " style=" not in page.text
    assert (
        get(f"{acme.sandbox.hosted_url}/sandbox.css").headers["Content-Type"].startswith("text/css")
    )


def test_commands_must_be_json_so_that_no_foreign_page_can_send_them(sandbox):
    with requests.Session() as session:
        session.trust_env = False
        response = session.post(f"{sandbox.hosted_url}/control/reset", data={"a": "b"}, timeout=20)

    assert response.status_code == 415


def test_a_foreign_page_cannot_press_the_buttons(acme, charge):
    charge("K1")
    with requests.Session() as session:
        session.trust_env = False
        session.post(
            f"{merchant_link(acme)}/settle",
            headers={"Sec-Fetch-Site": "cross-site"},
            timeout=20,
        )

    assert acme.charges("K1")[0]["status"] == "capturedPendingSettlement"


def test_reset_forgets_all(tmp_path):
    with running_sandbox(tmp_path / "state.sqlite") as sandbox:
        merchant = sandbox.add_merchant("acme")
        gateway = merchant.gateway()
        gateway.create_customer(merchant_customer_id="client-1")
        gateway.close()

        sandbox.control("reset")

        assert "acme" not in get(sandbox.hosted_url).text
