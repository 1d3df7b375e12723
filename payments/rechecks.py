"""One last look at a payment made on the gateway's page: did the client pay twice?

Two pages of one payment can be open in two tabs, each good for a quarter of an hour, and the
gateway's duplicate window knows cards, not keys. The first payment that is seen is booked; when no
page can be paid any more all lists are read to their end, and whatever else took money is told to
the staff. That needs no webhook.
"""

from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.clock import now
from core.db import Session
from payments import attempts, gateway_accounts, notices, returns
from payments.gateway_accounts import OpenGateway, UnitOfWork
from payments.gateways.base import Gateway, GatewayTransaction, Lookup, LookupResult
from payments.models import ChargeAttempt, Refill
from payments.patience import next_debit_look
from payments.state import AttemptState
from tenants.events import EventText

_SHORTEST_WAIT, _LONGEST_WAIT = timedelta(minutes=5), timedelta(days=1)
# So long the gateway could not be read until the staff are told.
_LONG_UNREAD = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class _Question:
    gateway: Gateway
    since: datetime
    customer_ref: str
    # of a debit that was paid: only this transaction is asked about
    debit_ref: str = ""


def check_again(unit_of_work: UnitOfWork, open_gateway: OpenGateway, key: str) -> bool:
    """Compare the gateway with the booked payment; False when it was not due or possible.

    The next time is written before the gateway is asked: one that dies, or whose credentials do
    not open, comes back later and later. To be told twice does no harm: events are written once.
    """
    with unit_of_work() as session:
        is_due = _put_off(session, key)
    if not is_due:
        return False
    with unit_of_work() as session:
        question = _ask_what(session, open_gateway, key)
    if question.debit_ref:
        return _check_debit(unit_of_work, question, key)
    with closing(question.gateway):
        lookup = question.gateway.find_all(
            key=key, since=question.since, customer_ref=question.customer_ref
        )
    if lookup.result is LookupResult.CANNOT_TELL:
        return False
    with unit_of_work() as session:
        _finish(session, key, lookup)
    return True


def _check_debit(unit_of_work: UnitOfWork, question: _Question, key: str) -> bool:
    """Whether the bank has taken the debit back; a gateway that is silent is asked next time."""
    with closing(question.gateway):
        debit = question.gateway.fetch(question.debit_ref).value
    if debit is None:
        return False
    with unit_of_work() as session:
        _finish_debit(session, key, debit)
    return True


def _finish_debit(session: Session, key: str, debit: GatewayTransaction) -> None:
    refill, attempt = attempts.lock_attempt(session, key)
    if debit.gateway_ref == attempt.gateway_ref:
        returns.record_status(session, refill, attempt, debit)
    if refill.charged_back >= refill.credited:
        attempt.recheck_at = None
    session.flush()


def _put_off(session: Session, key: str) -> bool:
    refill, attempt = attempts.lock_attempt(session, key)
    at = now()
    if (
        attempt.state != AttemptState.SUCCEEDED
        or attempt.recheck_at is None
        or attempt.recheck_at > at
    ):
        return False
    if refill.method == "saved_card":
        attempt.recheck_at = next_debit_look(refill.finished_at or at, at)
        session.flush()
        return True
    waited = at - (refill.finished_at or at)
    attempt.recheck_at = at + min(max(waited, _SHORTEST_WAIT), _LONGEST_WAIT)
    session.flush()
    if waited > _LONG_UNREAD:
        _tell_of_silence(session, refill, attempt)
    return True


def _ask_what(session: Session, open_gateway: OpenGateway, key: str) -> _Question:
    refill, attempt = attempts.lock_attempt(session, key)
    account = gateway_accounts.get_account(session, attempt.gateway_account_id)
    return _Question(
        open_gateway(account),
        attempt.first_sent_at or attempt.created_at,
        str(attempt.request.get("customer_profile_ref", "")),
        debit_ref=attempt.gateway_ref or "" if refill.method == "saved_card" else "",
    )


def _finish(session: Session, key: str, lookup: Lookup) -> None:
    refill, attempt = attempts.lock_attempt(session, key)
    returns.tell_of_all(session, refill, attempt, lookup)
    attempt.recheck_at = None
    session.flush()


def _tell_of_silence(session: Session, refill: Refill, attempt: ChargeAttempt) -> None:
    notices.tell_staff(
        session,
        refill,
        level="warning",
        code="payment_not_rechecked",
        text=EventText(
            "A payment made on the gateway's page is booked, but for a day the gateway's lists"
            " could not be read to see whether the client paid twice. Compare attempt %(attempt)s"
            " with the gateway's own list.",
            attempt=attempt.key,
        ),
    )
