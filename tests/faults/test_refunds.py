"""A worker is killed while money goes back: one refund and one posting, at both gateways."""

import time
from collections.abc import Callable
from decimal import Decimal
from uuid import UUID

import pytest

from core.ids import new_id
from core.platform_uow import platform_unit_of_work
from payments import refunds
from payments.refund_models import Refund
from payments.refund_state import FINAL_STATES
from tests.faults.rig import Rig, wait_for
from worker.sweeps.payments import find_waiting_refunds

pytestmark = pytest.mark.fault

CALL = {"authorizenet": "createTransactionRequest", "stripe": "refunds.create"}


@pytest.fixture(params=["authorizenet", "stripe"])
def gateway(request) -> str:
    return request.param


@pytest.fixture
def any_rig(gateway: str, request) -> Rig:
    return request.getfixturevalue("rig" if gateway == "authorizenet" else "stripe_rig")


@pytest.fixture
def refill_id(any_rig: Rig) -> UUID:
    made = any_rig.till.request(any_rig.till.save_card())
    any_rig.till.charge(made)
    any_rig.sandbox.control("settle")
    return made


def ask(rig: Rig, refill_id: UUID) -> UUID:
    refund_id = new_id()
    with rig.till.work() as session:
        refunds.request_refund(
            session,
            refund_id=refund_id,
            refill_id=refill_id,
            amount=Decimal("4.00"),
            reason="Too much",
        )
    return refund_id


def read(rig: Rig, refund_id: UUID) -> Refund:
    with rig.till.work() as session:
        return refunds.get_refund(session, refund_id)


def given_back(rig: Rig) -> list[str]:
    return [
        one["amount"]
        for one in rig.till.merchant.charges()
        if one.get("is_refund") or one.get("type") == "refundTransaction"
    ]


def finish(rig: Rig, refund_id: UUID) -> None:
    """Sweep until it is final; nobody waits for the long pauses between looks."""

    def is_done() -> bool:
        rig.let_waits_end()
        with platform_unit_of_work() as session:
            find_waiting_refunds(session)
        time.sleep(0.2)
        return read(rig, refund_id).state in FINAL_STATES

    wait_for("the refund to have its outcome", is_done)


def prove_one_refund(rig: Rig, refund_id: UUID) -> None:
    assert read(rig, refund_id).state == "succeeded"
    assert given_back(rig) == ["4.00"]
    assert rig.till.postings(refund_id) == 1
    assert rig.till.live() == 6
    assert rig.till.books_are_right()


def kill_when(rig: Rig, refill_id: UUID, happened: Callable[[UUID], bool]) -> UUID:
    worker = rig.start_worker()
    refund_id = ask(rig, refill_id)
    wait_for("the moment", lambda: happened(refund_id))
    worker.kill()
    rig.start_worker()
    wait_for("what was sent to be done", lambda: given_back(rig) == ["4.00"])
    rig.let_leases_end()
    return refund_id


def test_killed_before_the_gateway_has_done_anything(any_rig: Rig, refill_id: UUID, gateway: str):
    any_rig.sandbox.misbehave("delay_before", call=CALL[gateway], delay_s=2)

    refund_id = kill_when(any_rig, refill_id, lambda one: read(any_rig, one).state == "processing")
    finish(any_rig, refund_id)

    prove_one_refund(any_rig, refund_id)


def test_killed_after_the_refund_and_before_the_answer(any_rig: Rig, refill_id: UUID, gateway: str):
    any_rig.sandbox.misbehave("delay_after", call=CALL[gateway], delay_s=2)

    refund_id = kill_when(any_rig, refill_id, lambda _: given_back(any_rig) == ["4.00"])
    assert read(any_rig, refund_id).state == "processing"
    finish(any_rig, refund_id)

    prove_one_refund(any_rig, refund_id)
