"""The single door for news about an attempt: worker, look-up and webhook all enter here.

In one transaction and under the refill's lock: the attempt's state, the refill's state, the ledger
posting, the mail row. News that came before changes nothing.
"""

from enum import StrEnum

from sqlalchemy import select, update

from billing import transactions
from core import jobs
from core.clock import now
from core.db import Session
from core.errors import InvariantError
from payments import attempts, dunning, gateway_accounts, notices, refills
from payments.gateways.base import (
    CLEARING_CODE,
    CONFIRMATION_CODE,
    ChargeAnswer,
    MethodKind,
    Outcome,
)
from payments.gateways.declines import kind_of
from payments.models import ChargeAttempt, Refill, SavedCard
from payments.notices import Decline
from payments.patience import DEFAULT_PATIENCE, SWEEP_EVERY, Patience, next_debit_look
from payments.state import (
    FINAL_ATTEMPT_STATES,
    AttemptState,
    News,
    RefillNews,
    next_attempt_state,
)

_NOTHING = "Nothing was charged."


class Recorded(StrEnum):
    """What became of the news."""

    MOVED = "moved"
    # It was known already, or something newer is.
    SAME = "same"
    # The teller's lease was taken over: its news is not booked, a look-up finds the truth.
    FENCED = "fenced"
    # It could not be written down: the staff have an alarm, and the attempt is looked up again.
    TROUBLE = "trouble"


def record_outcome(
    session: Session,
    key: str,
    answer: ChargeAnswer,
    *,
    patience: Patience = DEFAULT_PATIENCE,
    lease_owner: str | None = None,
) -> Recorded:
    """Write down what a gateway said about the attempt `key`, with all that follows from it.

    `lease_owner` is given by whoever sent the request: its news counts only while the lease is its
    own. Raises IllegalMoveError for news that contradicts a final state.
    """
    refill, attempt = attempts.lock_attempt(session, key)
    if lease_owner is not None and attempt.lease_owner != lease_owner:
        _look_soon(session, refill, attempt, patience)
        return Recorded.FENCED
    news = News(answer.outcome.value)
    if news is News.APPROVED and not 0 < answer.approved_amount <= refill.amount:
        notices.alarm(
            session,
            refill,
            attempt,
            f"The gateway took {answer.approved_amount} where {refill.amount:f} was asked for.",
        )
        news = News.UNKNOWN
    return _apply(session, refill, attempt, news, answer, patience, lease_owner)


def record_silence(
    session: Session, key: str, news: News, *, patience: Patience = DEFAULT_PATIENCE
) -> Recorded:
    """Write down LEASE_OVER or ABSENT: what is learnt although no gateway said anything."""
    refill, attempt = attempts.lock_attempt(session, key)
    answer = ChargeAnswer(outcome=Outcome.UNKNOWN, text=news.value)
    return _apply(session, refill, attempt, news, answer, patience, None)


def _apply(
    session: Session,
    refill: Refill,
    attempt: ChargeAttempt,
    news: News,
    answer: ChargeAnswer,
    patience: Patience,
    lease_owner: str | None,
) -> Recorded:
    before = AttemptState(attempt.state)
    after = next_attempt_state(before, news)
    if after is before and after in FINAL_ATTEMPT_STATES:
        return Recorded.SAME
    _settle(session, attempt, before, after, answer, lease_owner)
    match after:
        case AttemptState.SUCCEEDED:
            _succeed(session, refill, attempt, answer, patience)
        case AttemptState.DECLINED:
            _decline(session, refill, answer)
        case AttemptState.HELD:
            refills.move(refill, RefillNews.HELD, reason=answer.text)
            refill.next_look_at = now() + patience.held_look
            if after is not before:
                _tell_of_waiting(session, refill, answer)
        case AttemptState.UNKNOWN:
            refills.move(refill, RefillNews.UNKNOWN)
            _look_soon(session, refill, attempt, patience)
        case AttemptState.NOT_CHARGED:
            _give_up(session, refill, attempt, news, answer, patience)
        case AttemptState.SENDING:
            raise InvariantError("nothing leads back to sending")
    session.flush()
    return Recorded.SAME if after is before else Recorded.MOVED


def _settle(
    session: Session,
    attempt: ChargeAttempt,
    before: AttemptState,
    after: AttemptState,
    answer: ChargeAnswer,
    lease_owner: str | None,
) -> None:
    fence = [] if lease_owner is None else [ChargeAttempt.lease_owner == lease_owner]
    settled = session.scalar(
        update(ChargeAttempt)
        .where(ChargeAttempt.key == attempt.key, ChargeAttempt.state == before.value, *fence)
        .values(
            state=after.value,
            gateway_ref=answer.gateway_ref or attempt.gateway_ref,
            approved=answer.approved_amount if after is AttemptState.SUCCEEDED else None,
            answer={
                "outcome": answer.outcome.value,
                "code": answer.code,
                "text": answer.text,
                "raw": dict(answer.raw),
            },
            lease_owner=None,
            lease_until=None,
            updated_at=now(),
        )
        .returning(ChargeAttempt.key)
        .execution_options(synchronize_session=False)
    )
    if settled is None:
        raise InvariantError(f"attempt {attempt.key} changed under its lock")
    session.refresh(attempt)


