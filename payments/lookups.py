"""Asking a gateway what became of an attempt whose outcome we do not know (`payments.md` 2.2).

First the gateway's lists are read. Only what is in none of them may be sent again: the identical
request, within six hours, when the last sender's lease is over. Later its absence is final.
"""

from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

import structlog

from core.clock import now
from core.db import Session
from core.ids import new_token
from payments import (
    attempts,
    charging,
    gateway_accounts,
    notices,
    outcomes,
    recording,
    refills,
    returns,
)
from payments.attempts import Lease
from payments.gateway_accounts import OpenGateway, UnitOfWork
from payments.gateways.base import (
    ChargeAnswer,
    ChargeRequest,
    Gateway,
    GatewayTransaction,
    Lookup,
    LookupResult,
    Outcome,
    TransactionStatus,
)
from payments.models import ChargeAttempt, Refill
from payments.outcomes import Recorded
from payments.patience import DEFAULT_PATIENCE, Patience
from payments.state import FINAL_ATTEMPT_STATES, AttemptState, News
from tenants.events import EventText

_LONG_UNKNOWN = timedelta(hours=1)
# What is held is asked about once an hour: this is two looks in vain.
_LONG_UNREAD = timedelta(hours=2)
# What somebody has to decide about at the gateway.
_DECIDABLE = frozenset({TransactionStatus.HELD, TransactionStatus.ACTION_REQUIRED})
_log = structlog.get_logger(__name__)


class _Seen(StrEnum):
    """What a look found."""

    TRANSACTION = "transaction"
    NOTHING = "nothing"
    # The lists could not be read: this proves nothing.
    UNREADABLE = "unreadable"
    # The gateway and we do not agree: a person must look.
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class _Look:
    """One look at one attempt: what to ask, and by which right."""

    lease: Lease
    state: AttemptState
    gateway: Gateway
    gateway_ref: str
    since: datetime
    customer_ref: str
    amount: Decimal
    # the client's bank wanted a confirmation, and the time for it is over
    is_too_late: bool
    # what the staff decided about one that is held; empty: nothing
    decision: str = ""


@dataclass(frozen=True, slots=True)
class _Found:
    seen: _Seen
    answer: ChargeAnswer | None = None
    # what the answer was read from
    transaction: GatewayTransaction | None = None
    text: str = ""
    gateway_ref: str = ""
    lookup: Lookup | None = None


def look_up_attempt(
    unit_of_work: UnitOfWork,
    open_gateway: OpenGateway,
    key: str,
    *,
    patience: Patience = DEFAULT_PATIENCE,
) -> Recorded | None:
    """Ask about one attempt and record what is found; None when there is nothing to ask now.

    Safe to call at any time: it does nothing for an attempt that is final, being sent, or being
    looked up by somebody else.
    """
    look = recording.begin_or_postpone(
        unit_of_work,
        lambda session: _begin(session, open_gateway, key, patience),
        lambda session: _find_refill(session, key),
    )
    if look is None:
        return None
    with closing(look.gateway):
        found = _ask_safely(unit_of_work, look)
        written = recording.record_or_tell(
            unit_of_work,
            key,
            found.answer,
            lambda session: _record(session, look, found, patience),
            patience=patience,
        )
        recorded, again = written or (Recorded.TROUBLE, None)
        if again is None:
            return recorded
        return charging.send(unit_of_work, look.gateway, look.lease, again, patience=patience)


def is_conclusive(
    refill: Refill, attempt: ChargeAttempt, outcome: Outcome, at: datetime, patience: Patience
) -> bool:
    """Whether what the gateway says now can be the last word on the attempt.

    On a hosted page the client may be declined and try another card: until nobody can pay there any
    more, only money counts.
    """
    if outcome in (Outcome.APPROVED, Outcome.PENDING):
        return True
    if outcome is not Outcome.DECLINED:
        return False
    return refill.method != "hosted_page" or _is_orphaned(refill, attempt, at, patience)


def _begin(
    session: Session, open_gateway: OpenGateway, key: str, patience: Patience
) -> _Look | None:
    refill, attempt = attempts.lock_attempt(session, key)
    at = now()
    if attempt.state in FINAL_ATTEMPT_STATES or attempt.first_sent_at is None:
        return None
    if _is_being_sent(refill, attempt, at):
        return None
    if attempt.state == AttemptState.SENDING and _is_orphaned(refill, attempt, at, patience):
        outcomes.record_silence(session, key, News.LEASE_OVER, patience=patience)
    if attempt.state == AttemptState.SENDING and attempts.was_just_asked(attempt, at, patience):
        # a page is looked at without a lease: opened a thousand times, it is still asked about once
        return None
    attempt.looks += 1
    attempt.looked_at = at
    owner = new_token()
    if attempt.state == AttemptState.UNKNOWN:
        attempt.lease_owner = owner
        attempt.lease_until = at + patience.lease
        # should this look die, the sweep looks again when its lease is over
        refill.next_look_at = attempt.lease_until
    else:
        refill.next_look_at = _next_watch(refill, attempt, at, patience)
    session.flush()
    account = gateway_accounts.get_account(session, attempt.gateway_account_id)
    return _Look(
        lease=Lease(key, owner, attempt.lease_until or at),
        state=AttemptState(attempt.state),
        gateway=open_gateway(account),
        gateway_ref=attempt.gateway_ref or "",
        since=attempt.first_sent_at,
        customer_ref=str(attempt.request.get("customer_profile_ref", "")),
        amount=refill.amount,
        is_too_late=at >= attempt.first_sent_at + patience.confirmation,
        decision=attempt.decision or "",
    )


