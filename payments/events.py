"""What a gateway tells us by itself: stored once, handled later, and only ever taken as a hint.

The signature may have no time in it, so an event can be replayed for ever: its id is unique. What
it speaks of is asked from the gateway; the answer enters at the same door as everything else.
"""

from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta

import structlog
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import OperationalError

from core import jobs
from core.clock import now
from core.db import Session
from core.errors import TooManyAttemptsError
from payments import (
    attempts,
    disagreements,
    gateway_accounts,
    lookups,
    notices,
    outcomes,
    recording,
    returns,
    saved_cards,
)
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
from payments.models import ChargeAttempt, GatewayAccount, GatewayEvent
from payments.patience import DEFAULT_PATIENCE, Patience
from payments.state import AttemptState
from tenants import events as event_log
from tenants.events import EventText

_log = structlog.get_logger(__name__)

_CARD_EVENTS = frozenset({EventKind.METHOD_CHANGED, EventKind.METHOD_DELETED})
# What a gateway could not be asked about for so long is told by the look-ups alone.
EVENT_LIFE = timedelta(days=7)
# The job that was sent with the row gets this long before the sweep counts it as lost.
_LOST_AFTER = timedelta(seconds=20)
# A busy shop makes some hundred payments a minute, each with an event or two.
MOST_PER_MINUTE = 600
_MINUTE = timedelta(minutes=1)
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
            next_look_at=now() + _LOST_AFTER,
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


def check_rate(session: Session, account: GatewayAccount) -> None:
    """Raises TooManyAttemptsError for an account that told us too much within a minute.

    The gateway tells it again later, and the look-ups need no webhook.
    """
    at = now()
    latest = (
        select(GatewayEvent.id)
        .where(
            GatewayEvent.gateway_account_id == account.id, GatewayEvent.received_at > at - _MINUTE
        )
        .limit(MOST_PER_MINUTE)
        .subquery()
    )
    count = session.scalar(select(func.count()).select_from(latest)) or 0
    if count >= MOST_PER_MINUTE:
        raise TooManyAttemptsError("Too many webhooks. Send it again later.", retry_after_s=60)


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
        is_waiting = _put_off(session, event_id, patience)
    if not is_waiting:
        return None
    with unit_of_work() as session:
        question = _begin(session, open_gateway, event_id)
    if question is None:
        return None
    with closing(question.gateway):
        reply = question.gateway.fetch(question.gateway_ref)
    if not reply.ok and reply.status is not ReplyStatus.NOT_FOUND:
        # busy, in maintenance, wrong credentials: none of it says anything about the event
        return None
    try:
        with unit_of_work() as session:
            return _finish(session, event_id, reply, patience)
    except IllegalMoveError as error:
        _log.error("payment.event_contradicts", event_id=event_id, reason=error.message)
        with unit_of_work() as session:
            return _record_contradiction(session, event_id, error.message)
    except OperationalError:
        raise
    except Exception as error:  # noqa: BLE001 (whatever it is: money must not vanish with it)
        _log.exception("payment.event_not_recorded", event_id=event_id)
        with unit_of_work() as session:
            return _tell_of_failure(session, event_id, reply, recording.reason_of(error))


def _put_off(session: Session, event_id: int, patience: Patience) -> bool:
    """Whether the event waits for us. It is put off first, in a transaction of its own.

    So one whose handling dies, or whose account's credentials do not open, does not come back each
    half minute before all others. One that is too old is given up, and the staff are told.
    """
    event = _lock(session, event_id)
    if event is None:
        return False
    at = now()
    if event.received_at < at - EVENT_LIFE:
        _give_up(session, event)
        return False
    event.next_look_at = max(patience.next_look(event.looks, at), at + _LOST_AFTER)
    event.looks += 1
    return True


