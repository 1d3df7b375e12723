"""What an automatic charge's outcome means for the next one: retries and suspension.

When is tried again, and after how many declines no more, the reseller's rules say (`domain.md` 8:
after 1 h, 1 d and 3 d, three declines in a row). A card that can never work again suspends at once:
card networks forbid to try it again.
"""

from datetime import datetime, timedelta

from core.clock import now
from core.db import Session
from core.zones import get_zone
from mail.letter_catalogue import Words
from payments import auto_payment, auto_steps, dues, dunning_rules, notices
from payments.dunning_rules import Rules
from payments.models import ClientAutoPayment, Refill
from payments.notices import Decline
from tenants import clients
from tenants.events import EventText

_DECLINED = Words("The card was declined.")
# A card that gave a part only has no more at the moment; and what is more than one charge may
# take is not taken by a row of charges within the minute.
_AFTER_PART = timedelta(days=1)


def record_success(session: Session, refill: Refill) -> None:
    """Forget earlier declines, mail the client, tell the staff."""
    row = auto_payment.lock_row(session, refill.client_id)
    auto_payment.forget_declines(row)
    if refill.credited < refill.amount or dues.CUT_BY_LIMIT in refill.figures:
        row.next_try_at = now() + _AFTER_PART
    auto_steps.record_step(
        session,
        row,
        "received",
        currency=refill.currency,
        amount=refill.credited,
        refill=refill,
        next_try_at=row.next_try_at,
        reason=refill.reason,
    )
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


def record_decline(session: Session, refill: Refill, decline: Decline) -> None:
    """Count it, plan the next try or suspend, mail the client, tell the staff."""
    row = auto_payment.lock_row(session, refill.client_id)
    rules = dunning_rules.rules_of(session, refill.reseller_id)
    row.declines_in_row += 1
    row.tries_in_vain += 1
    is_hard = decline.is_hard or rules.stops(decline.kind, decline.code)
    if is_hard or row.declines_in_row >= rules.declines_to_suspend:
        _suspend(session, refill, row, decline)
        return
    next_try_at = _plan(session, refill, row, rules)
    row.next_try_at = next_try_at
    _record_vain_step(session, refill, row, "declined", decline)
    notices.mail_auto_decline(session, refill, decline, next_try_at)
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
    row.tries_in_vain += 1
    rules = dunning_rules.rules_of(session, refill.reseller_id)
    row.next_try_at = _plan(session, refill, row, rules)
    _record_vain_step(session, refill, row, "failed")
    notices.tell_staff(
        session,
        refill,
        level="warning",
        code="auto_payment_failed",
        text=EventText("Auto payment did not take place: %(reason)s", reason=refill.reason),
    )


def _suspend(session: Session, refill: Refill, row: ClientAutoPayment, decline: Decline) -> None:
    row.suspended_at = now()
    row.suspended_reason = refill.reason or _DECLINED
    row.next_try_at = None
    _record_vain_step(session, refill, row, "suspended", decline)
    notices.mail_auto_suspension(session, refill, decline)
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


def _record_vain_step(
    session: Session,
    refill: Refill,
    row: ClientAutoPayment,
    kind: auto_steps.StepKind,
    decline: Decline | None = None,
) -> None:
    figures: dict[str, int | str] = {
        "declines_in_row": row.declines_in_row,
        "tries_in_vain": row.tries_in_vain,
    }
    if decline is not None:
        figures |= {"decline": decline.kind.value, "code": decline.code}
    auto_steps.record_step(
        session,
        row,
        kind,
        currency=refill.currency,
        amount=refill.amount,
        refill=refill,
        next_try_at=row.next_try_at,
        reason=refill.reason,
        figures=figures,
    )


def _plan(session: Session, refill: Refill, row: ClientAutoPayment, rules: Rules) -> datetime:
    """When to try again: the wait grows with each try in a row that brought nothing.

    A row of them ends with a success, another card, or when the staff let auto payment go on.
    """
    zone = get_zone(clients.get_client(session, refill.client_id).timezone)
    return rules.next_try(row.tries_in_vain, now(), zone)
