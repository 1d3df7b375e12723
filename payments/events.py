"""What a gateway tells us by itself: stored once, handled later, and only ever taken as a hint.

The signature may have no time in it, so an event can be replayed for ever: its id is unique. What
it speaks of is asked from the gateway; the answer enters at the same door as everything else.
"""

from contextlib import closing
from dataclasses import dataclass

import structlog
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from core import jobs
from core.clock import now
from core.db import Session
from payments import attempts, gateway_accounts, lookups, notices, outcomes, saved_cards
from payments.errors import IllegalMoveError
from payments.gateway_accounts import OpenGateway, UnitOfWork
from payments.gateways.base import (
    EventKind,
    Gateway,
    GatewayTransaction,
    InboundEvent,
    Outcome,
    Reply,
    ReplyStatus,
    TransactionStatus,
)
from payments.models import ChargeAttempt, GatewayAccount, GatewayEvent, Refill
from payments.patience import DEFAULT_PATIENCE, Patience
from payments.state import AttemptState
from tenants.events import EventText

_log = structlog.get_logger(__name__)

_CARD_EVENTS = frozenset({EventKind.METHOD_CHANGED, EventKind.METHOD_DELETED})
# The money came in and went back: staff correct the ledger, nothing is charged again.
_WENT_BACK = frozenset(
    {
        TransactionStatus.VOIDED,
        TransactionStatus.REFUNDED,
        TransactionStatus.CHARGEBACK,
        TransactionStatus.SETTLEMENT_ERROR,
    }
)
_REF_LENGTH = 200


@dataclass(frozen=True, slots=True)
class _Question:
    """What to ask the gateway about an event."""

    gateway: Gateway
    gateway_ref: str


def store_event(session: Session, account: GatewayAccount, event: InboundEvent) -> int | None:
    """Keep the event and ask for its handling; None when it came before."""
    event_id = session.scalar(
        insert(GatewayEvent)
        .values(
            reseller_id=account.reseller_id,
            gateway_account_id=account.id,
            event_id=event.event_id[:_REF_LENGTH],
            kind=event.kind.value,
            gateway_ref=event.gateway_ref[:_REF_LENGTH],
            attempt_key=event.key[:_REF_LENGTH],
            customer_ref=event.customer_ref[:_REF_LENGTH],
            received_at=now(),
        )
        .on_conflict_do_nothing(index_elements=["gateway_account_id", "event_id"])
        .returning(GatewayEvent.id)
    )
    if event_id is not None:
        jobs.enqueue(
            session,
            "payments.handle_event",
            reseller_id=account.reseller_id,
            event_id=event_id,
        )
    return event_id


def handle_event(
    unit_of_work: UnitOfWork,
    open_gateway: OpenGateway,
    event_id: int,
    *,
    patience: Patience = DEFAULT_PATIENCE,
) -> str | None:
    """Ask the gateway what the event is about and record it; answers the result, in one word.

    None when it was handled before, or the gateway is silent: the sweep comes back to it.
    """
    with unit_of_work() as session:
        question = _begin(session, open_gateway, event_id)
    if question is None:
        return None
    with closing(question.gateway):
        reply = question.gateway.fetch(question.gateway_ref)
    if reply.status is ReplyStatus.UNREACHABLE:
        return None
    try:
        with unit_of_work() as session:
            return _finish(session, event_id, reply, patience)
    except IllegalMoveError as error:
        _log.error("payment.event_contradicts", event_id=event_id, reason=error.message)
        with unit_of_work() as session:
            return _record_contradiction(session, event_id, error.message)


def _begin(session: Session, open_gateway: OpenGateway, event_id: int) -> _Question | None:
    """What to ask; None when nothing needs to be asked, and the event is then handled."""
    event = _lock(session, event_id)
    if event is None:
        return None
    if EventKind(event.kind) in _CARD_EVENTS:
        client_id = saved_cards.find_client_by_customer(
            session,
            account_id=event.gateway_account_id,
            customer_ref=event.customer_ref,
            method_ref=event.gateway_ref,
        )
        if client_id is not None:
            jobs.enqueue(
                session,
                "payments.sync_cards",
                reseller_id=event.reseller_id,
                client_id=client_id,
            )
        _close(event, "cards" if client_id is not None else "not ours")
        return None
    if _find_attempt(session, event) is None or not event.gateway_ref:
        _close(event, "not ours")
        return None
    account = gateway_accounts.get_account(session, event.gateway_account_id)
    return _Question(open_gateway(account), event.gateway_ref)


