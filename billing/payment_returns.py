"""What takes from a booked payment, or gives back to it: refunds, chargebacks, chargebacks won.

Each is a payment with its own amount that names the payment it belongs to: the books show what came
and what went, and the payment itself never changes.
"""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from billing import allocation, ledger
from billing.ledger import Account, EntryKind
from billing.models import Transaction
from billing.transaction_rows import author
from core.clock import now
from core.db import Session
from core.errors import ConflictError, InvariantError, NotFoundError
from tenants import audit

KINDS = ("refund", "chargeback", "chargeback_reversal")


def record_refund(
    session: Session, *, refund_id: UUID, payment_id: UUID, amount: Decimal, reason: str
) -> Transaction | None:
    """Book money that a gateway gave back, once per `refund_id`, which becomes the transaction's.

    `amount` is positive, in the payment's currency. None when the payment was reversed: then all
    of it left the books before. Raises InvariantError for refunds of more than came in; what the
    bank took back meanwhile does not count: then the client has it twice, and the books say so.
    """
    return _record(session, refund_id, payment_id, "refund", -amount, reason)


def record_chargeback(
    session: Session, *, chargeback_id: UUID, payment_id: UUID, amount: Decimal, reason: str
) -> Transaction | None:
    """Book money that the client's bank took back; as `record_refund`, and it may exceed the rest.

    A client can be given money back and dispute the whole besides: then it has it twice.
    """
    return _record(session, chargeback_id, payment_id, "chargeback", -amount, reason)


def record_chargeback_reversal(
    session: Session, *, reversal_id: UUID, payment_id: UUID, amount: Decimal, reason: str
) -> Transaction | None:
    """Book money that came again because the chargeback was won; as `record_refund`."""
    return _record(session, reversal_id, payment_id, "chargeback_reversal", amount, reason)


def reverse_refund(
    session: Session, refund_id: UUID, *, reversal_id: UUID, reason: str
) -> Transaction | None:
    """Book that a refund did not reach the client after all: its money is ours again.

    None when that was booked before.
    """
    refund = session.scalar(
        select(Transaction).where(Transaction.id == refund_id, Transaction.kind == "refund")
    )
    if refund is None or refund.payment_id is None or refund.ledger_entry_id is None:
        raise NotFoundError("Transaction not found.")
    ledger.lock_balance(session, refund.client_id)
    if _find_reversal(session, refund_id) is not None:
        return None
    at = now()
    reversal = _insert(session, refund, reversal_id, "refund", -refund.total, reason, at)
    if reversal is None:
        return None
    reversal.reverses_id = refund_id
    posted = ledger.reverse(
        session,
        refund.ledger_entry_id,
        source_id=reversal_id,
        effective_at=at,
        description=reversal.description,
    )
    if posted is None:
        raise InvariantError("a new reversal was posted before")
    reversal.ledger_entry_id = posted.entry_id
    session.flush()
    _audit(session, refund, "reverse", {"reason": (None, reason)})
    allocation.allocate(session, refund.reseller_id, refund.client_id)
    return reversal


def read_returned(session: Session, payment_id: UUID) -> Decimal:
    """What is gone of a payment by refunds and chargebacks, less what came again; positive."""
    total = session.scalar(
        select(func.coalesce(func.sum(Transaction.total), 0)).where(
            Transaction.payment_id == payment_id
        )
    )
    return -Decimal(total or 0)


def _read_refunded(session: Session, payment_id: UUID) -> Decimal:
    """What refunds alone moved of a payment, negative."""
    total = session.scalar(
        select(func.coalesce(func.sum(Transaction.total), 0)).where(
            Transaction.payment_id == payment_id, Transaction.kind == "refund"
        )
    )
    return Decimal(total or 0)


def check_reversible(session: Session, original: Transaction) -> None:
    """Raises ConflictError for what a gateway moved, or a payment of which a part went back."""
    if original.kind in KINDS:
        raise ConflictError(
            "Real money moved at the gateway: this cannot be reversed by hand. Make a payment or"
            " a charge if the balance has to differ."
        )
    found = session.scalar(
        select(Transaction.id).where(Transaction.payment_id == original.id).limit(1)
    )
    if found is not None:
        raise ConflictError(
            "Something of this payment went back already, so it cannot be reversed as a whole."
        )


def _record(
    session: Session, source_id: UUID, payment_id: UUID, kind: str, amount: Decimal, reason: str
) -> Transaction | None:
    payment = session.scalar(select(Transaction).where(Transaction.id == payment_id))
    if payment is None:
        raise NotFoundError("Transaction not found.")
    ledger.lock_balance(session, payment.client_id)
    known = session.scalar(select(Transaction).where(Transaction.id == source_id))
    if known is not None:
        if (known.kind, known.payment_id, known.total) != (kind, payment_id, amount):
            raise ConflictError("This form was sent before with other content.")
        return known
    if _find_reversal(session, payment_id) is not None:
        return None
    if payment.kind != "payment" or payment.status != "approved" or payment.reverses_id:
        raise InvariantError("only an approved payment can be given back")
    if kind == "refund" and payment.total + _read_refunded(session, payment_id) + amount < 0:
        raise InvariantError("more than is left of a payment was given back")
    at = now()
    made = _insert(session, payment, source_id, kind, amount, reason, at)
    if made is None or payment.payment_account_id is None:
        raise InvariantError("the id of a refund stands for another transaction")
    posted = ledger.post(
        session,
        ledger.Posting(
            reseller_id=payment.reseller_id,
            client_id=payment.client_id,
            kind=EntryKind(kind),
            source_id=source_id,
            currency=payment.currency,
            effective_at=at,
            description=made.description,
            lines=ledger.payment_lines(
                amount, account=Account.CLEARING, payment_account_id=payment.payment_account_id
            ),
        ),
    )
    if posted is None:
        raise InvariantError("a new transaction was posted before")
    made.ledger_entry_id = posted.entry_id
    session.flush()
    _audit(session, made, "create", {"amount": (None, amount), "reason": (None, reason)})
    allocation.shrink(session, payment)
    allocation.allocate(session, payment.reseller_id, payment.client_id)
    return made


def _insert(
    session: Session,
    like: Transaction,
    source_id: UUID,
    kind: str,
    amount: Decimal,
    reason: str,
    at: datetime,
) -> Transaction | None:
    """A row beside `like`, a payment or what was given back of it; None when the id is taken."""
    return session.scalar(
        insert(Transaction)
        .values(
            id=source_id,
            reseller_id=like.reseller_id,
            client_id=like.client_id,
            type="payment",
            kind=kind,
            status="approved",
            payment_account_id=like.payment_account_id,
            amount=amount,
            net=amount,
            total=amount,
            currency=like.currency,
            dated_at=at,
            description=like.description,
            author=author(),
            payment_id=like.payment_id or like.id,
            reason=reason,
        )
        .on_conflict_do_nothing()
        .returning(Transaction)
        .execution_options(synchronize_session=False)
    )


def _find_reversal(session: Session, transaction_id: UUID) -> UUID | None:
    return session.scalar(select(Transaction.id).where(Transaction.reverses_id == transaction_id))


def _audit(
    session: Session, one: Transaction, action: str, changes: dict[str, tuple[object, object]]
) -> None:
    audit.record(
        session,
        reseller_id=one.reseller_id,
        client_id=one.client_id,
        action=action,
        object_type="transaction",
        object_id=one.id,
        object_label=one.description,
        changes=changes,
    )
