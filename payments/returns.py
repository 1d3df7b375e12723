"""Money that left again although we gave nothing back: what the gateway says of a booked payment.

What the client's bank does, a chargeback or its end, is booked by itself: nobody can change it.
What somebody did at the gateway by hand is told to the staff, who book it with one click where the
lists are compared; of our own refunds and voids nothing needs to be told.
"""

from decimal import Decimal

from billing import payment_returns
from core.clock import now
from core.db import Session
from core.ids import new_id
from payments import auto_payment, auto_steps, disagreements, notices, refund_outcomes, refunds
from payments.disagreements import WENT_BACK
from payments.gateways.answers import (
    GatewayTransaction,
    Lookup,
    Outcome,
    TransactionStatus,
    weight_of,
)
from payments.models import ChargeAttempt, Refill
from payments.refund_models import Refund
from payments.refund_state import RefundState
from tenants.events import EventText

DISPUTED = frozenset(
    {
        TransactionStatus.CHARGEBACK,
        TransactionStatus.CHARGEBACK_REVERSED,
        TransactionStatus.RETURNED,
    }
)
NEWS = WENT_BACK | DISPUTED
"""Statuses of a booked payment that mean something for the books."""


def tell_of_all(session: Session, refill: Refill, attempt: ChargeAttempt, lookup: Lookup) -> None:
    """Compare all that carries the key with the one transaction that is booked."""
    for charge in lookup.charges:
        if charge.gateway_ref == attempt.gateway_ref:
            record_status(session, refill, attempt, charge)
        elif weight_of(charge):
            disagreements.tell_of_second_payment(session, refill, attempt, charge)
    for refund in lookup.refunds:
        record_refund(session, refill, attempt, refund)


def record_status(
    session: Session, refill: Refill, attempt: ChargeAttempt, payment: GatewayTransaction
) -> str:
    """Act on what the gateway says now of the booked payment; answers the result, in one word.

    The caller has locked the refill, and the payment is the one that is booked.
    """
    if payment.status is TransactionStatus.SETTLED and attempt.settled_at is None:
        attempt.settled_at = now()
        session.flush()
    if payment.status is TransactionStatus.CHARGEBACK:
        return _charge_back(session, refill, payment.disputed_amount or refill.credited)
    if payment.status is TransactionStatus.RETURNED:
        return _charge_back(session, refill, refill.credited, is_returned=True)
    if payment.status is TransactionStatus.CHARGEBACK_REVERSED:
        return _win_back(session, refill)
    if payment.status not in WENT_BACK:
        return "same"
    own = refunds.find_open(session, refill.id)
    if payment.status is TransactionStatus.VOIDED and own is not None and own.kind == "void":
        return _finish_void(session, own, payment)
    if refill.returned >= refill.credited:
        # all of it went back through us
        return "same"
    if own is not None and payment.status is not TransactionStatus.SETTLEMENT_ERROR:
        # ours is on its way: its own answer or look-up says what became of it
        return "waiting"
    disagreements.tell_of_return(session, refill, attempt, payment)
    return "correction"


def record_refund(
    session: Session, refill: Refill, attempt: ChargeAttempt, refund: GatewayTransaction
) -> str:
    """Act on money that the gateway gave back; our own refund is settled, another one is told."""
    own = _find_own(session, attempt, refund)
    if own is None:
        disagreements.tell_of_refund(session, refill, attempt, refund)
        return "refund"
    return record_own_refund(session, own, refund)


def record_own_refund(session: Session, own: Refund, refund: GatewayTransaction) -> str:
    """What the gateway says now of a refund that we asked for or have booked."""
    outcome = refund.to_answer().outcome
    if outcome is Outcome.DECLINED and own.state != RefundState.FAILED:
        text = refund.text or "The client's bank did not take the refund."
        return refund_outcomes.record_bounce(session, own.id, text).value
    if outcome is Outcome.APPROVED and own.state in (RefundState.PROCESSING, RefundState.UNKNOWN):
        return refund_outcomes.record_outcome(session, own.id, refund.to_answer()).value
    return "same"


def find_own(session: Session, account_id: int, refund: GatewayTransaction) -> Refund | None:
    """Our refund that the gateway's transaction is: by its key, or by the number it got."""
    by_key = refunds.find_by_key(session, account_id, refund.key)
    return by_key or refunds.find_by_ref(session, account_id, refund.gateway_ref)


