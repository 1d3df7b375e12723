"""The rule of auto payment under any order of events: never above the caps, one at a time.

Gateway answers are given by hand at the one door for news, so that hundreds of days pass in
seconds; what a gateway really says is tested elsewhere.
"""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
import time_machine
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from billing import ledger
from core.db import Session
from core.ids import new_id
from payments import attempts, auto_payment, auto_steps, outcomes, refills
from payments.auto_payment import AutoPayment
from payments.dues import Why
from payments.gateways.base import ChargeAnswer, Outcome
from payments.models import Refill, SavedCard
from payments.patience import DEFAULT_PATIENCE
from tenants.clients import get_client
from tests.factories import cast
from tests.payments.till import Till

EXTRA, DAY_CAP, MONTH_CAP = Decimal(20), Decimal(60), Decimal(150)
ZONE = ZoneInfo("America/New_York")
# the night of a clock change lies within the first days, the end of a month too
START = datetime(2027, 3, 12, 15, 0, tzinfo=UTC)

STEPS = st.one_of(
    st.tuples(st.just("owe"), st.decimals("0.01", "90", places=2)),
    st.tuples(st.just("pay"), st.decimals("0.01", "60", places=2)),
    st.tuples(st.just("by hand"), st.decimals("1", "40", places=2)),
    st.tuples(st.just("due"), st.none()),
    st.tuples(st.just("end"), st.sampled_from(["all", "part", "decline", "hard", "none"])),
    st.tuples(st.just("clock"), st.sampled_from([-30, -1, 1, 2, 25, 80, 24 * 31])),
    st.tuples(st.just("resume"), st.none()),
)


@dataclass
class World:
    """A client of its own, the clock, and what is on its way."""

    till: Till
    card: SavedCard
    at: datetime = START
    open: list[UUID] = field(default_factory=list)

    def run(self, step: str, value: object) -> None:
        """One step, and what must hold after each."""
        with time_machine.travel(self.at, tick=False):
            {
                "owe": lambda: self.till.owe(str(value)),
                "pay": lambda: self.till.pay(str(value)),
                "by hand": lambda: self._ask_by_hand(value),
                "due": self._ask_for_due,
                "end": lambda: self._end_oldest(str(value)),
                "clock": lambda: self._move(value),
                "resume": self._resume,
            }[step]()
        with time_machine.travel(self.at, tick=False), self.till.work() as session:
            self._must_hold(session)

    def _move(self, hours: object) -> None:
        self.at += timedelta(hours=int(str(hours)))

    def _ask_by_hand(self, amount: object) -> None:
        self.open.append(self.till.request(self.card, str(amount)))

    def _ask_for_due(self) -> None:
        with self.till.work() as session:
            before = auto_payment.preview(session, self.till.client.id)
            refill = auto_payment.request_due(session, self.till.client.id)
            assert (refill is not None) == before.is_due, "the preview is what is done"
            if refill is not None:
                assert refill.amount == before.amount
                self._amount_is_right(session, refill)
                self.open.append(refill.id)

    def _amount_is_right(self, session: Session, refill: Refill) -> None:
        """Computed anew, from the books and the figures that it keeps."""
        balance = ledger.get_balance(session, self.till.client.id)
        on_its_way = session.scalars(
            select(func.coalesce(func.sum(Refill.amount), 0)).where(
                Refill.client_id == refill.client_id,
                Refill.state.in_(refills.OPEN_STATES),
                Refill.id != refill.id,
            )
        ).one()
        lacks = -(balance.live + balance.credit + on_its_way)
        assert lacks >= 0, "money on its way counts as if it had come"
        assert refill.amount <= lacks + EXTRA
        assert Decimal(refill.figures["on_its_way"]) == on_its_way
        assert Decimal(refill.figures["amount"]) == refill.amount

    def _end_oldest(self, outcome: str) -> None:
        if not self.open:
            return
        refill_id = self.open.pop(0)
        with self.till.work() as session:
            attempt = attempts.begin_attempt(
                session, refill_id, owner="me", patience=DEFAULT_PATIENCE
            )
            if attempt is None:
                # the card is busy with the one before
                self.open.insert(0, refill_id)
                return
            amount = refills.get_refill(session, refill_id).amount
            outcomes.record_outcome(session, attempt.key, _answer(outcome, amount))

    def _resume(self) -> None:
        with self.till.work() as session:
            auto_payment.resume(session, self.till.client.id)

    def _must_hold(self, session: Session) -> None:
        autos = session.scalars(
            select(Refill).where(Refill.client_id == self.till.client.id, Refill.source == "auto")
        ).all()
        assert sum(one.state in refills.OPEN_STATES for one in autos) <= 1
        days: dict[object, Decimal] = {}
        months: dict[object, Decimal] = {}
        for one in autos:
            if one.state not in (*refills.OPEN_STATES, "succeeded"):
                continue
            taken = one.credited if one.state == "succeeded" else one.amount
            day = one.created_at.astimezone(ZONE).date()
            days[day] = days.get(day, Decimal(0)) + taken
            month = (day.year, day.month)
            months[month] = months.get(month, Decimal(0)) + taken
        assert all(taken <= DAY_CAP for taken in days.values())
        assert all(taken <= MONTH_CAP for taken in months.values())
        row = auto_payment.find_row(session, self.till.client.id)
        if row.suspended_at is not None:
            assert row.next_try_at is None
            assert not auto_payment.preview(session, self.till.client.id).is_due


