"""Refunds and voids: the wish to give money back. The row exists before any gateway is asked."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from billing import transactions
from core import jobs
from core.clock import now
from core.db import Session
from core.errors import ConflictError, InvalidInputError, NotFoundError
from core.money import minor_amount
from core.tenancy import current_actor
from payments import attempts, gateway_accounts, refills
from payments.models import ChargeAttempt, GatewayAccount, Refill
from payments.refund_models import OPEN_REFUND_STATES, Refund
from payments.refund_state import (
    FINAL_STATES,
    RefundNews,
    RefundState,
    next_refund_state,
)
from payments.state import RefillState
from tenants import audit

SEND = "payments.send_refund"
LOOK_UP = "payments.look_up_refund"
OPEN_STATES = tuple(state.strip(" '") for state in OPEN_REFUND_STATES.split(","))
MOST_REASON = 200
# A job that was lost is found by the sweep after this.
_LOST_AFTER = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Returnable:
    """What can be given back of a payment, and how; `why_not` in plain English when nothing can."""

    refill: Refill
    attempt: ChargeAttempt | None
    account: GatewayAccount
    left: Decimal
    open: Refund | None
    why_not: str

    @property
    def may_refund(self) -> bool:
        return not self.why_not

    @property
    def may_void(self) -> bool:
        """Only all of it, and before the gateway settles it."""
        return (
            not self.why_not
            and self.left == self.refill.credited
            and self.attempt is not None
            and self.attempt.settled_at is None
        )


def read_returnable(session: Session, refill_id: UUID) -> Returnable:
    """What is left of a refill's money; raises NotFoundError, also for another tenant's."""
    refill = refills.get_refill(session, refill_id)
    attempt = attempts.find_latest(session, refill_id)
    account = gateway_accounts.get_account(session, refill.gateway_account_id)
    left = refill.credited - refill.returned - refill.charged_back
    under_way = find_open(session, refill_id)
    return Returnable(
        refill, attempt, account, left, under_way, _why_not(session, refill, left, under_way)
    )


def request_refund(
    session: Session,
    *,
    refund_id: UUID,
    refill_id: UUID,
    amount: Decimal,
    reason: str,
) -> Refund:
    """Ask that a part or all of a refill's money goes back; a job does it.

    `amount` in the refill's currency at its minor unit. The same id again is the same refund; with
    other content it raises ConflictError. Raises NotFoundError, ConflictError when nothing can be
    given back now, InvalidInputError naming the field.
    """
    return _request(session, refund_id, refill_id, "refund", amount, reason)


def request_void(session: Session, *, refund_id: UUID, refill_id: UUID, reason: str) -> Refund:
    """Ask that a refill's payment is cancelled before it is settled; as `request_refund`."""
    refill = refills.get_refill(session, refill_id)
    return _request(session, refund_id, refill_id, "void", refill.credited, reason)


def cancel(session: Session, refund_id: UUID) -> Refund:
    """Drop the wish before it is sent; raises ConflictError when it is too late."""
    refund = get_refund(session, refund_id)
    refills.lock_refill(session, refund.refill_id)
    refund = lock_refund(session, refund_id)
    if refund.state == RefundState.CANCELLED:
        return refund
    if refund.state != RefundState.REQUESTED:
        raise ConflictError("It was sent to the gateway already.")
    move(refund, RefundNews.CANCELLED)
    session.flush()
    _audit(session, refund, "cancel", {"state": ("requested", "cancelled")})
    return refund


def get_refund(session: Session, refund_id: UUID) -> Refund:
    """Raises NotFoundError, also for one of another tenant."""
    refund = session.scalar(select(Refund).where(Refund.id == refund_id))
    if refund is None:
        raise NotFoundError("Refund not found.")
    return refund


