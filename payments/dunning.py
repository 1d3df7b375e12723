"""What an automatic charge's outcome means for the next one: retries and suspension.

Retries come after 1 h, 1 d and 3 d; three declines in a row suspend the client (`domain.md` 8).
A card that can never work again suspends at once: card networks forbid to try it again.
"""

from datetime import datetime, timedelta

from sqlalchemy import func, select

from core.clock import now
from core.db import Session
from payments import auto_payment, dues, notices
from payments.models import ClientAutoPayment, Refill
from payments.state import RefillState
from tenants.events import EventText

DECLINES_TO_SUSPEND = 3
RETRY_AFTER = (timedelta(hours=1), timedelta(days=1), timedelta(days=3))
# A card that gave a part only has no more at the moment; and what is more than one charge may
# take is not taken by a row of charges within the minute.
_AFTER_PART = timedelta(days=1)


def record_success(session: Session, refill: Refill) -> None:
    """Forget earlier declines, mail the client, tell the staff."""
    row = auto_payment.lock_row(session, refill.client_id)
    auto_payment.forget_declines(row)
    if refill.credited < refill.amount or dues.CUT_BY_LIMIT in refill.figures:
        row.next_try_at = now() + _AFTER_PART
    session.flush()
    notices.mail_auto_success(session, refill)
    notices.tell_staff(
        session,
        refill,
        level="info",
        code="auto_payment_succeeded",
        text=EventText(
            "Auto payment of %(amount)s succeeded.", amount=(refill.credited, refill.currency)
        ),
    )


def record_decline(session: Session, refill: Refill, *, is_hard: bool) -> None:
    """Count it, plan the next try or suspend, mail the client, tell the staff."""
    row = auto_payment.lock_row(session, refill.client_id)
    row.declines_in_row += 1
    if is_hard or row.declines_in_row >= DECLINES_TO_SUSPEND:
        row.suspended_at = now()
        row.suspended_reason = refill.reason or "The card was declined."
        row.next_try_at = None
        session.flush()
        notices.mail_auto_suspension(session, refill)
        notices.tell_staff(
            session,
            refill,
            level="error",
            code="auto_payment_suspended",
            text=EventText(
                "Auto payment is suspended after %(declines)s declines: %(reason)s",
                declines=row.declines_in_row,
                reason=row.suspended_reason,
            ),
        )
        return
    next_try_at = _plan(session, refill, row)
    row.next_try_at = next_try_at
    session.flush()
    notices.mail_auto_decline(session, refill, next_try_at)
    notices.tell_staff(
        session,
        refill,
        level="warning",
        code="auto_payment_declined",
        text=EventText("Auto payment was declined: %(reason)s", reason=refill.reason),
    )


def record_failure(session: Session, refill: Refill) -> None:
    """The gateway could not be asked or refused to work: no decline, but wait before the next."""
    row = auto_payment.lock_row(session, refill.client_id)
    row.next_try_at = _plan(session, refill, row)
    session.flush()
    notices.tell_staff(
        session,
        refill,
        level="warning",
        code="auto_payment_failed",
        text=EventText("Auto payment did not take place: %(reason)s", reason=refill.reason),
    )


def _plan(session: Session, refill: Refill, row: ClientAutoPayment) -> datetime:
    """When to try again: the wait grows with each try in a row that brought nothing.

    A row of them ends with a success, another card, or when the staff let auto payment go on.
    """
    in_vain = session.scalar(
        select(func.count())
        .select_from(Refill)
        .where(
            Refill.client_id == refill.client_id,
            Refill.source == "auto",
            Refill.state.in_([RefillState.DECLINED.value, RefillState.FAILED.value]),
            Refill.finished_at > row.declines_forgotten_at,
        )
    )
    return now() + RETRY_AFTER[min(max(in_vain or 1, 1), len(RETRY_AFTER)) - 1]
