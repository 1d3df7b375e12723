"""Runs of the comparison with a gateway, and what staff do about the differences they found."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from core import jobs
from core.clock import now
from core.db import Session
from core.errors import ConflictError, InvalidInputError, NotFoundError
from core.ids import new_id
from core.tenancy import current_actor
from payments import attempts, gateway_accounts, refills, refund_outcomes, refunds
from payments.comparing import Difference, Kind
from payments.gateways.base import ChargeAnswer, Outcome
from payments.models import Refill
from payments.refund_models import Reconciliation, ReconciliationDifference, Refund
from payments.refund_state import RefundState
from tenants import audit, events
from tenants.events import EventText

JOB = "payments.reconcile"
NIGHT_JOB = "payments.reconcile_night"
# A chargeback may come weeks later: each night a month is read again.
NIGHT_DAYS = 30
MOST_DAYS = 90
# What is on its way just now stands in one list and not yet in the other.
IN_FLIGHT = timedelta(minutes=15)
# A run that died is begun anew after this.
RUN_LEASE = timedelta(minutes=10)
_LOST_AFTER = timedelta(minutes=1)
MOST_NOTE = 200
BOOKABLE = (Kind.REFUND_NOT_BOOKED, Kind.WENT_BACK)


def request_run(
    session: Session,
    *,
    run_id: UUID,
    account_id: int,
    days: int = 7,
    night_on: date | None = None,
) -> Reconciliation | None:
    """Ask that the last `days` days are compared; a job does it.

    With `night_on` it is that night's run of the account, made once: None when it was. Asked for
    by staff while one is under way, it is that one. Raises NotFoundError, InvalidInputError.
    """
    if not 1 <= days <= MOST_DAYS:
        raise InvalidInputError("Enter from 1 to %(most)s days.", "days", most=MOST_DAYS)
    account = gateway_accounts.get_account(session, account_id)
    at = now()
    made = session.scalar(
        insert(Reconciliation)
        .values(
            id=run_id,
            reseller_id=account.reseller_id,
            gateway_account_id=account.id,
            night_on=night_on,
            since_at=at - timedelta(days=days),
            until_at=at,
            author="" if night_on else current_actor().label,
            next_look_at=at + _LOST_AFTER,
            created_at=at,
        )
        .on_conflict_do_nothing()
        .returning(Reconciliation)
        .execution_options(synchronize_session=False)
    )
    if made is None:
        return None if night_on else _find_asked(session, run_id, account.id)
    jobs.enqueue(session, JOB, reseller_id=account.reseller_id, run_id=str(run_id))
    return made


def get_run(session: Session, run_id: UUID) -> Reconciliation:
    """Raises NotFoundError, also for one of another tenant."""
    run = session.scalar(select(Reconciliation).where(Reconciliation.id == run_id))
    if run is None:
        raise NotFoundError("Comparison not found.")
    return run


def lock_run(session: Session, run_id: UUID) -> Reconciliation:
    """As `get_run`, locked and read anew."""
    run = session.scalar(
        select(Reconciliation)
        .where(Reconciliation.id == run_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if run is None:
        raise NotFoundError("Comparison not found.")
    return run


def write_differences(session: Session, run: Reconciliation, found: Sequence[Difference]) -> int:
    """Keep what differs, and end what does not any more; the number of new ones.

    One that staff have ended is not brought up again by the same facts.
    """
    account = gateway_accounts.get_account(session, run.gateway_account_id)
    known = _known(session, run)
    fresh = 0
    seen: set[int] = set()
    for one in found:
        place = (one.kind.value, one.gateway_ref, one.key)
        row = known.get(place)
        if row is not None:
            seen.add(row.id)
            if row.resolved_at is None:
                row.reconciliation_id, row.status = run.id, one.status
                row.amount, row.our_amount = one.amount, one.our_amount
            continue
        fresh += 1
        session.add(_row(run, one, account.currency))
    session.flush()
    _end_gone(session, run, seen)
    return fresh


def dismiss(session: Session, difference_id: int, *, note: str) -> ReconciliationDifference:
    """End it by a person's word, which stays with it; raises InvalidInputError without one."""
    text = " ".join(note.split())
    if not text:
        raise InvalidInputError("Say what you found out or did.", "note")
    if len(text) > MOST_NOTE:
        raise InvalidInputError("Enter at most %(most)s characters.", "note", most=MOST_NOTE)
    row = lock_difference(session, difference_id)
    if row.resolved_at is None:
        _resolve(session, row, "dismissed", text)
    return row


def book(session: Session, difference_id: int) -> ReconciliationDifference:
    """Book what went back at the gateway itself: a refund, or the whole payment.

    Booking again changes nothing. Raises NotFoundError, ConflictError for one that cannot be
    booked, as when less is left of the payment.
    """
    row = get_difference(session, difference_id)
    if row.kind not in BOOKABLE or row.refill_id is None or row.amount is None:
        raise ConflictError("This difference cannot be booked by itself.")
    refill = refills.lock_refill(session, row.refill_id)
    row = lock_difference(session, difference_id)
    if row.resolved_at is not None:
        return row
    is_void = row.kind == Kind.WENT_BACK
    amount = refill.credited if is_void or row.amount is None else row.amount
    left = refunds.read_returnable(session, refill.id)
    if left.why_not:
        raise ConflictError(left.why_not)
    if amount > left.left:
        raise ConflictError("Less is left of this payment than went back.")
    _book_return(session, refill, row, "void" if is_void else "refund", amount)
    _resolve(session, row, "booked", "")
    return row


