"""The single door for news about a refund: worker, look-up, webhook and comparison enter here.

In one transaction and under the refill's lock: the refund's state, what is left of the refill, the
ledger posting, the mail row. News that came before changes nothing.
"""

from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import structlog

from billing import payment_returns, transactions
from core import jobs
from core.clock import now
from core.db import Session
from core.ids import new_id
from payments import auto_payment, notices, refunds
from payments.gateways.base import ChargeAnswer, Outcome
from payments.models import Refill
from payments.outcomes import Recorded
from payments.patience import DEFAULT_PATIENCE, SWEEP_EVERY, Patience
from payments.refund_models import Refund
from payments.refund_state import FINAL_STATES, RefundNews, RefundState, next_refund_state
from tenants.events import EventText

# What was given back is not taken again by an automatic charge a minute later.
AUTO_PAYMENT_REST = timedelta(days=1)
_NOTHING = "Nothing was given back."
_log = structlog.get_logger(__name__)


def record_outcome(
    session: Session,
    refund_id: UUID,
    answer: ChargeAnswer,
    *,
    patience: Patience = DEFAULT_PATIENCE,
    lease_owner: str | None = None,
) -> Recorded:
    """Write down what a gateway said about the refund, with all that follows from it.

    `lease_owner` is given by whoever sent the request: its news counts only while the lease is its
    own. Raises IllegalMoveError for news that contradicts a final state.
    """
    refill, refund = refunds.lock_both(session, refund_id)
    if lease_owner is not None and refund.lease_owner != lease_owner:
        _look_soon(session, refund, patience)
        return Recorded.FENCED
    news = RefundNews(answer.outcome.value)
    if news is RefundNews.APPROVED and not _is_exact(refund, answer):
        notices.tell_staff(
            session,
            refill,
            level="error",
            code="refund_amount_differs",
            text=EventText(
                "The gateway gave back %(given)s where %(wanted)s was asked for. Compare refund"
                " %(key)s with the gateway's own list.",
                given=(answer.approved_amount, refund.currency),
                wanted=(refund.amount, refund.currency),
                key=refund.key,
            ),
            dedupe=str(refund.id),
        )
        news = RefundNews.UNKNOWN
    return _apply(session, refill, refund, news, answer, patience)


def record_silence(
    session: Session, refund_id: UUID, news: RefundNews, *, patience: Patience = DEFAULT_PATIENCE
) -> Recorded:
    """Write down LEASE_OVER, ABSENT or IMPOSSIBLE: no gateway said anything about the refund."""
    refill, refund = refunds.lock_both(session, refund_id)
    answer = ChargeAnswer(outcome=Outcome.UNKNOWN, text=news.value)
    return _apply(session, refill, refund, news, answer, patience)


def record_impossible(session: Session, refund_id: UUID, why: str) -> Recorded:
    """End a refund that was never sent, saying why."""
    refill, refund = refunds.lock_both(session, refund_id)
    answer = ChargeAnswer(outcome=Outcome.REFUSED, text=why)
    return _apply(session, refill, refund, RefundNews.IMPOSSIBLE, answer, DEFAULT_PATIENCE)


def record_bounce(session: Session, refund_id: UUID, why: str) -> Recorded:
    """The gateway could not deliver a refund that it had approved: the money is ours again."""
    refill, refund = refunds.lock_both(session, refund_id)
    answer = ChargeAnswer(outcome=Outcome.DECLINED, gateway_ref=refund.gateway_ref or "", text=why)
    if refund.state in (RefundState.PROCESSING, RefundState.UNKNOWN):
        return _apply(session, refill, refund, RefundNews.DECLINED, answer, DEFAULT_PATIENCE)
    return _apply(session, refill, refund, RefundNews.BOUNCED, answer, DEFAULT_PATIENCE)


def _is_exact(refund: Refund, answer: ChargeAnswer) -> bool:
    """A void says no amount: it takes back all."""
    return refund.kind == "void" or answer.approved_amount == refund.amount


def _apply(
    session: Session,
    refill: Refill,
    refund: Refund,
    news: RefundNews,
    answer: ChargeAnswer,
    patience: Patience,
) -> Recorded:
    before = RefundState(refund.state)
    after = next_refund_state(before, news)
    if after is before and after in FINAL_STATES:
        return Recorded.SAME
    refund.gateway_ref = answer.gateway_ref or refund.gateway_ref
    refund.answer = {
        "outcome": answer.outcome.value,
        "code": answer.code,
        "text": answer.text,
        "raw": dict(answer.raw),
    }
    refund.lease_owner = refund.lease_until = None
    refunds.move(refund, news, note=_note(news, answer))
    match after:
        case RefundState.SUCCEEDED:
            _succeed(session, refill, refund)
        case RefundState.UNKNOWN:
            _look_soon(session, refund, patience)
        case RefundState.REQUESTED:
            _try_again(session, refund, patience)
        case RefundState.FAILED:
            _fail(session, refill, refund, before)
    session.flush()
    return Recorded.SAME if after is before else Recorded.MOVED