def _next_watch(
    refill: Refill, attempt: ChargeAttempt, at: datetime, patience: Patience
) -> datetime:
    """When to look again at what is held, or what somebody may still be sending."""
    if attempt.state == AttemptState.HELD:
        return at + patience.held_look
    orphaned_at = attempts.orphaned_at(refill, attempt, patience)
    return min(patience.next_look(attempt.looks, at), orphaned_at)


def _is_being_sent(refill: Refill, attempt: ChargeAttempt, at: datetime) -> bool:
    """Whether somebody else is at it. The page of a hosted payment may be looked at while open."""
    is_page = attempt.state == AttemptState.SENDING and refill.method == "hosted_page"
    return not is_page and attempt.lease_until is not None and attempt.lease_until > at


def _is_orphaned(refill: Refill, attempt: ChargeAttempt, at: datetime, patience: Patience) -> bool:
    """Whether whatever was sent last, or paid on a page opened last, can no longer arrive."""
    return at >= attempts.orphaned_at(refill, attempt, patience)


def _ask_safely(unit_of_work: UnitOfWork, look: _Look) -> _Found:
    """What surprises us in an answer must not stop the waiting, which the staff are told of."""
    try:
        return _ask(unit_of_work, look)
    except Exception as error:  # noqa: BLE001 (whatever it is: the look told nothing)
        _log.exception("payment.look_failed", attempt=look.lease.key)
        return _Found(_Seen.UNREADABLE, text=type(error).__name__)


def _ask(unit_of_work: UnitOfWork, look: _Look) -> _Found:
    if look.state is AttemptState.HELD and look.gateway_ref:
        reply = look.gateway.fetch(look.gateway_ref)
        if not reply.ok or reply.value is None:
            return _Found(_Seen.UNREADABLE, text=reply.text)
        is_returned = reply.value.status is TransactionStatus.RETURNED
        if is_returned or reply.value.to_answer().outcome is not Outcome.DECLINED:
            return _judge(unit_of_work, look, reply.value)
        # of one transaction; another one under the key may have taken money
    lookup = look.gateway.find(key=look.lease.key, since=look.since, customer_ref=look.customer_ref)
    if lookup.result is LookupResult.CANNOT_TELL:
        return _Found(_Seen.UNREADABLE, text=lookup.text)
    if lookup.result is LookupResult.NOT_FOUND:
        return _Found(_Seen.NOTHING)
    if lookup.deciding is None:
        return _Found(_Seen.UNCLEAR, text="The gateway has a refund under this key and no charge.")
    return _judge(unit_of_work, look, lookup.deciding, lookup)


def _judge(
    unit_of_work: UnitOfWork,
    look: _Look,
    transaction: GatewayTransaction,
    lookup: Lookup | None = None,
) -> _Found:
    """What the transaction that decides says of the attempt."""
    ref = transaction.gateway_ref
    if transaction.requested_amount != look.amount:
        text = "The gateway has another amount under this key."
        return _Found(_Seen.UNCLEAR, text=text, gateway_ref=ref)
    if transaction.status is TransactionStatus.ACTION_REQUIRED and look.is_too_late:
        return _cancel(look, transaction)
    if look.decision and transaction.status in _DECIDABLE:
        return _tell_decision(unit_of_work, look, transaction)
    if transaction.status is TransactionStatus.AWAITING_RELEASE:
        # a lost answer left the approved part reserved; releasing it is harmless to repeat
        answer = look.gateway.release(transaction, before_send=lambda: _is_open(unit_of_work, look))
    else:
        answer = transaction.to_answer()
    if answer.outcome is Outcome.UNKNOWN:
        text = f"The gateway says: {transaction.status}."
        return _Found(_Seen.UNCLEAR, text=text, gateway_ref=ref)
    return _Found(_Seen.TRANSACTION, answer, transaction, gateway_ref=ref, lookup=lookup)


def _cancel(look: _Look, transaction: GatewayTransaction) -> _Found:
    """Nobody confirmed the charge in its time: end it at the gateway, so that nothing comes later.

    Only what the gateway has cancelled is final; else the next look tells what has become of it.
    """
    ref = transaction.gateway_ref
    if look.gateway.void(ref).outcome is not Outcome.APPROVED:
        return _Found(_Seen.UNREADABLE, text="the unconfirmed charge could not be cancelled")
    text = "The payment was not confirmed at the bank in time."
    answer = ChargeAnswer(outcome=Outcome.DECLINED, gateway_ref=ref, text=text)
    return _Found(_Seen.TRANSACTION, answer, gateway_ref=ref)