def get_difference(session: Session, difference_id: int) -> ReconciliationDifference:
    """Raises NotFoundError, also for one of another tenant."""
    row = session.scalar(
        select(ReconciliationDifference).where(ReconciliationDifference.id == difference_id)
    )
    if row is None:
        raise NotFoundError("Difference not found.")
    return row


def lock_difference(session: Session, difference_id: int) -> ReconciliationDifference:
    """As `get_difference`, locked and read anew."""
    row = session.scalar(
        select(ReconciliationDifference)
        .where(ReconciliationDifference.id == difference_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if row is None:
        raise NotFoundError("Difference not found.")
    return row


def tell_staff(session: Session, run: Reconciliation, fresh: int) -> None:
    """New differences are an event, once per run."""
    account = gateway_accounts.get_account(session, run.gateway_account_id)
    events.record(
        session,
        reseller_id=run.reseller_id,
        level="error",
        service="payments",
        code="reconciliation_differs",
        text=EventText(
            "The list of the gateway %(gateway)s and ours differ: %(count)s new differences. The"
            " Reconciliation screen says what to do about each.",
            gateway=account.name,
            count=fresh,
        ),
        object_type="gateway_account",
        object_id=account.id,
        dedupe_key=f"reconciliation:{run.id}",
    )


def _find_asked(session: Session, run_id: UUID, account_id: int) -> Reconciliation:
    """The run of this drawn form, or else the one that is under way."""
    for wanted in (
        Reconciliation.id == run_id,
        Reconciliation.state.in_(["requested", "running"]),
    ):
        known = session.scalar(
            select(Reconciliation).where(Reconciliation.gateway_account_id == account_id, wanted)
        )
        if known is not None:
            return known
    raise ConflictError("This form was used before. Load the page anew.")


def _known(
    session: Session, run: Reconciliation
) -> dict[tuple[str, str, str], ReconciliationDifference]:
    rows = session.scalars(
        select(ReconciliationDifference)
        .where(
            ReconciliationDifference.gateway_account_id == run.gateway_account_id,
            ReconciliationDifference.resolution.in_(["", "dismissed"]),
        )
        .order_by(ReconciliationDifference.id)
    )
    return {(row.kind, row.gateway_ref, row.key): row for row in rows}


def _row(run: Reconciliation, one: Difference, currency: str) -> ReconciliationDifference:
    return ReconciliationDifference(
        reseller_id=run.reseller_id,
        gateway_account_id=run.gateway_account_id,
        reconciliation_id=run.id,
        kind=one.kind.value,
        gateway_ref=one.gateway_ref,
        original_ref=one.original_ref,
        key=one.key,
        refill_id=one.refill_id,
        client_id=one.client_id,
        amount=one.amount,
        our_amount=one.our_amount,
        currency=currency,
        status=one.status,
        happened_at=one.happened_at,
        found_at=now(),
    )


def _end_gone(session: Session, run: Reconciliation, seen: set[int]) -> None:
    """Open ones of the period that the lists no longer show."""
    session.execute(
        update(ReconciliationDifference)
        .where(
            ReconciliationDifference.gateway_account_id == run.gateway_account_id,
            ReconciliationDifference.resolved_at.is_(None),
            ReconciliationDifference.happened_at >= run.since_at,
            ReconciliationDifference.reconciliation_id != run.id,
            ReconciliationDifference.id.not_in(seen),
        )
        .values(resolution="gone", resolved_at=now())
        .execution_options(synchronize_session="fetch")
    )


def _book_return(
    session: Session, refill: Refill, row: ReconciliationDifference, kind: str, amount: Decimal
) -> None:
    """A refund that was made there becomes one of ours, and enters at the door of all refunds."""
    refund_id = new_id()
    made = session.scalar(
        insert(Refund)
        .values(
            id=refund_id,
            reseller_id=refill.reseller_id,
            client_id=refill.client_id,
            refill_id=refill.id,
            gateway_account_id=refill.gateway_account_id,
            kind=kind,
            origin="gateway",
            amount=amount,
            currency=refill.currency,
            state=RefundState.PROCESSING.value,
            reason="Made at the gateway itself.",
            author=current_actor().label,
            key=attempts.attempt_key(refund_id, 0),
            gateway_ref=row.gateway_ref,
            created_at=now(),
        )
        .on_conflict_do_nothing()
        .returning(Refund.id)
    )
    if made is None:
        raise ConflictError("This refund is booked already.")
    answer = ChargeAnswer(
        outcome=Outcome.APPROVED, gateway_ref=row.gateway_ref, approved_amount=amount
    )
    refund_outcomes.record_outcome(session, refund_id, answer)


def _resolve(session: Session, row: ReconciliationDifference, how: str, note: str) -> None:
    row.resolution, row.note = how, note
    row.resolved_at, row.resolved_by = now(), current_actor().label
    session.flush()
    audit.record(
        session,
        reseller_id=row.reseller_id,
        client_id=row.client_id,
        action="update",
        object_type="reconciliation",
        object_id=row.id,
        object_label=row.gateway_ref or row.key,
        changes={"resolution": ("", how), "note": ("", note)},
    )
