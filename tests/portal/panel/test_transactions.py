"""Transactions: the list with its filters, and why each is what it is."""

import re

import pytest

from core.ids import new_id
from tests.payments.till import Till
from tests.portal.browser import HTMX, Browser
from tests.portal.panel import story
from tests.portal.panel.pages import words

URL = "/clients/transactions"


def test_without_any_it_says_so_and_offers_a_refill(me: Browser) -> None:
    page = me.get(URL)

    assert "No transactions yet" in words(page)
    assert "/clients/refill" in page.text


def test_they_stand_with_their_sign_and_the_balance_then(me: Browser, till: Till) -> None:
    story.pay(till, "100", "Bank transfer")
    story.charge(till, "12.5", "Calls")

    text = words(me.get(URL))

    assert "100.00 USD then 100.00" in text
    assert "-12.50 USD then 87.50" in text


def test_filters_leave_what_is_asked_for_and_can_be_cleared(me: Browser, till: Till) -> None:
    story.pay(till, "100", "Bank transfer")
    story.charge(till, "12.5", "Calls", days_ago=400)

    payments = words(me.get(f"{URL}?type=payment"))
    assert "Bank transfer" in payments
    assert "Calls" not in payments
    assert "Calls" not in words(me.get(f"{URL}?period=90_days"))
    nothing = me.get(f"{URL}?type=charge&period=month")
    assert "Nothing here" in words(nothing)
    assert "Clear filters" in words(nothing)
    assert me.get(f"{URL}?type=secret&period=never&after=junk").status_code == 200


def test_many_go_on_a_page_at_a_time(me: Browser, till: Till) -> None:
    for n in range(30):
        story.pay(till, "1", f"Payment {n:02}", days_ago=n / 10)

    first = me.get(URL)
    assert "Payment 00" in first.text
    assert "Payment 29" not in first.text
    after = re.search(r"after=([\w-]+)", first.text)
    assert after
    second = me.get(f"{URL}?after={after[1]}", headers=HTMX)
    assert "<html" not in second.text
    assert 'id="list"' in second.text
    assert "Payment 29" in second.text
    assert "Payment 00" not in second.text


@pytest.mark.parametrize(
    ("tax_mode", "parts"),
    [
        ("excluding", ["Price 100.00 VAT 19% of 100.00 19.00 Charged 119.00 USD"]),
        ("including", ["Price 100.00 VAT", "Charged 119.00 USD", "in it; they were taken out"]),
        ("none", ["none on this charge", "Charged 119.00 USD"]),
    ],
)
def test_a_charge_shows_how_its_amount_came_about(
    me: Browser, till: Till, tax_mode: str, parts: list[str]
) -> None:
    story.add_tax(till)
    amount = "100" if tax_mode == "excluding" else "119"
    charge_id = story.charge(till, amount, "Setup", tax_mode=tax_mode)

    text = words(me.get(f"{URL}/{charge_id}"))

    for part in parts:
        assert part in text
    assert "Live balance then: -119.00 USD" in text
    assert "Your Live balance -119.00 -119.00" in text
    assert "not invoiced yet" in text


def test_the_steps_of_a_tax_have_their_figures_in_the_formula(me: Browser, till: Till) -> None:
    story.add_tax(till)
    charge_id = story.charge(till, "100", "Setup", tax_mode="excluding")

    assert "VAT 100 × 19 ÷ 100 = 19" in words(me.get(f"{URL}/{charge_id}"))


def test_a_card_payment_names_the_card_and_what_it_paid(me: Browser, till: Till) -> None:
    story.charge(till, "30", days_ago=12)
    invoice_id = story.invoice(till)
    refill_id = till.request(till.save_card(), "50.00")
    till.charge(refill_id)

    page = me.get(f"{URL}/{refill_id}")

    assert "Card Visa ending 1111" in words(page)
    assert f"/clients/invoices/{invoice_id}" in page.text
    assert "30.00 USD" in words(page)
    assert "Money that the payment gateway took for your provider" in words(page)


def test_a_correction_and_what_it_corrects_point_at_each_other(me: Browser, till: Till) -> None:
    charge_id = story.charge(till, "10", "Setup")
    reversal_id = story.reverse(till, charge_id)

    assert f"{URL}/{reversal_id}" in me.get(f"{URL}/{charge_id}").text
    correction = me.get(f"{URL}/{reversal_id}")
    assert f"{URL}/{charge_id}" in correction.text
    assert "Entered twice" in words(correction)


def test_one_that_is_pending_says_that_it_moves_nothing(me: Browser, till: Till) -> None:
    payment_id = story.pay(till, "10", status="pending")

    assert "does not move your balance" in words(me.get(f"{URL}/{payment_id}"))
    assert "not booked yet" in words(me.get(URL))


def test_anothers_does_not_exist(stranger: Browser, till: Till) -> None:
    there = stranger.get(f"{URL}/{story.charge(till, '10', 'Secret')}")
    missing = stranger.get(f"{URL}/{new_id()}")

    assert there.status_code == missing.status_code == 404
    assert words(there).split("number:")[0] == words(missing).split("number:")[0]