def _tell_decision(
    unit_of_work: UnitOfWork, look: _Look, transaction: GatewayTransaction
) -> _Found:
    """Tell the gateway what the staff decided; only what it then says of the payment counts."""
    ref = transaction.gateway_ref
    told = look.gateway.decide_held(
        ref,
        approve=look.decision == "approve",
        before_send=lambda: _is_open(unit_of_work, look),
    )
    present = look.gateway.fetch(ref).value
    if present is None or present.status in _DECIDABLE:
        text = told.text or "the decision about a held payment was not taken"
        return _Found(_Seen.UNREADABLE, text=text)
    return _Found(_Seen.TRANSACTION, present.to_answer(), gateway_ref=ref)


def _is_open(unit_of_work: UnitOfWork, look: _Look) -> bool:
    with unit_of_work() as session:
        return attempts.get_attempt(session, look.lease.key).state not in FINAL_ATTEMPT_STATES


def _record(
    session: Session, look: _Look, found: _Found, patience: Patience
) -> tuple[Recorded, ChargeRequest | None]:
    """Write down what was found; with it, the request that may be sent again."""
    key = look.lease.key
    refill, attempt = attempts.lock_attempt(session, key)
    at = now()
    if attempt.state in FINAL_ATTEMPT_STATES:
        return Recorded.SAME, None
    if found.answer is not None and is_conclusive(
        refill, attempt, found.answer.outcome, at, patience
    ):
        recorded = outcomes.record_outcome(session, key, found.answer, patience=patience)
        if attempt.state == AttemptState.SUCCEEDED:
            _tell_of_more(session, refill, attempt, found)
        return recorded, None
    if found.seen is _Seen.UNCLEAR:
        notices.alarm(session, refill, attempt, found.text)
    if attempt.state == AttemptState.HELD and found.answer is None:
        _tell_if_long_unread(session, refill, attempt)
    if attempt.state != AttemptState.UNKNOWN or attempt.lease_owner != look.lease.owner:
        return Recorded.SAME, None
    if found.seen is _Seen.NOTHING:
        return _record_absence(session, refill, attempt, at, patience)
    return _wait(session, refill, attempt, patience, found.gateway_ref), None


def _tell_of_more(session: Session, refill: Refill, attempt: ChargeAttempt, found: _Found) -> None:
    """What is booked now may be settled, or have gone back again, before we had heard of it."""
    if found.lookup is not None:
        # one of several is booked: the staff hear of the others at once
        returns.tell_of_all(session, refill, attempt, found.lookup)
    elif found.transaction is not None and found.gateway_ref == attempt.gateway_ref:
        returns.record_status(session, refill, attempt, found.transaction)


def _record_absence(
    session: Session, refill: Refill, attempt: ChargeAttempt, at: datetime, patience: Patience
) -> tuple[Recorded, ChargeRequest | None]:
    first, last = attempt.first_sent_at or at, attempt.last_sent_at or at
    is_card = refill.method == "saved_card"
    if is_card and at < first + patience.resend_within:
        if attempts.find_obstacle(session, refill):
            # to send it again would be a new charge; that nothing came is final later
            return _wait(session, refill, attempt, patience), None
        if at < last + patience.lease:
            # whoever sent it last may still be sending
            recorded = _wait(session, refill, attempt, patience)
            refill.next_look_at = min(refill.next_look_at or at, last + patience.lease)
            session.flush()
            return recorded, None
        attempt.last_sent_at = at
        attempt.lease_until = at + patience.lease
        refill.next_look_at = attempt.lease_until
        session.flush()
        return Recorded.SAME, ChargeRequest.from_json(attempt.request)
    if not _is_orphaned(refill, attempt, at, patience):
        return _wait(session, refill, attempt, patience), None
    return outcomes.record_silence(session, attempt.key, News.ABSENT, patience=patience), None


def _wait(
    session: Session,
    refill: Refill,
    attempt: ChargeAttempt,
    patience: Patience,
    gateway_ref: str = "",
) -> Recorded:
    """Give the lease back and look again later; after an hour the staff are told."""
    if now() - attempt.created_at > _LONG_UNKNOWN:
        notices.tell_staff(
            session,
            refill,
            level="error",
            code="payment_long_unknown",
            text=EventText(
                "The outcome of a payment is unknown for more than an hour; it is asked for again"
                " and again."
            ),
        )
    silence = ChargeAnswer(outcome=Outcome.UNKNOWN, gateway_ref=gateway_ref, text="not known yet")
    return outcomes.record_outcome(session, attempt.key, silence, patience=patience)


def _tell_if_long_unread(session: Session, refill: Refill, attempt: ChargeAttempt) -> None:
    """`updated_at` is when the gateway last said that the payment is held."""
    if now() - attempt.updated_at > _LONG_UNREAD:
        notices.tell_staff(
            session,
            refill,
            level="error",
            code="payment_long_unknown",
            text=EventText(
                "A payment is held for review at the gateway, which cannot be asked about it for"
                " more than two hours; it is asked again and again."
            ),
        )


def _find_refill(session: Session, key: str) -> Refill | None:
    attempt = attempts.find_attempt(session, key)
    return None if attempt is None else refills.find_locked(session, attempt.refill_id)