def _find_own(
    session: Session, attempt: ChargeAttempt, refund: GatewayTransaction
) -> Refund | None:
    own = find_own(session, attempt.gateway_account_id, refund)
    if own is not None or not refund.is_void:
        return own
    # a void at a gateway that gives the whole payment back has a number and no key of ours
    found = refunds.find_open(session, attempt.refill_id)
    if found is None or found.kind != "void":
        found = refunds.find_last_void(session, attempt.refill_id)
    return found


def _finish_void(session: Session, own: Refund, payment: GatewayTransaction) -> str:
    if own.state == RefundState.REQUESTED:
        # its own sending will find it voided
        return "waiting"
    answer = payment.to_answer(is_duplicate=True)
    approved = type(answer)(outcome=Outcome.APPROVED, gateway_ref=answer.gateway_ref)
    return refund_outcomes.record_outcome(session, own.id, approved).value


def _charge_back(
    session: Session, refill: Refill, amount: Decimal, *, is_returned: bool = False
) -> str:
    """`is_returned`: the bank did not pay a debit after all; there is nothing to answer."""
    if refill.charged_back > 0:
        return "same"
    taken, chargeback_id = min(amount, refill.credited), new_id()
    booked = payment_returns.record_chargeback(
        session,
        chargeback_id=chargeback_id,
        payment_id=refill.id,
        amount=taken,
        reason="The client's bank took the payment back.",
    )
    refill.charged_back = taken
    session.flush()
    _suspend_auto_payment(session, refill)
    notices.mail_chargeback(session, refill, dispute=str(chargeback_id), amount=taken)
    notices.tell_staff(
        session,
        refill,
        level="error",
        code="payment_charged_back",
        text=EventText(
            "The client's bank returned the debit of %(amount)s. It is taken off the balance, and"
            " automatic charges are suspended until you resume them.",
            amount=(taken, refill.currency),
        )
        if booked is not None and is_returned
        else EventText(
            "The client's bank took back %(amount)s of a payment (chargeback). It is taken off the"
            " balance, and automatic charges are suspended. Answer the dispute at the gateway.",
            amount=(taken, refill.currency),
        )
        if booked is not None
        else EventText(
            "The client's bank took back %(amount)s of a payment (chargeback) that was reversed"
            " here before: nothing is booked. Answer the dispute at the gateway.",
            amount=(taken, refill.currency),
        ),
        dedupe=f"{refill.id}:{now().isoformat()}",
    )
    return "charged back"


def _win_back(session: Session, refill: Refill) -> str:
    if refill.charged_back <= 0:
        return "same"
    amount, reversal_id = refill.charged_back, new_id()
    payment_returns.record_chargeback_reversal(
        session,
        reversal_id=reversal_id,
        payment_id=refill.id,
        amount=amount,
        reason="The chargeback was won.",
    )
    refill.charged_back = Decimal(0)
    session.flush()
    notices.mail_chargeback_reversed(session, refill, dispute=str(reversal_id), amount=amount)
    notices.tell_staff(
        session,
        refill,
        level="info",
        code="chargeback_won",
        text=EventText(
            "The chargeback of %(amount)s was won: the money is on the balance again. Automatic"
            " charges stay suspended until you resume them.",
            amount=(amount, refill.currency),
        ),
        dedupe=f"{refill.id}:{now().isoformat()}",
    )
    return "chargeback won"


def _suspend_auto_payment(session: Session, refill: Refill) -> None:
    """Who disputes a payment is not charged by itself again until the staff say so."""
    row = auto_payment.find_row(session, refill.client_id)
    if row is None or not row.enabled:
        return
    row = auto_payment.lock_row(session, refill.client_id)
    if row.suspended_at is not None and row.suspended_reason == auto_payment.DISPUTED:
        return
    # declines may have suspended it before: another card ends that, and not this
    row.suspended_at = row.suspended_at or now()
    row.suspended_reason = auto_payment.DISPUTED
    row.next_try_at = None
    auto_steps.record_step(
        session,
        row,
        "suspended",
        currency=refill.currency,
        refill=refill,
        reason=row.suspended_reason,
    )
