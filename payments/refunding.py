"""Giving a payment back: transaction, question, transaction, gateway, transaction.

The same rules as for a charge (`payments.md` 2.2): what is sent is committed before its first byte
leaves, whoever sends holds a lease, and what nobody heard the end of is looked up before it is sent
again, identical.
"""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

import structlog
from sqlalchemy.exc import OperationalError

from core.clock import now
from core.db import Session
from core.ids import new_token
from payments import (
    attempts,
    gateway_accounts,
    notices,
    recording,
    refund_outcomes,
    refunds,
)
from payments.gateway_accounts import OpenGateway, UnitOfWork
from payments.gateways.base import (
    ChargeAnswer,
    Gateway,
    GatewayTransaction,
    Outcome,
    RefundRequest,
    Reply,
    ReplyStatus,
    TransactionStatus,
)
from payments.models import Refill
from payments.outcomes import Recorded
from payments.patience import DEFAULT_PATIENCE, Patience
from payments.refund_models import Refund
from payments.refund_state import FINAL_STATES, RefundNews, RefundState
from tenants.events import EventText

T = TypeVar("T")

SETTLEMENT_LOOK = timedelta(hours=1)
# Gateways settle once a day; a payment that is not settled after this needs a person.
_SETTLES_WITHIN = timedelta(days=5)
_GIVEN_BACK_WAITS = "It waits until the gateway has settled the payment."
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Wish:
    """One refund as it is to be sent or looked up, and by which right."""

    refund_id: UUID
    kind: str
    key: str
    gateway: Gateway
    payment_ref: str
    since: datetime
    owner: str = ""
    state: RefundState = RefundState.REQUESTED


@dataclass(frozen=True, slots=True)
class Order:
    """The right to send one refund, and what is sent."""

    owner: str
    kind: str
    payment_ref: str
    request: RefundRequest


def send_refund(
    unit_of_work: UnitOfWork,
    open_gateway: OpenGateway,
    refund_id: UUID,
    *,
    patience: Patience = DEFAULT_PATIENCE,
) -> Recorded | None:
    """Send a refund that is still only requested; None when it is not, or when it has to wait.

    The gateway is asked about the payment first: what is settled is refunded and not voided, and
    what the bank took back already is not given back again. Safe to call any number of times.
    """
    wish = guarded(unit_of_work, refund_id, lambda s: _begin(s, open_gateway, refund_id))
    if wish is None:
        return None
    with closing(wish.gateway):
        payment = wish.gateway.fetch(wish.payment_ref)
        decided = guarded(unit_of_work, refund_id, lambda s: _decide(s, wish, payment, patience))
        if not isinstance(decided, Order):
            return decided
        return send_order(unit_of_work, wish.gateway, refund_id, decided, patience)


def _begin(session: Session, open_gateway: OpenGateway, refund_id: UUID) -> Wish | None:
    refill, refund = refunds.lock_both(session, refund_id)
    if refund.state != RefundState.REQUESTED:
        return None
    attempt = attempts.find_latest(session, refill.id)
    if attempt is None or not attempt.gateway_ref:
        refund_outcomes.record_impossible(
            session, refund_id, "The gateway's number of the payment is not known."
        )
        return None
    account = gateway_accounts.get_account(session, refund.gateway_account_id)
    return Wish(
        refund.id,
        refund.kind,
        refund.key,
        open_gateway(account),
        attempt.gateway_ref,
        refund.created_at,
    )


def _decide(
    session: Session, wish: Wish, reply: Reply[GatewayTransaction], patience: Patience
) -> Order | Recorded | None:
    """Whether it may be sent now, by what the gateway says of the payment."""
    refill, refund = refunds.lock_both(session, wish.refund_id)
    if refund.state != RefundState.REQUESTED:
        return None
    payment = reply.value
    if payment is None:
        if reply.status in (ReplyStatus.NOT_FOUND, ReplyStatus.REFUSED):
            return refund_outcomes.record_impossible(
                session, refund.id, f"The gateway does not know the payment. {reply.text}".strip()
            )
        _wait(refund, "The payment gateway could not be reached; it is tried again.")
        return None
    note_settlement(session, refill.id, payment)
    obstacle = _obstacle(wish, payment)
    if obstacle:
        return refund_outcomes.record_impossible(session, refund.id, obstacle)
    if wish.kind == "void" and payment.status is TransactionStatus.VOIDED:
        answer = ChargeAnswer(outcome=Outcome.APPROVED, gateway_ref=wish.payment_ref)
        return refund_outcomes.record_outcome(session, refund.id, answer, patience=patience)
    if _waits_for_settlement(wish, payment):
        if now() - refund.created_at > _SETTLES_WITHIN:
            return refund_outcomes.record_impossible(
                session, refund.id, "The payment was not settled within five days."
            )
        _wait(refund, _GIVEN_BACK_WAITS, SETTLEMENT_LOOK)
        return None
    return _order(refill, refund, payment, patience)