def _answer(outcome: str, amount: Decimal) -> ChargeAnswer:
    if outcome in ("all", "part"):
        taken = amount if outcome == "all" else min(amount, Decimal("1.23"))
        return ChargeAnswer(
            outcome=Outcome.APPROVED, gateway_ref=str(new_id()), approved_amount=taken
        )
    if outcome == "none":
        return ChargeAnswer(outcome=Outcome.REFUSED, text="maintenance")
    return ChargeAnswer(
        outcome=Outcome.DECLINED, text="no", code="2", is_hard_decline=outcome == "hard"
    )


def new_world(till: Till) -> World:
    """A client of its own for each story, with a card and the rule switched on."""
    login = f"story{new_id().hex}"
    mine = replace(till, client=cast.make_client(till.tenant, login, login=login))
    with time_machine.travel(START, tick=False), mine.work() as session:
        card = SavedCard(
            id=new_id(),
            reseller_id=mine.tenant.id,
            client_id=mine.client.id,
            gateway_account_id=mine.account_id,
            customer_ref=login,
            method_ref=login,
            brand="Visa",
            last_four="4242",
            is_default=True,
        )
        session.add(card)
        auto_payment.save_auto_payment(
            session,
            get_client(session, mine.client.id),
            AutoPayment(True, EXTRA, DAY_CAP, MONTH_CAP),
        )
    return World(mine, card)


@settings(
    max_examples=12,
    deadline=None,
    # a story of a dozen steps can be read as it is; making it shorter would take minutes
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=st.lists(STEPS, min_size=6, max_size=14))
def test_no_order_of_events_charges_above_the_caps_or_twice(till: Till, steps):
    world = new_world(till)
    for step, value in [("due", None), *steps, ("due", None), ("end", "all")]:
        world.run(step, value)
    assert world.till.books_are_right()


def test_a_cap_that_is_reached_is_written_down_once_until_something_else_happens(till: Till):
    world = new_world(till)
    for step in (("owe", "40"), ("due", None), ("end", "all"), ("owe", "40")):
        world.run(*step)
    for _tick in range(3):
        world.run("due", None)
    kinds = kinds_of(world)
    assert kinds == ["held_back", "received", "asked", "on"]
    world.run("clock", 25)
    world.run("due", None)
    assert kinds_of(world)[0] == "asked"


def test_each_step_keeps_its_figures(till: Till):
    world = new_world(till)
    for step in (("owe", "10"), ("due", None), ("end", "decline"), ("resume", None)):
        world.run(*step)
    with world.till.work() as session:
        resumed, declined, asked, on = auto_steps.list_steps(session, world.till.client.id)
    assert (on.kind, on.author) == ("on", world.till.tenant.owner_email)
    assert (asked.kind, asked.amount, asked.why) == ("asked", 30, Why.BALANCE_USED_UP.name.lower())
    assert Decimal(asked.figures["available"]) == -10
    assert (declined.kind, declined.refill_id) == ("declined", asked.refill_id)
    assert declined.figures == {
        "declines_in_row": 1, "tries_in_vain": 1, "decline": "other", "code": "2",
    }  # fmt: skip
    assert declined.next_try_at == START + timedelta(hours=1)
    assert resumed.kind == "resumed"


@pytest.mark.parametrize("hours", [-48, -1, 48])
def test_a_clock_that_was_wrong_for_a_while_charges_no_day_twice(till: Till, hours: int):
    """Set forth or back while a charge is made, and right again: the caps hold on every day."""
    world = new_world(till)
    world.run("owe", "60")
    world.run("due", None)
    world.run("clock", hours)
    world.run("end", "all")
    world.run("owe", "60")
    world.run("due", None)
    world.run("clock", -hours)
    world.run("end", "all")
    world.run("owe", "60")
    world.run("due", None)


def kinds_of(world: World) -> list[str]:
    with world.till.work() as session:
        return [one.kind for one in auto_steps.list_steps(session, world.till.client.id)]