def _finish(
    session: Session, event_id: int, reply: Reply[GatewayTransaction], patience: Patience
) -> str | None:
    event = _lock(session, event_id)
    if event is None:
        return None
    found = _find_attempt(session, event)
    transaction = reply.value
    if found is None or transaction is None or transaction.key != found.key:
        result = "mismatch"
    else:
        result = _record(session, found.key, transaction, patience)
    _close(event, result)
    return result


def _record(session: Session, key: str, transaction: GatewayTransaction, patience: Patience) -> str:
    refill, attempt = attempts.lock_attempt(session, key)
    if _is_second_payment(attempt, transaction):
        notices.alarm(
            session,
            refill,
            attempt,
            f"The gateway has a second transaction {transaction.gateway_ref} under this key,"
            f" {transaction.status.value.replace('_', ' ')}; only {attempt.gateway_ref} is booked.",
        )
        return "second payment"
    if attempt.state == AttemptState.SUCCEEDED and transaction.status in _WENT_BACK:
        _tell_of_return(session, refill, attempt, transaction)
        return "correction"
    answer = transaction.to_answer()
    if transaction.status is TransactionStatus.AWAITING_RELEASE:
        # the sender releases it, or else a look-up does
        return "waiting"
    if not lookups.is_conclusive(refill, attempt, answer.outcome, now(), patience):
        return "inconclusive"
    if transaction.requested_amount != refill.amount:
        notices.alarm(session, refill, attempt, "The gateway has another amount under this key.")
        return "amount differs"
    return outcomes.record_outcome(session, key, answer, patience=patience).value


def _is_second_payment(attempt: ChargeAttempt, transaction: GatewayTransaction) -> bool:
    """Whether money moved beside the payment that is booked.

    Two pages of one payment can be open at once, and the duplicate window knows cards, not keys.
    """
    return (
        attempt.state == AttemptState.SUCCEEDED
        and bool(attempt.gateway_ref)
        and transaction.gateway_ref != attempt.gateway_ref
        and (
            transaction.status in _WENT_BACK
            or transaction.to_answer().outcome in (Outcome.APPROVED, Outcome.PENDING)
        )
    )


def _tell_of_return(
    session: Session, refill: Refill, attempt: ChargeAttempt, transaction: GatewayTransaction
) -> None:
    notices.tell_staff(
        session,
        refill,
        level="error",
        code="payment_went_back",
        text=EventText(
            "The gateway says that the payment %(payment)s was %(status)s. Reverse the transaction"
            " of this refill.",
            payment=transaction.gateway_ref,
            status=transaction.status.value.replace("_", " "),
        ),
        dedupe=f"{attempt.key}:{transaction.status.value}",
    )


def _record_contradiction(session: Session, event_id: int, text: str) -> str | None:
    event = _lock(session, event_id)
    if event is None:
        return None
    found = _find_attempt(session, event)
    if found is not None:
        refill, attempt = attempts.lock_attempt(session, found.key)
        notices.alarm(session, refill, attempt, f"{text}.")
    _close(event, "contradiction")
    return event.result


def _lock(session: Session, event_id: int) -> GatewayEvent | None:
    """The event, locked; None when it is handled."""
    return session.scalar(
        select(GatewayEvent)
        .where(GatewayEvent.id == event_id, GatewayEvent.handled_at.is_(None))
        .with_for_update()
        .execution_options(populate_existing=True)
    )


def _close(event: GatewayEvent, result: str) -> None:
    event.handled_at = now()
    event.result = result


def _find_attempt(session: Session, event: GatewayEvent) -> ChargeAttempt | None:
    return attempts.find_by_gateway(
        session,
        account_id=event.gateway_account_id,
        key=event.attempt_key,
        gateway_ref=event.gateway_ref,
    )
