"""What goes wrong around an outside call is told to the staff and tried again, later and later.

Written in a transaction of its own, for the one in which it went wrong is gone: without it money
that a gateway took would vanish with its traceback, and a sweep would come back to the same row
every half minute before all others.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

import structlog
from sqlalchemy.exc import OperationalError

from core.clock import now
from core.db import Session
from core.errors import AppError
from payments import attempts, notices, outcomes, refills
from payments.gateway_accounts import UnitOfWork
from payments.gateways.base import ChargeAnswer, Outcome
from payments.models import Refill
from payments.patience import DEFAULT_PATIENCE, Patience
from tenants.events import EventText

T = TypeVar("T")

_SHORTEST_WAIT, _LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=1)
_log = structlog.get_logger(__name__)


def begin_or_postpone(
    unit_of_work: UnitOfWork,
    begin: Callable[[Session], T],
    find_refill: Callable[[Session], Refill | None],
) -> T:
    """The first transaction of a flow; what stops it is raised on, told, and the row put off."""
    try:
        with unit_of_work() as session:
            return begin(session)
    except OperationalError:
        # the database was away, or two waited for each other: nothing is wrong with the row
        raise
    except Exception as error:
        with unit_of_work() as session:
            refill = find_refill(session)
            if refill is not None and refill.state in refills.OPEN_STATES:
                _postpone(session, refill, error)
        raise


def record_or_tell(
    unit_of_work: UnitOfWork,
    key: str,
    answer: ChargeAnswer | None,
    write: Callable[[Session], T],
    *,
    patience: Patience,
    lease_owner: str | None = None,
) -> T | None:
    """The last transaction of a flow: what a gateway said of the attempt `key` is written down.

    None when that failed: then the staff have an alarm with what the gateway said, and the attempt
    is unknown, so that it is looked up again, later and later, until the cause is gone. The ledger
    still posts once, whoever comes first.
    """
    try:
        with unit_of_work() as session:
            return write(session)
    except OperationalError:
        # as above; the attempt is as it was, and a look-up comes to it when its lease is over
        raise
    except Exception as error:  # noqa: BLE001 (whatever it is: money must not vanish with it)
        _log.exception("payment.not_recorded", attempt=key)
        with unit_of_work() as session:
            tell_of_failure(
                session, key, answer, reason_of(error), patience=patience, lease_owner=lease_owner
            )
        return None


def reason_of(error: Exception) -> str:
    """Why, as the staff may read it: an unforeseen error may quote what nobody should see."""
    return error.message if isinstance(error, AppError) else f"{type(error).__name__}."


def later_and_later(since: datetime, at: datetime) -> datetime:
    """When to try again what has failed since then: it waits as long as it has waited already."""
    return at + min(max(at - since, _SHORTEST_WAIT), _LONGEST_WAIT)


def _postpone(session: Session, refill: Refill, error: Exception) -> None:
    refill.next_look_at = later_and_later(refill.created_at, now())
    session.flush()
    notices.tell_staff(
        session,
        refill,
        level="error",
        code="payment_stuck",
        text=EventText(
            "A payment cannot go on: %(reason)s It is tried again by itself, at least once an"
            " hour.",
            reason=reason_of(error),
        ),
    )


def tell_of_failure(
    session: Session,
    key: str,
    answer: ChargeAnswer | None,
    reason: str,
    *,
    patience: Patience = DEFAULT_PATIENCE,
    lease_owner: str | None = None,
) -> None:
    """What the gateway said could not be written down: an alarm, and a look-up later."""
    refill, attempt = attempts.lock_attempt(session, key)
    notices.alarm(
        session,
        refill,
        attempt,
        f"{_what_was_said(refill, answer)} This could not be recorded: {reason}",
        code="payment_not_recorded",
    )
    if refill.state not in refills.OPEN_STATES:
        return
    silence = ChargeAnswer(
        outcome=Outcome.UNKNOWN,
        gateway_ref="" if answer is None else answer.gateway_ref,
        text="what the gateway said could not be recorded",
    )
    outcomes.record_outcome(session, key, silence, patience=patience, lease_owner=lease_owner)


def _what_was_said(refill: Refill, answer: ChargeAnswer | None) -> str:
    if answer is None:
        return "The gateway was asked."
    ref = answer.gateway_ref or "without a number"
    if answer.outcome is Outcome.APPROVED:
        return f"The gateway took {answer.approved_amount:f} {refill.currency}, transaction {ref}."
    return f"The gateway says {answer.outcome.value} of transaction {ref}."