def _obstacle(wish: Wish, payment: GatewayTransaction) -> str:
    """Why it can never be done; empty when it can."""
    status, is_void = payment.status, wish.kind == "void"
    if status in (TransactionStatus.CHARGEBACK, TransactionStatus.RETURNED):
        return "The client's bank has taken this payment back."
    if status is TransactionStatus.VOIDED and not is_void:
        return "The payment was voided at the gateway."
    if status is TransactionStatus.SETTLED and is_void and wish.gateway.refunds_settled_only:
        return "The payment is settled already: make a refund."
    if payment.to_answer().outcome is not Outcome.APPROVED and not (
        is_void and status is TransactionStatus.VOIDED
    ):
        return f"The gateway says of the payment: {status.value.replace('_', ' ')}."
    return ""


def _waits_for_settlement(wish: Wish, payment: GatewayTransaction) -> bool:
    return (
        wish.kind == "refund"
        and wish.gateway.refunds_settled_only
        and payment.status is TransactionStatus.CAPTURED
    )


def _order(
    refill: Refill, refund: Refund, payment: GatewayTransaction, patience: Patience
) -> Order:
    """Write down what is sent, and by whom: the caller commits before the first byte leaves."""
    at, owner = now(), new_token()
    request = RefundRequest(
        key=refund.key,
        gateway_ref=payment.gateway_ref,
        amount=refund.amount,
        currency=refund.currency,
        last_four=payment.last_four,
        description=f"Refund to client {refill.client_id}",
        method=payment.method,
    )
    refunds.move(refund, RefundNews.BEGUN)
    refund.request = request.to_json()
    refund.first_sent_at = refund.first_sent_at or at
    refund.last_sent_at = at
    refund.sends += 1
    refund.lease_owner, refund.lease_until = owner, at + patience.lease
    # should this worker die, a look-up begins when its lease is over
    refund.next_look_at = refund.lease_until
    return Order(owner, refund.kind, payment.gateway_ref, request)


def send_order(
    unit_of_work: UnitOfWork,
    gateway: Gateway,
    refund_id: UUID,
    order: Order,
    patience: Patience,
) -> Recorded | None:
    """Send what is committed, and record what came of it; who was overtaken does neither."""

    def is_mine() -> bool:
        with unit_of_work() as session:
            refund = refunds.get_refund(session, refund_id)
            return (
                refund.state in (RefundState.PROCESSING, RefundState.UNKNOWN)
                and refund.lease_owner == order.owner
                and refund.lease_until is not None
                and refund.lease_until > now()
            )

    if order.kind == "void":
        answer = gateway.void(order.payment_ref, before_send=is_mine)
    else:
        answer = gateway.refund(order.request, before_send=is_mine)
    return guarded(
        unit_of_work,
        refund_id,
        lambda session: refund_outcomes.record_outcome(
            session, refund_id, answer, patience=patience, lease_owner=order.owner
        ),
    )


def note_settlement(session: Session, refill_id: UUID, payment: GatewayTransaction) -> None:
    """Keep that the gateway has settled the payment of this refill."""
    attempt = attempts.find_latest(session, refill_id)
    if (
        attempt is not None
        and attempt.settled_at is None
        and attempt.gateway_ref == payment.gateway_ref
        and payment.status is TransactionStatus.SETTLED
    ):
        attempt.settled_at = now()
        session.flush()


def _wait(refund: Refund, note: str, wait: timedelta | None = None) -> None:
    at = now()
    refund.note = note
    refund.next_look_at = (
        recording.later_and_later(refund.created_at, at) if wait is None else at + wait
    )


def orphaned_at(refund: Refund, patience: Patience) -> datetime:
    """From when on what was sent last can no longer arrive."""
    return patience.orphaned_at((refund.last_sent_at or refund.created_at) + patience.lease)


def guarded(unit_of_work: UnitOfWork, refund_id: UUID, do: Callable[[Session], T]) -> T | None:
    """A transaction of the flow; what stops it is told to the staff, and the row is put off."""
    try:
        with unit_of_work() as session:
            return do(session)
    except OperationalError:
        # the database was away, or two waited for each other: the sweep comes back to the row
        raise
    except Exception as error:
        _log.exception("refund.stuck", refund=str(refund_id))
        with unit_of_work() as session:
            _put_off(session, refund_id, recording.reason_of(error))
        raise


def _put_off(session: Session, refund_id: UUID, reason: str) -> None:
    refill, refund = refunds.lock_both(session, refund_id)
    if RefundState(refund.state) in FINAL_STATES:
        return
    refund.next_look_at = recording.later_and_later(refund.created_at, now())
    session.flush()
    notices.tell_staff(
        session,
        refill,
        level="error",
        code="refund_stuck",
        text=EventText(
            "A refund cannot go on: %(reason)s It is tried again by itself, at least once an hour.",
            reason=reason,
        ),
        dedupe=str(refund.id),
    )
