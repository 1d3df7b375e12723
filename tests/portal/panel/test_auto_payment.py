"""Automatic payment: the client's own switch, within what its provider allows."""

from decimal import Decimal

import pytest

from payments import auto_payment
from payments.auto_payment import AutoPayment
from tenants import clients
from tests.payments.till import Till
from tests.portal.browser import Browser
from tests.portal.panel import story
from tests.portal.panel.pages import words

URL = "/clients/auto-payment"


def block(till: Till) -> AutoPayment:
    with till.work() as session:
        return auto_payment.get_auto_payment(session, till.client.id)


def save_block(till: Till, **wish) -> None:
    with till.work() as session:
        client = clients.get_client(session, till.client.id)
        auto_payment.save_auto_payment(session, client, AutoPayment(**wish))


def suspend(till: Till, reason: str = "The bank declined the card.") -> None:
    with till.work() as session:
        row = auto_payment.lock_row(session, till.client.id)
        from core.clock import now

        row.declines_in_row, row.suspended_at = 3, now()
        row.suspended_reason = reason


def test_the_client_switches_it_on_and_off(me: Browser, till: Till) -> None:
    till.save_card()
    for _ in range(2):
        answer = me.post(URL, data={"enabled": "y", "extra_amount": "12,50"})
        assert answer.status_code == 303
    assert block(till) == AutoPayment(enabled=True, extra_amount=Decimal("12.50"))
    text = words(me.get(URL))
    assert "Automatic payment is on." in text
    assert "Default card Visa ending 1111. Expires 09/2031" in text

    me.post(URL, data={"extra_amount": "12,50"})
    assert not block(till).enabled


def test_the_caps_are_shown_and_stay_the_providers(me: Browser, till: Till) -> None:
    save_block(till, day_cap=Decimal(50), month_cap=Decimal(200))

    assert "At most a day 50.00 USD At most a month 200.00 USD" in words(me.get(URL))
    me.post(URL, data={"enabled": "y", "extra_amount": "20", "day_cap": "9999", "month_cap": ""})

    assert block(till) == AutoPayment(True, Decimal(20), Decimal(50), Decimal(200))


def test_more_than_the_caps_allow_is_refused(me: Browser, till: Till) -> None:
    save_block(till, day_cap=Decimal(50))

    answer = me.post(URL, data={"enabled": "y", "extra_amount": "50.01"})

    assert answer.status_code == 422
    assert "This is more than your limits allow." in words(answer)
    assert not block(till).enabled


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("-1", "Enter an amount from 0 to 999999999."),
        ("1.005", "more decimals than USD has"),
        ("much", "Write the amount in digits"),
        ("4111111111111111", "looks like a card number"),
    ],
)
def test_a_wrong_extra_amount_is_told(me: Browser, till: Till, typed: str, message: str) -> None:
    answer = me.post(URL, data={"enabled": "y", "extra_amount": typed})

    assert answer.status_code == 422
    assert message in words(answer)
    assert "41111111" not in answer.text
    assert not block(till).enabled


def test_what_would_be_charged_now_is_told(me: Browser, till: Till) -> None:
    till.save_card()
    save_block(till, enabled=True)
    story.charge(till, "7.25")

    assert "7.25 USD would be charged now" in words(me.get(URL))


def test_money_on_its_way_counts_as_if_it_had_come(me: Browser, till: Till) -> None:
    card = till.save_card()
    save_block(till, enabled=True)
    story.charge(till, "7.25")
    till.request(card, "10.00")

    assert "10.00 USD of yours is on its way" in words(me.get(URL))


def test_a_missing_card_is_told_with_the_way_to_add_one(me: Browser, till: Till) -> None:
    save_block(till, enabled=True)

    page = me.get(URL)

    assert "A card is missing" in words(page)
    assert "Go to your cards" in words(page)


def test_a_suspension_is_told_and_does_not_end_by_switching_off_and_on(
    me: Browser, till: Till
) -> None:
    till.save_card()
    save_block(till, enabled=True)
    suspend(till)
    text = words(me.get(URL))
    assert "Automatic payment is paused" in text
    assert "The reason that the bank gave: The bank declined the card." in text

    me.post(URL, data={"extra_amount": "0"})
    me.post(URL, data={"enabled": "y", "extra_amount": "0"})

    assert "Automatic payment is paused" in words(me.get(URL))
    assert "Automatic payment is paused" in words(me.get("/clients/cards"))


def test_a_payment_that_the_bank_took_back_is_not_called_a_decline(me: Browser, till: Till) -> None:
    till.save_card()
    save_block(till, enabled=True)
    suspend(till, auto_payment.DISPUTED)
    for address in (URL, "/clients/cards"):
        text = words(me.get(address))
        assert "Automatic payment is paused" in text
        assert "our bank took back a payment" in text
        assert "declined" not in text
        assert "The reason that the bank gave" not in text


def test_another_default_card_ends_the_suspension(me: Browser, till: Till) -> None:
    till.save_card()
    other = till.save_card(number="5424000000000015")
    save_block(till, enabled=True)
    suspend(till)

    me.post(f"/clients/cards/{other.id}/default")

    assert "Automatic payment is paused" not in words(me.get(URL))
