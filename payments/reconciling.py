"""Comparing a gateway's lists with ours: transaction, gateway, transactions.

What nobody has to decide is put right on the way: what is unknown is looked up, what is settled is
kept, a chargeback is booked. Run twice it finds the same.
"""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, case, or_, select, update
from sqlalchemy.exc import OperationalError

from billing.models import Transaction
from core import jobs
from core.clock import now
from core.db import Session
from payments import attempts, gateway_accounts, reconciliation, recording, refunds, returns
from payments.comparing import Comparison, OurCharge, OurRefund, compare, unmatched_refunds
from payments.errors import IllegalMoveError
from payments.gateway_accounts import OpenGateway, UnitOfWork
from payments.gateways.base import Gateway, GatewayTransaction
from payments.models import ChargeAttempt, Refill
from payments.refund_models import Reconciliation, Refund

_MARGIN = timedelta(hours=1)
_MOST_DETAILS = 200
_CHUNK = 5000
_MOST_TRIES = 5
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Task:
    run_id: UUID
    account_id: int
    gateway: Gateway
    since: datetime
    until: datetime


def reconcile(unit_of_work: UnitOfWork, open_gateway: OpenGateway, run_id: UUID) -> bool:
    """Do one run that was asked for; False when it is done, under way, or the gateway is silent."""
    with unit_of_work() as session:
        is_due = _put_off(session, run_id)
    if not is_due:
        return False
    try:
        with unit_of_work() as session:
            task = _begin(session, open_gateway, run_id)
        with closing(task.gateway):
            return _compare(unit_of_work, task)
    except OperationalError:
        raise
    except Exception as error:
        with unit_of_work() as session:
            _note(session, run_id, recording.reason_of(error))
        raise


def _put_off(session: Session, run_id: UUID) -> bool:
    """Whether it is ours to do; it is put off first, so that one that dies comes back."""
    run = reconciliation.lock_run(session, run_id)
    at = now()
    if run.state not in ("requested", "running"):
        return False
    if run.state == "running" and run.next_look_at is not None and run.next_look_at > at:
        return False
    if run.tries >= _MOST_TRIES:
        run.state, run.finished_at, run.next_look_at = "failed", at, None
        return False
    run.state = "running"
    run.tries += 1
    run.next_look_at = at + reconciliation.RUN_LEASE
    return True


def _begin(session: Session, open_gateway: OpenGateway, run_id: UUID) -> _Task:
    run = reconciliation.get_run(session, run_id)
    account = gateway_accounts.get_account(session, run.gateway_account_id)
    return _Task(run_id, account.id, open_gateway(account), run.since_at, run.until_at)


def _compare(unit_of_work: UnitOfWork, task: _Task) -> bool:
    reply = task.gateway.list_transactions(since=task.since - _MARGIN)
    if reply.value is None:
        with unit_of_work() as session:
            _note(session, task.run_id, f"The gateway's lists could not be read. {reply.text}")
        return False
    listed = reply.value
    with unit_of_work() as session:
        ours = _load(session, task, listed)
    listed = _with_originals(task.gateway, listed, ours.refunds)
    with unit_of_work() as session:
        ours = _load(session, task, listed)
        first = _compared(task, listed, ours)
    put_right = _put_right(unit_of_work, first)
    with unit_of_work() as session:
        found = _compared(task, listed, _load(session, task, listed))
        _finish(session, task, found, put_right)
    return True


@dataclass(frozen=True, slots=True)
class _Ours:
    charges: Sequence[OurCharge]
    refunds: Sequence[OurRefund]


def _compared(task: _Task, listed: Sequence[GatewayTransaction], ours: _Ours) -> Comparison:
    until = task.until - reconciliation.IN_FLIGHT
    return compare(listed, ours.charges, ours.refunds, since=task.since, until=until)


def _with_originals(
    gateway: Gateway, listed: Sequence[GatewayTransaction], ours: Sequence[OurRefund]
) -> tuple[GatewayTransaction, ...]:
    """A list's row may not say of which payment it gave back: the details do."""
    told = {}
    for ref in unmatched_refunds(listed, ours)[:_MOST_DETAILS]:
        details = gateway.fetch(ref).value
        if details is not None:
            told[ref] = details
    return tuple(told.get(one.gateway_ref, one) for one in listed)


def _load(session: Session, task: _Task, listed: Sequence[GatewayTransaction]) -> _Ours:
    """What we have of the period, and whatever the list speaks of besides."""
    names = {one.key for one in listed if one.key}
    refs = {one.gateway_ref for one in listed} | {one.original_ref for one in listed}
    charges: dict[str, OurCharge] = {}
    since = ChargeAttempt.first_sent_at >= task.since
    for wanted in (since, *_chunks(names, ChargeAttempt.key.in_),
                   *_chunks(refs, ChargeAttempt.gateway_ref.in_)):  # fmt: skip
        charges |= {one.key: one for one in _list_charges(session, task.account_id, wanted)}
    going_back: dict[UUID, OurRefund] = {}
    own = {one.refill_id for one in charges.values()}
    for condition in (Refund.first_sent_at >= task.since, *_chunks(own, Refund.refill_id.in_)):
        going_back |= {one.id: one for one in _list_refunds(session, task.account_id, condition)}
    return _Ours(list(charges.values()), list(going_back.values()))