def _give_up(session: Session, event: GatewayEvent) -> None:
    account = gateway_accounts.get_account(session, event.gateway_account_id)
    found = _find_attempt(session, event)
    event_log.record(
        session,
        reseller_id=event.reseller_id,
        client_id=None if found is None else found.client_id,
        level="error",
        service="payments",
        code="webhook_given_up",
        text=EventText(
            "The gateway %(gateway)s told us something about its transaction %(payment)s, and for"
            " %(days)s days it could not be asked about it. Look at it there, and at the gateway's"
            " credentials.",
            gateway=account.name,
            payment=event.gateway_ref,
            days=EVENT_LIFE.days,
        ),
        object_type="gateway_account" if found is None else "refill",
        object_id=account.id if found is None else found.refill_id,
        dedupe_key=f"webhook_given_up:{event.id}",
    )
    _close(event, "given up")


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
    # a refund made at the gateway has its own number, and often no key: it names its payment
    is_refund = event.kind == EventKind.REFUND_CREATED
    if not event.gateway_ref or (not is_refund and _find_attempt(session, event) is None):
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
    if transaction is not None and transaction.is_refund:
        result = _record_refund(session, event, transaction)
    elif found is None or transaction is None or transaction.key != found.key:
        result = "mismatch"
    else:
        result = _record(session, found.key, transaction, patience)
    _close(event, result)
    return result


def _record(session: Session, key: str, transaction: GatewayTransaction, patience: Patience) -> str:
    refill, attempt = attempts.lock_attempt(session, key)
    if _is_second_payment(attempt, transaction):
        disagreements.tell_of_second_payment(session, refill, attempt, transaction)
        return "second payment"
    if attempt.state == AttemptState.SUCCEEDED and transaction.status in returns.NEWS:
        return returns.record_status(session, refill, attempt, transaction)
    answer = transaction.to_answer()
    if transaction.status is TransactionStatus.AWAITING_RELEASE:
        # the sender releases it, or else a look-up does
        return "waiting"
    if answer.outcome is Outcome.DECLINED and refill.method == "hosted_page":
        # of one transaction; a look-up reads whether another one of the page took money
        jobs.enqueue(
            session, "payments.look_up", reseller_id=attempt.reseller_id, attempt_key=attempt.key
        )
        return "looking"
    if not lookups.is_conclusive(refill, attempt, answer.outcome, now(), patience):
        return "inconclusive"
    if transaction.requested_amount != refill.amount:
        notices.alarm(session, refill, attempt, "The gateway has another amount under this key.")
        return "amount differs"
    recorded = outcomes.record_outcome(session, key, answer, patience=patience)
    if attempt.state == AttemptState.SUCCEEDED and attempt.gateway_ref == transaction.gateway_ref:
        # settled, or disputed before we had heard that it was paid
        returns.record_status(session, refill, attempt, transaction)
    return recorded.value


def _is_second_payment(attempt: ChargeAttempt, transaction: GatewayTransaction) -> bool:
    """Whether money moved beside the payment that is booked.

    Two pages of one payment can be open at once, and the duplicate window knows cards, not keys.
    """
    return (
        attempt.state == AttemptState.SUCCEEDED
        and bool(attempt.gateway_ref)
        and transaction.gateway_ref != attempt.gateway_ref
        and (
            transaction.status in returns.NEWS
            or transaction.to_answer().outcome in (Outcome.APPROVED, Outcome.PENDING)
        )
    )


def _record_refund(session: Session, event: GatewayEvent, refund: GatewayTransaction) -> str:
    own = returns.find_own(session, event.gateway_account_id, refund)
    if own is not None:
        return returns.record_own_refund(session, own, refund)
    found = attempts.find_by_gateway(
        session,
        account_id=event.gateway_account_id,
        key=refund.key,
        gateway_ref=refund.original_ref,
    )
    if found is None:
        return "not ours"
    refill, attempt = attempts.lock_attempt(session, found.key)
    return returns.record_refund(session, refill, attempt, refund)


def _tell_of_failure(
    session: Session, event_id: int, reply: Reply[GatewayTransaction], reason: str
) -> str | None:
    """The event stays open and is tried again; a refill that is open is looked up besides."""
    event = _lock(session, event_id)
    found = None if event is None else _find_attempt(session, event)
    if found is not None:
        answer = None if reply.value is None else reply.value.to_answer()
        recording.tell_of_failure(session, found.key, answer, reason)
    return None


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
