"""When something breaks around a charge: the staff hear of it, and nothing turns in a circle."""

import base64
from datetime import timedelta
from decimal import Decimal
from functools import partial

import psycopg
import pytest
from pydantic import SecretStr
from sqlalchemy import select

from billing import payment_accounts, transactions
from core.clock import now
from core.config import Settings
from core.errors import InvariantError
from core.ids import new_id
from core.platform_uow import platform_unit_of_work
from payments import auto_payment, charging, gateway_accounts, lookups
from payments.auto_payment import AutoPayment
from payments.errors import RefillConflictError
from payments.outcomes import Recorded
from tenants.clients import General, get_client, update_client
from tenants.models import Event
from tests.payments.till import Till, later
from worker.sweeps.payments import find_waiting_refills

DETAILS = "getTransactionDetailsRequest"


def keys_are_lost(till: Till):
    """Opens gateways with a key ring that sealed nothing."""
    other = "k2:" + base64.b64encode(b"B" * 32).decode()
    settings = Settings(**{**till.settings.model_dump(), "credential_keys": SecretStr(other)})
    return partial(gateway_accounts.open_gateway, settings=settings)


def enter_payment(till: Till, transaction_id) -> None:
    with till.work() as session:
        transactions.create_payment(
            session,
            transaction_id=transaction_id,
            client_id=till.client.id,
            amount=Decimal("5.00"),
            payment_account_id=payment_accounts.get_general(session, till.tenant.id).id,
        )


@pytest.fixture
def set_balance_currency(postgres, till: Till):
    """As neither a form nor the database's own rules let anybody do it."""

    def set_currency(currency: str) -> None:
        with psycopg.connect(
            host=str(postgres.socket_dir), user="postgres", dbname="portal"
        ) as connection:
            connection.execute("set session_replication_role = replica")
            connection.execute(
                "update client_balances set currency = %s where client_id = %s",
                (currency, till.client.id),
            )

    return set_currency


def set_status(till: Till, status: str) -> None:
    with till.work() as session:
        client = get_client(session, till.client.id)
        general = General(client.name, client.currency, client.timezone, status)
        update_client(session, client.id, version=client.version, general=general)


def switch_auto_payment(till: Till, *, on: bool) -> None:
    with till.work() as session:
        client = get_client(session, till.client.id)
        auto_payment.save_auto_payment(session, client, AutoPayment(enabled=on))


def request_auto(till: Till):
    with till.work() as session:
        return auto_payment.request_due(session, till.client.id).id


def found_by_the_sweep() -> int:
    with platform_unit_of_work() as session:
        return find_waiting_refills(session)


def texts(till: Till, code: str) -> list[str]:
    with till.work() as session:
        return list(session.scalars(select(Event.text).where(Event.code == code)))


# What the gateway took and cannot be booked


def test_the_id_of_a_transaction_is_no_refill(till: Till):
    card, known = till.save_card(), new_id()
    enter_payment(till, known)
    with pytest.raises(RefillConflictError):
        till.request(card, refill_id=known)
    assert till.taken() == []


def test_money_that_cannot_be_booked_is_told_and_asked_about_again(till: Till):
    """Somebody entered a transaction under the refill's id meanwhile."""
    refill_id = till.request(till.save_card())
    enter_payment(till, refill_id)
    assert till.charge(refill_id) is Recorded.TROUBLE
    attempt = till.attempt(refill_id)
    assert (till.refill(refill_id).state, attempt.state) == ("unknown", "unknown")
    assert till.refill(refill_id).next_look_at > now()
    (text,) = texts(till, "payment_not_recorded")
    assert f"took 10.00 USD, transaction {attempt.gateway_ref}" in text
    assert "sent before with other content" in text
    assert till.live() == 5


def test_looks_at_money_that_cannot_be_booked_grow_rare_and_are_told_once(till: Till):
    refill_id = till.request(till.save_card())
    enter_payment(till, refill_id)
    till.charge(refill_id)
    for hours in range(1, 9):
        with later(hours=hours):
            assert till.look_up(refill_id) is Recorded.TROUBLE
            wait = till.refill(refill_id).next_look_at - now()
    assert wait > timedelta(minutes=59)
    assert till.events() == ["payment_not_recorded"]
    assert till.taken() == ["10.00"]


def test_money_in_another_currency_than_the_balance_is_not_booked_until_that_is_put_right(
    till: Till, set_balance_currency
):
    refill_id = till.request(till.save_card())
    set_balance_currency("EUR")
    assert till.charge(refill_id) is Recorded.TROUBLE
    assert till.live() == 0
    assert till.events() == ["payment_not_recorded"]
    set_balance_currency("USD")
    till.look_up(refill_id)
    assert till.refill(refill_id).state == "succeeded"
    assert till.live() == 10
    assert till.postings(refill_id) == 1


