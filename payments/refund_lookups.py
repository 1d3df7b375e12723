"""Asking a gateway what became of a refund whose outcome we do not know (`payments.md` 2.2)."""

from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import structlog

from core.clock import now
from core.db import Session
from core.ids import new_token
from payments import attempts, gateway_accounts, notices, refund_outcomes, refunding, refunds
from payments.gateway_accounts import OpenGateway, UnitOfWork
from payments.gateways.base import (
    ChargeAnswer,
    LookupResult,
    Outcome,
    RefundRequest,
    TransactionStatus,
)
from payments.models import Refill
from payments.outcomes import Recorded
from payments.patience import DEFAULT_PATIENCE, Patience
from payments.refund_models import Refund
from payments.refund_state import FINAL_STATES, RefundNews, RefundState
from tenants.events import EventText

_LONG_UNKNOWN = timedelta(hours=1)
_log = structlog.get_logger(__name__)


def look_up_refund(
    unit_of_work: UnitOfWork,
    open_gateway: OpenGateway,
    refund_id: UUID,
    *,
    patience: Patience = DEFAULT_PATIENCE,
) -> Recorded | None:
    """Ask what became of a refund and record what is found; None when there is nothing to ask."""
    wish = refunding.guarded(
        unit_of_work, refund_id, lambda s: _begin_look(s, open_gateway, refund_id, patience)
    )
    if wish is None:
        return None
    with closing(wish.gateway):
        found = _ask_safely(wish)
        decided = refunding.guarded(
            unit_of_work, refund_id, lambda s: _record_look(s, wish, found, patience)
        )
        if not isinstance(decided, refunding.Order):
            return decided
        return refunding.send_order(unit_of_work, wish.gateway, refund_id, decided, patience)


def _begin_look(
    session: Session, open_gateway: OpenGateway, refund_id: UUID, patience: Patience
) -> refunding.Wish | None:
    refill, refund = refunds.lock_both(session, refund_id)
    at = now()
    if refund.state not in (RefundState.PROCESSING, RefundState.UNKNOWN):
        return None
    if refund.lease_until is not None and refund.lease_until > at:
        return None
    if refund.state == RefundState.PROCESSING and at >= refunding.orphaned_at(refund, patience):
        refund_outcomes.record_silence(session, refund_id, RefundNews.LEASE_OVER, patience=patience)
    refund.looks += 1
    refund.looked_at = at
    owner = new_token()
    if refund.state == RefundState.UNKNOWN:
        refund.lease_owner, refund.lease_until = owner, at + patience.lease
        refund.next_look_at = refund.lease_until
    else:
        refund.next_look_at = min(
            patience.next_look(refund.looks, at), refunding.orphaned_at(refund, patience)
        )
    session.flush()
    attempt = attempts.find_latest(session, refill.id)
    account = gateway_accounts.get_account(session, refund.gateway_account_id)
    return refunding.Wish(
        refund.id,
        refund.kind,
        refund.key,
        open_gateway(account),
        (attempt.gateway_ref if attempt else "") or "",
        refund.first_sent_at or refund.created_at,
        owner,
        RefundState(refund.state),
    )


@dataclass(frozen=True, slots=True)
class _Found:
    """What a look told; `answer` None with `is_absent`: the gateway has no record of it."""

    answer: ChargeAnswer | None = None
    is_absent: bool = False


def _ask_safely(wish: refunding.Wish) -> _Found:
    """What surprises us in an answer must not stop the waiting."""
    try:
        return _ask_void(wish) if wish.kind == "void" else _ask_refund(wish)
    except Exception:  # noqa: BLE001 (whatever it is: the look told nothing)
        _log.exception("refund.look_failed", refund=str(wish.refund_id))
        return _Found()


def _ask_void(wish: refunding.Wish) -> _Found:
    """A void has no number of its own: the payment says whether it took place."""
    payment = wish.gateway.fetch(wish.payment_ref).value
    if payment is None:
        return _Found()
    if payment.status is TransactionStatus.VOIDED:
        return _Found(ChargeAnswer(outcome=Outcome.APPROVED, gateway_ref=wish.payment_ref))
    if payment.status is TransactionStatus.SETTLED and wish.gateway.refunds_settled_only:
        text = "The payment was settled before it could be voided: make a refund."
        return _Found(ChargeAnswer(outcome=Outcome.DECLINED, text=text))
    return _Found(is_absent=True)


def _ask_refund(wish: refunding.Wish) -> _Found:
    lookup = wish.gateway.find(key=wish.key, since=wish.since)
    if lookup.result is LookupResult.CANNOT_TELL:
        return _Found()
    if not lookup.refunds:
        return _Found(is_absent=True)
    told = [one.to_answer() for one in lookup.refunds]
    approved = [one for one in told if one.outcome is Outcome.APPROVED]
    return _Found((approved or told)[0])


def _record_look(
    session: Session, wish: refunding.Wish, found: _Found, patience: Patience
) -> refunding.Order | Recorded | None:
    refill, refund = refunds.lock_both(session, wish.refund_id)
    if RefundState(refund.state) in FINAL_STATES:
        return Recorded.SAME
    if found.answer is not None:
        return refund_outcomes.record_outcome(session, refund.id, found.answer, patience=patience)
    if refund.state != RefundState.UNKNOWN or refund.lease_owner != wish.owner:
        return Recorded.SAME
    at = now()
    if found.is_absent:
        first, last = refund.first_sent_at or at, refund.last_sent_at or at
        if at < first + patience.resend_within:
            if at < last + patience.lease:
                # whoever sent it last may still be sending
                refund.lease_owner = refund.lease_until = None
                refund.next_look_at = last + patience.lease
                return Recorded.SAME
            refund.last_sent_at = at
            refund.sends += 1
            refund.lease_until = at + patience.lease
            refund.next_look_at = refund.lease_until
            session.flush()
            request = RefundRequest.from_json(refund.request)
            return refunding.Order(wish.owner, refund.kind, wish.payment_ref, request)
        if at >= refunding.orphaned_at(refund, patience):
            return refund_outcomes.record_silence(
                session, refund.id, RefundNews.ABSENT, patience=patience
            )
    _tell_if_long(session, refill, refund)
    silence = ChargeAnswer(outcome=Outcome.UNKNOWN, text="not known yet")
    return refund_outcomes.record_outcome(session, refund.id, silence, patience=patience)


def _tell_if_long(session: Session, refill: Refill, refund: Refund) -> None:
    if now() - (refund.first_sent_at or refund.created_at) > _LONG_UNKNOWN:
        notices.tell_staff(
            session,
            refill,
            level="error",
            code="refund_long_unknown",
            text=EventText(
                "What became of a refund is unknown for more than an hour; the gateway is asked"
                " again and again."
            ),
            dedupe=str(refund.id),
        )