def _chunks(
    values: set[str] | set[UUID], condition: Callable[[list[str | UUID]], ColumnElement[bool]]
) -> list[ColumnElement[bool]]:
    every: list[str | UUID] = sorted(value for value in values if value)
    return [condition(every[n : n + _CHUNK]) for n in range(0, len(every), _CHUNK)]


def _list_charges(
    session: Session, account_id: int, wanted: ColumnElement[bool]
) -> list[OurCharge]:
    is_reversed = (
        select(Transaction.id)
        .where(Transaction.reseller_id == Refill.reseller_id, Transaction.reverses_id == Refill.id)
        .exists()
    )
    rows = session.execute(
        select(
            ChargeAttempt.key,
            ChargeAttempt.gateway_ref,
            ChargeAttempt.refill_id,
            ChargeAttempt.client_id,
            ChargeAttempt.state,
            case((ChargeAttempt.state == "succeeded", Refill.credited), else_=0),
            or_(is_reversed, Refill.returned >= Refill.credited),
            ChargeAttempt.first_sent_at,
            ChargeAttempt.settled_at.is_not(None),
        )
        .join(Refill, Refill.id == ChargeAttempt.refill_id)
        .where(
            ChargeAttempt.gateway_account_id == account_id,
            ChargeAttempt.first_sent_at.is_not(None),
            wanted,
        )
    )
    return [
        OurCharge(key, ref or "", refill_id, client_id, state, Decimal(credited), *rest)
        for key, ref, refill_id, client_id, state, credited, *rest in rows
    ]


def _list_refunds(
    session: Session, account_id: int, wanted: ColumnElement[bool]
) -> list[OurRefund]:
    rows = session.execute(
        select(
            Refund.id,
            Refund.key,
            Refund.gateway_ref,
            ChargeAttempt.gateway_ref,
            Refund.kind,
            Refund.state,
            Refund.refill_id,
            Refund.client_id,
            Refund.amount,
            Refund.first_sent_at,
        )
        .join(
            ChargeAttempt,
            (ChargeAttempt.refill_id == Refund.refill_id) & (ChargeAttempt.state == "succeeded"),
        )
        .where(Refund.gateway_account_id == account_id, wanted)
    )
    return [
        OurRefund(refund_id, key, ref or "", payment_ref or "", *rest)
        for refund_id, key, ref, payment_ref, *rest in rows
    ]


def _put_right(unit_of_work: UnitOfWork, found: Comparison) -> int:
    """Book what the bank did, each in a transaction of its own; how many changed something."""
    changed = 0
    for key, payment in found.news:
        changed += _guarded(unit_of_work, partial(_record_news, key=key, payment=payment))
    for refund_id, told in found.bounced:
        changed += _guarded(unit_of_work, partial(_record_bounce, refund_id=refund_id, told=told))
    return changed


def _guarded(unit_of_work: UnitOfWork, act: Callable[[Session], str]) -> int:
    try:
        with unit_of_work() as session:
            return int(act(session) not in ("same", "waiting"))
    except IllegalMoveError as error:
        _log.error("reconciliation.contradicts", reason=error.message)
        return 0


def _record_news(session: Session, key: str, payment: GatewayTransaction) -> str:
    refill, attempt = attempts.lock_attempt(session, key)
    return returns.record_status(session, refill, attempt, payment)


def _record_bounce(session: Session, refund_id: UUID, told: GatewayTransaction) -> str:
    return returns.record_own_refund(session, refunds.get_refund(session, refund_id), told)


def _finish(session: Session, task: _Task, found: Comparison, put_right: int) -> None:
    run = reconciliation.lock_run(session, task.run_id)
    at = now()
    for keys in _chunks(set(found.settled), ChargeAttempt.key.in_):
        session.execute(
            update(ChargeAttempt)
            .where(keys, ChargeAttempt.settled_at.is_(None))
            .values(settled_at=at)
            .execution_options(synchronize_session=False)
        )
    _ask_for_looks(session, run, found)
    fresh = reconciliation.write_differences(session, run, found.differences)
    run.state, run.finished_at, run.next_look_at = "done", at, None
    run.at_gateway, run.ours, run.agreed = found.at_gateway, found.ours, found.agreed
    run.put_right = put_right + len(found.to_look_up) + len(found.refunds_to_look_up)
    run.differences, run.note = len(found.differences), ""
    session.flush()
    if fresh:
        reconciliation.tell_staff(session, run, fresh)


def _ask_for_looks(session: Session, run: Reconciliation, found: Comparison) -> None:
    for key in found.to_look_up:
        jobs.enqueue(session, "payments.look_up", reseller_id=run.reseller_id, attempt_key=key)
    for refund_id in found.refunds_to_look_up:
        jobs.enqueue(
            session, refunds.LOOK_UP, reseller_id=run.reseller_id, refund_id=str(refund_id)
        )


def _note(session: Session, run_id: UUID, text: str) -> None:
    run = reconciliation.lock_run(session, run_id)
    if run.state != "running":
        return
    at = now()
    run.note = text.strip()[:500]
    if run.tries >= _MOST_TRIES:
        run.state, run.finished_at, run.next_look_at = "failed", at, None
        return
    run.state = "requested"
    run.next_look_at = recording.later_and_later(run.created_at, at)