def _succeed(
    session: Session,
    refill: Refill,
    attempt: ChargeAttempt,
    answer: ChargeAnswer,
    patience: Patience,
) -> None:
    account = gateway_accounts.get_account(session, refill.gateway_account_id)
    card = _find_card(session, refill)
    refill.credited = answer.approved_amount
    is_partial = refill.credited < refill.amount
    refills.move(
        refill,
        RefillNews.SUCCEEDED,
        reason="The card covered only a part of the amount." if is_partial else "",
    )
    session.flush()
    is_bank = card is not None and card.kind == MethodKind.BANK_ACCOUNT
    label = notices.describe_card(card)
    what = "Bank account payment" if is_bank else "Card payment"
    transactions.record_gateway_payment(
        session,
        source_id=refill.id,
        client_id=refill.client_id,
        amount=answer.approved_amount,
        currency=refill.currency,
        payment_account_id=account.payment_account_id,
        description=f"{what}, {label}" if label else what,
    )
    if refill.method == "hosted_page":
        # another page of it may still be open and be paid too
        attempt.recheck_at = max(now(), attempts.orphaned_at(refill, attempt, patience))
    if is_bank:
        attempt.recheck_at = next_debit_look(now(), now())
    if card is not None and card.network_transaction_ref is None and answer.network_transaction_id:
        card.network_transaction_ref = answer.network_transaction_id
    if refill.source == "auto":
        dunning.record_success(session, refill)
    else:
        notices.mail_receipt(session, refill)


def _decline(session: Session, refill: Refill, answer: ChargeAnswer) -> None:
    refills.move(refill, RefillNews.DECLINED, reason=answer.text or "The card was declined.")
    session.flush()
    gateway = gateway_accounts.get_account(session, refill.gateway_account_id).gateway
    decline = Decline(kind_of(gateway, answer.code), answer.code, answer.is_hard_decline)
    if refill.source == "auto":
        dunning.record_decline(session, refill, decline)
    else:
        notices.mail_decline(session, refill, decline)


def _tell_of_waiting(session: Session, refill: Refill, answer: ChargeAnswer) -> None:
    if answer.code == CLEARING_CODE:
        notices.mail_clearing(session, refill)
    elif answer.code == CONFIRMATION_CODE:
        notices.mail_confirmation(session, refill)
    else:
        notices.mail_held(session, refill)


def _give_up(
    session: Session,
    refill: Refill,
    attempt: ChargeAttempt,
    news: News,
    answer: ChargeAnswer,
    patience: Patience,
) -> None:
    """Certainly nothing was charged: try again soon, or end the refill."""
    if news is News.NOT_SENT and attempt.n <= len(patience.retries):
        refills.move(refill, RefillNews.POSTPONED)
        wait = patience.retries[attempt.n - 1]
        refill.next_look_at = now() + wait
        jobs.enqueue(
            session,
            "payments.charge_refill",
            reseller_id=refill.reseller_id,
            delay_ms=round(wait.total_seconds() * 1000),
            refill_id=str(refill.id),
        )
        return
    if news is News.ABSENT and refill.method == "hosted_page":
        refills.move(refill, RefillNews.ABANDONED, reason="The payment page was not used.")
        return
    if news is News.ABSENT:
        reason = f"The gateway has no record of it. {_NOTHING}"
    elif news is News.NOT_SENT:
        reason = f"The payment gateway could not be reached. {_NOTHING}"
    else:
        reason = f"The payment gateway refused the request. {_NOTHING}"
    refills.fail(session, refill, reason)
    notices.tell_staff(
        session,
        refill,
        level="error",
        code="payment_failed",
        text=f"{reason} {answer.code} {answer.text}".strip(),
    )
    if refill.source == "auto":
        dunning.record_failure(session, refill)


def _look_soon(
    session: Session, refill: Refill, attempt: ChargeAttempt, patience: Patience
) -> None:
    if attempt.state in FINAL_ATTEMPT_STATES:
        return
    at = now()
    look_at = patience.next_look(attempt.looks, at)
    refill.next_look_at = look_at
    wait = look_at - at
    if wait < SWEEP_EVERY:
        jobs.enqueue(
            session,
            "payments.look_up",
            reseller_id=refill.reseller_id,
            delay_ms=round(wait.total_seconds() * 1000),
            attempt_key=attempt.key,
        )


def _find_card(session: Session, refill: Refill) -> SavedCard | None:
    if refill.saved_card_id is None:
        return None
    return session.scalar(select(SavedCard).where(SavedCard.id == refill.saved_card_id))