def _note(news: RefundNews, answer: ChargeAnswer) -> str:
    match news:
        case RefundNews.ABSENT:
            return f"The gateway has no record of it. {_NOTHING}"
        case RefundNews.NOT_SENT:
            return "The payment gateway could not be reached; it is tried again."
        case RefundNews.APPROVED | RefundNews.UNKNOWN | RefundNews.LEASE_OVER:
            return ""
        case _:
            return answer.text


def _succeed(session: Session, refill: Refill, refund: Refund) -> None:
    if refund.kind == "void":
        _book_void(session, refill, refund)
    else:
        _book_refund(session, refill, refund)
    # what is under way of the bank and of us can together be more than came: then the bank's stays
    refill.returned = min(refill.credited, refill.returned + refund.amount)
    session.flush()
    _rest_auto_payment(session, refill.client_id)
    if refund.kind == "void":
        notices.mail_void(session, refill)
    else:
        notices.mail_refund(session, refill, refund_id=refund.id, amount=refund.amount)
    notices.tell_staff(
        session,
        refill,
        level="info",
        code="refund_succeeded",
        text=EventText(
            "%(amount)s of a payment went back to the client.",
            amount=(refund.amount, refund.currency),
        ),
        dedupe=str(refund.id),
    )


def _book_refund(session: Session, refill: Refill, refund: Refund) -> None:
    booked = payment_returns.record_refund(
        session,
        refund_id=refund.id,
        payment_id=refill.id,
        amount=refund.amount,
        reason=refund.reason,
    )
    if booked is None:
        _tell_reversed(session, refill, refund)


def _book_void(session: Session, refill: Refill, refund: Refund) -> None:
    """The payment never took place: it is reversed as a whole."""
    if transactions.find_reversal(session, refill.id) is not None:
        # by hand, while ours was under way: the books say already what the gateway says
        return
    transactions.reverse(session, refill.id, reversal_id=refund.id, reason=refund.reason)


def _fail(session: Session, refill: Refill, refund: Refund, before: RefundState) -> None:
    if before is RefundState.SUCCEEDED:
        _take_back(session, refill, refund)
    notices.tell_staff(
        session,
        refill,
        level="error",
        code="refund_failed",
        text=EventText(
            "A refund of %(amount)s failed: %(reason)s",
            amount=(refund.amount, refund.currency),
            reason=refund.note or _NOTHING,
        ),
        dedupe=f"{refund.id}:{before.value}",
    )


def _take_back(session: Session, refill: Refill, refund: Refund) -> None:
    if refund.kind == "refund":
        payment_returns.reverse_refund(
            session, refund.id, reversal_id=new_id(), reason=refund.note or "The refund failed."
        )
    refill.returned = max(Decimal(0), refill.returned - refund.amount)


def _try_again(session: Session, refund: Refund, patience: Patience) -> None:
    """Certainly nothing left us: the same request, later and later."""
    wait = patience.retries[min(refund.sends, len(patience.retries)) - 1]
    refund.next_look_at = now() + max(wait, timedelta(seconds=1)) * min(2**refund.sends, 64)
    if wait < SWEEP_EVERY:
        jobs.enqueue(
            session,
            refunds.SEND,
            reseller_id=refund.reseller_id,
            delay_ms=round((refund.next_look_at - now()).total_seconds() * 1000),
            refund_id=str(refund.id),
        )


def _look_soon(session: Session, refund: Refund, patience: Patience) -> None:
    if RefundState(refund.state) in FINAL_STATES:
        return
    at = now()
    refund.next_look_at = patience.next_look(refund.looks, at)
    wait = refund.next_look_at - at
    if wait < SWEEP_EVERY:
        jobs.enqueue(
            session,
            refunds.LOOK_UP,
            reseller_id=refund.reseller_id,
            delay_ms=round(wait.total_seconds() * 1000),
            refund_id=str(refund.id),
        )


def _rest_auto_payment(session: Session, client_id: int) -> None:
    row = auto_payment.find_row(session, client_id)
    if row is None or not row.enabled:
        return
    row = auto_payment.lock_row(session, client_id)
    rested_at = now() + AUTO_PAYMENT_REST
    row.next_try_at = rested_at if row.next_try_at is None else max(row.next_try_at, rested_at)
    session.flush()


def _tell_reversed(session: Session, refill: Refill, refund: Refund) -> None:
    _log.error("refund.payment_reversed", refund=str(refund.id))
    notices.tell_staff(
        session,
        refill,
        level="error",
        code="refund_not_booked",
        text=EventText(
            "%(amount)s went back at the gateway, but the whole payment was reversed by hand"
            " meanwhile: nothing more is booked. Make a payment over the difference if only a part"
            " went back.",
            amount=(refund.amount, refund.currency),
        ),
        dedupe=str(refund.id),
    )