def lock_refund(session: Session, refund_id: UUID) -> Refund:
    """As `get_refund`, locked and read anew; the caller has locked the refill before."""
    refund = session.scalar(
        select(Refund)
        .where(Refund.id == refund_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if refund is None:
        raise NotFoundError("Refund not found.")
    return refund


def lock_both(session: Session, refund_id: UUID) -> tuple[Refill, Refund]:
    """The refund and its refill, locked in the fixed order: the refill first."""
    refill = refills.lock_refill(session, get_refund(session, refund_id).refill_id)
    return refill, lock_refund(session, refund_id)


def find_open(session: Session, refill_id: UUID) -> Refund | None:
    """The refund of a refill that is under way, if there is one."""
    return session.scalar(
        select(Refund).where(Refund.refill_id == refill_id, Refund.state.in_(OPEN_STATES))
    )


def list_of_refill(session: Session, refill_id: UUID) -> list[Refund]:
    """All refunds of a refill, newest first."""
    return list(
        session.scalars(
            select(Refund)
            .where(Refund.refill_id == refill_id)
            .order_by(Refund.created_at.desc(), Refund.id.desc())
        )
    )


def find_by_key(session: Session, account_id: int, key: str) -> Refund | None:
    """The refund that a gateway's transaction with this key is."""
    if not key:
        return None
    return session.scalar(
        select(Refund).where(Refund.gateway_account_id == account_id, Refund.key == key)
    )


def find_by_ref(session: Session, account_id: int, gateway_ref: str) -> Refund | None:
    """The refund that got this number from its gateway."""
    if not gateway_ref:
        return None
    return session.scalar(
        select(Refund).where(
            Refund.gateway_account_id == account_id, Refund.gateway_ref == gateway_ref
        )
    )


def find_last_void(session: Session, refill_id: UUID) -> Refund | None:
    """The void of a refill that was asked for last."""
    return session.scalar(
        select(Refund)
        .where(Refund.refill_id == refill_id, Refund.kind == "void")
        .order_by(Refund.created_at.desc())
        .limit(1)
    )


def request_look(session: Session, refund: Refund) -> None:
    """Have an open refund sent or asked about out of its turn; harmless at any time."""
    jobs.enqueue(
        session,
        SEND if refund.state == RefundState.REQUESTED else LOOK_UP,
        reseller_id=refund.reseller_id,
        refund_id=str(refund.id),
    )


def check_no_refund(session: Session, transaction_id: UUID) -> None:
    """Raises ConflictError while money of this payment is on its way back.

    The refill stays locked, so that nobody asks for a refund while the payment is reversed.
    """
    session.execute(select(Refill.id).where(Refill.id == transaction_id).with_for_update())
    if find_open(session, transaction_id) is not None:
        raise ConflictError("A refund of this payment is under way. Wait until it has ended.")


def move(refund: Refund, news: RefundNews, *, note: str = "") -> None:
    """Take one edge of the state table; raises IllegalMoveError. The caller holds the lock."""
    state = next_refund_state(RefundState(refund.state), news)
    refund.state = state.value
    refund.note = note
    if state in FINAL_STATES:
        refund.finished_at = now()
        refund.next_look_at = None
        refund.lease_owner = refund.lease_until = None


def _request(
    session: Session, refund_id: UUID, refill_id: UUID, kind: str, amount: Decimal, reason: str
) -> Refund:
    text = " ".join(reason.split())
    if not text:
        raise InvalidInputError("Enter the reason.", "reason")
    if len(text) > MOST_REASON:
        raise InvalidInputError("Enter at most %(most)s characters.", "reason", most=MOST_REASON)
    refill = refills.lock_refill(session, refill_id)
    known = session.scalar(select(Refund).where(Refund.id == refund_id))
    if known is not None:
        if (known.refill_id, known.kind, known.amount) != (refill_id, kind, amount):
            raise ConflictError("This form was sent before with other content.")
        return known
    if transactions.find_transaction(session, refund_id) is not None:
        # the refund's id becomes its transaction's: that money could never be booked
        raise ConflictError("This form was used before. Load the page anew.")
    exact = _check(session, refill, kind, amount)
    at = now()
    made = session.scalar(
        insert(Refund)
        .values(
            id=refund_id,
            reseller_id=refill.reseller_id,
            client_id=refill.client_id,
            refill_id=refill.id,
            gateway_account_id=refill.gateway_account_id,
            kind=kind,
            amount=exact,
            currency=refill.currency,
            state=RefundState.REQUESTED.value,
            reason=text,
            author=current_actor().label,
            # no charge has a 0th attempt
            key=attempts.attempt_key(refund_id, 0),
            next_look_at=at + _LOST_AFTER,
            created_at=at,
        )
        .on_conflict_do_nothing()
        .returning(Refund)
        .execution_options(synchronize_session=False)
    )
    if made is None:
        raise ConflictError("This form was used before. Load the page anew.")
    _audit(session, made, "create", {"kind": (None, kind), "amount": (None, exact)})
    jobs.enqueue(session, SEND, reseller_id=made.reseller_id, refund_id=str(made.id))
    return made


def _check(session: Session, refill: Refill, kind: str, amount: Decimal) -> Decimal:
    found = read_returnable(session, refill.id)
    if found.why_not:
        raise ConflictError(found.why_not)
    if kind == "void" and not found.may_void:
        raise ConflictError(
            "Only a whole payment that is not settled yet can be voided. Make a refund."
        )
    if not amount.is_finite() or amount <= 0:
        raise InvalidInputError("The amount must be more than zero.", "amount")
    exact = minor_amount(amount, refill.currency)
    if exact != amount:
        raise InvalidInputError(
            "The amount has more decimals than %(currency)s has.",
            "amount",
            currency=refill.currency,
        )
    if exact > found.left:
        raise InvalidInputError(
            "Only %(left)s %(currency)s are left of this payment.",
            "amount",
            left=f"{minor_amount(found.left, refill.currency):f}",
            currency=refill.currency,
        )
    return exact


def _why_not(session: Session, refill: Refill, left: Decimal, under_way: Refund | None) -> str:
    if refill.state != RefillState.SUCCEEDED:
        return "Only a payment that succeeded can be given back."
    if under_way is not None:
        return "A refund of this payment is under way. Wait until it has ended."
    if transactions.find_reversal(session, refill.id) is not None:
        return "This payment was reversed: it is not on the balance any more."
    if left <= 0:
        return "Nothing is left of this payment."
    return ""


def _audit(
    session: Session, refund: Refund, action: str, changes: dict[str, tuple[object, object]]
) -> None:
    audit.record(
        session,
        reseller_id=refund.reseller_id,
        client_id=refund.client_id,
        action=action,
        object_type="refund",
        object_id=refund.id,
        object_label=refund.reason,
        changes=changes,
    )
