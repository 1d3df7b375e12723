"""One client, everything at the same moment: the exact balance, and nobody waits for ever."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import select

from core.errors import ConflictError
from core.ids import new_id
from payments import auto_payment, on_the_fly, refunds
from payments.auto_payment import AutoPayment
from payments.models import Refill
from payments.patience import DEFAULT_PATIENCE
from payments.refund_models import Refund
from payments.refund_state import FINAL_STATES
from payments.state import FINAL_REFILL_STATES
from tenants.clients import get_client
from tests.payments.till import AT_ONCE, Till

# Nobody waits for another charge of the same card to end.
NOW = replace(AT_ONCE, card_wait=timedelta(0))
THREADS = 8
NUMBERS = ("4111111111111111", "5424000000000015", "370000000000002", "6011000000000012")


@pytest.fixture(params=["authorizenet", "stripe"])
def any_till(request) -> Till:
    return request.getfixturevalue("till" if request.param == "authorizenet" else "stripe_till")


def together(*acts: Callable[[], object]) -> None:
    """All begin at the same moment; what one of them raises is raised here."""
    gate = threading.Barrier(min(len(acts), THREADS))

    def act(number: int) -> None:
        if number < gate.parties:
            gate.wait()
        acts[number]()

    with ThreadPoolExecutor(THREADS) as pool:
        for done in [pool.submit(act, number) for number in range(len(acts))]:
            done.result()


def until_final(till: Till, refill_id: UUID) -> None:
    """Charge as workers do, which come again while the card is busy."""
    end = time.monotonic() + 60
    while till.refill(refill_id).state not in FINAL_REFILL_STATES:
        assert time.monotonic() < end, till.refill(refill_id).state
        if on_the_fly.charge_refill(till.work, till.open_gateway, refill_id, patience=NOW) is None:
            time.sleep(0.05)


def give_back(till: Till, refill_id: UUID, amount: str) -> None:
    """Ask until nobody else's refund of this payment is open, then see it through."""
    end, refund_id = time.monotonic() + 60, new_id()
    while True:
        assert time.monotonic() < end
        try:
            with till.work() as session:
                refunds.request_refund(
                    session,
                    refund_id=refund_id,
                    refill_id=refill_id,
                    amount=Decimal(amount),
                    reason="Too much",
                )
            break
        except ConflictError:
            time.sleep(0.01)
    on_the_fly.send_refund(till.work, till.open_gateway, refund_id, patience=DEFAULT_PATIENCE)
    with till.work() as session:
        assert refunds.get_refund(session, refund_id).state in FINAL_STATES


def sum_taken(till: Till) -> Decimal:
    return sum((Decimal(amount) for amount in till.taken()), Decimal(0))


def test_a_hundred_refills_of_one_client_at_once(till: Till):
    """Two threads share each card, and all of them the balance.

    At the gateway that knows no keys; the other one is in the test below.
    """
    cards = [till.save_card(number=number) for number in NUMBERS]

    def pay(number: int) -> None:
        until_final(till, till.request(cards[number % len(cards)], f"{1 + number / 100:.2f}"))

    together(*(lambda number=number: pay(number) for number in range(100)))

    # 1.00 to 1.99
    assert till.live() == Decimal("149.50")
    assert len(till.taken()) == 100
    assert sum_taken(till) == Decimal("149.50")
    assert till.books_are_right()


def test_refills_against_refunds_against_auto_payment(any_till: Till):
    till = any_till
    card = till.save_card()
    paid = [till.request(card, "50.00") for _ in range(2)]
    for refill_id in paid:
        until_final(till, refill_id)
    till.sandbox.control("settle")
    with till.work() as session:
        auto_payment.save_auto_payment(
            session,
            get_client(session, till.client.id),
            AutoPayment(enabled=True, extra_amount=Decimal(5)),
        )

    def pay_automatically() -> None:
        with till.work() as session:
            made = auto_payment.request_due(session, till.client.id)
            refill_id = made.id if made else None
        if refill_id:
            until_final(till, refill_id)

    together(
        *[lambda: until_final(till, till.request(card, "7.00")) for _ in range(8)],
        *[lambda one=one: give_back(till, one, "3.00") for one in paid * 3],
        *[lambda: till.owe("30") for _ in range(6)],
        *[pay_automatically for _ in range(12)],
    )

    with till.work() as session:
        credited = [
            one.credited for one in session.scalars(select(Refill)) if one.state == "succeeded"
        ]
        returned = [one.amount for one in session.scalars(select(Refund))]
        states = {one.state for one in session.scalars(select(Refund))}
    assert (returned, states) == ([Decimal("3.00")] * 6, {"succeeded"})
    assert credited.count(Decimal("7.00")) == 8
    assert till.live() == sum(credited) - sum(returned) - 6 * 30
    assert sum_taken(till) - _given_back(till) == sum(credited) - sum(returned)
    assert till.books_are_right()


def _given_back(till: Till) -> Decimal:
    """`taken` of Authorize.net's stand-in leaves refunds out as Stripe's does."""
    return sum(
        (
            Decimal(str(one["amount"]))
            for one in till.merchant.charges()
            if one.get("is_refund") or one.get("type") == "refundTransaction"
        ),
        Decimal(0),
    )