def test_the_ledger_takes_a_gateway_payment_in_its_own_currency_only(till: Till):
    with till.work() as session, pytest.raises(InvariantError, match="money in EUR"):
        transactions.record_gateway_payment(
            session,
            source_id=new_id(),
            client_id=till.client.id,
            amount=Decimal(10),
            currency="EUR",
            payment_account_id=payment_accounts.get_general(session, till.tenant.id).id,
            description="",
        )


def test_news_against_a_final_state_is_told_by_whoever_brings_it(till: Till):
    """The worker's own answer comes when its attempt was closed by hand."""
    refill_id = till.request(till.save_card())
    till.sandbox.misbehave("drop_after")
    till.charge(refill_id)
    lost = till.refill(refill_id)
    with till.work() as session:
        session.get(type(lost), refill_id).state = "failed"
    assert till.look_up(refill_id) is Recorded.TROUBLE
    assert "payment_not_recorded" in till.events()


# What cannot even begin


def test_a_charge_whose_credentials_do_not_open_is_put_off_and_told(till: Till):
    refill_id = till.request(till.save_card())
    with later(minutes=2):
        assert found_by_the_sweep() == 1
        with pytest.raises(InvariantError):
            charging.charge_refill(till.work, keys_are_lost(till), refill_id)
        assert till.refill(refill_id).state == "requested"
        assert found_by_the_sweep() == 0
    assert till.events() == ["payment_stuck"]
    with later(hours=10):
        with pytest.raises(InvariantError):
            charging.charge_refill(till.work, keys_are_lost(till), refill_id)
        assert till.refill(refill_id).next_look_at > now() + timedelta(minutes=59)
    assert till.events() == ["payment_stuck"]
    till.charge(refill_id)
    assert till.live() == 10


def test_a_look_whose_credentials_do_not_open_is_put_off_and_told(till: Till):
    refill_id = till.request(till.save_card())
    till.sandbox.misbehave("drop_after")
    till.charge(refill_id)
    with later(minutes=5):
        with pytest.raises(InvariantError):
            lookups.look_up_attempt(till.work, keys_are_lost(till), till.attempt(refill_id).key)
        assert till.refill(refill_id).next_look_at > now() + timedelta(minutes=4)
    assert till.events() == ["payment_stuck"]


def test_a_held_payment_that_nobody_can_read_is_told(till: Till):
    refill_id = till.request(till.save_card(zip="46290"))
    till.charge(refill_id)
    till.sandbox.misbehave("http_502", call=DETAILS, times=50)
    with later(hours=1):
        till.look_up(refill_id)
    assert till.events() == []
    for hours in (3, 30):
        with later(hours=hours):
            till.look_up(refill_id)
    assert till.refill(refill_id).state == "held"
    assert till.events() == ["payment_long_unknown"]


def test_a_held_payment_that_can_be_read_is_not_told(till: Till):
    refill_id = till.request(till.save_card(zip="46290"))
    till.charge(refill_id)
    for hours in (1, 2, 3):
        with later(hours=hours):
            till.look_up(refill_id)
    assert till.events() == []


# What nobody wants any more


@pytest.mark.parametrize("source", ["panel", "staff"])
def test_a_deleted_client_is_not_charged(till: Till, source):
    refill_id = till.request(till.save_card(), source=source)
    set_status(till, "deleted")
    assert till.charge(refill_id) is None
    refill = till.refill(refill_id)
    assert (refill.state, refill.reason) == (
        "failed",
        "The client was deleted. Nothing was charged.",
    )
    assert till.merchant.charges() == []


def test_a_stopped_client_s_own_payment_is_taken(till: Till):
    refill_id = till.request(till.save_card())
    set_status(till, "stop")
    till.charge(refill_id)
    assert till.live() == 10


def test_an_automatic_charge_is_not_made_of_a_client_stopped_since(till: Till):
    till.save_card()
    switch_auto_payment(till, on=True)
    till.owe("10")
    refill_id = request_auto(till)
    set_status(till, "stop")
    till.charge(refill_id)
    assert till.refill(refill_id).state == "failed"
    assert till.merchant.charges() == []


def test_an_automatic_charge_is_not_made_when_the_box_was_unticked_since(till: Till):
    till.save_card()
    switch_auto_payment(till, on=True)
    till.owe("10")
    refill_id = request_auto(till)
    switch_auto_payment(till, on=False)
    till.charge(refill_id)
    assert till.refill(refill_id).reason == "Auto payment was switched off. Nothing was charged."
    assert till.merchant.charges() == []


def test_a_lost_request_is_not_sent_again_for_a_client_deleted_since(till: Till):
    refill_id = till.request(till.save_card())
    till.sandbox.misbehave("drop_before")
    till.charge(refill_id)
    set_status(till, "deleted")
    for minutes in (3, 60):
        with later(minutes=minutes):
            till.look_up(refill_id)
            assert till.refill(refill_id).state == "unknown"
    with later(hours=7):
        till.look_up(refill_id)
        assert till.refill(refill_id).state == "failed"
    assert till.merchant.charges() == []
