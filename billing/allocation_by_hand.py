"""Payments put on invoices, and taken off them, by people: never more than either side has."""

from collections.abc import Mapping
from decimal import Decimal
from uuid import UUID

from sqlalchemy import select

from billing import allocation, ledger
from billing.invoice_models import Invoice, PaymentAllocation
from billing.invoices import OUTGOING, get_invoice, lock_invoice
from billing.models import Transaction
from billing.transaction_rows import author
from billing.transactions import find_reversal, get_transaction
from core.db import Session
from core.errors import ConflictError, InvalidInputError, NotFoundError
from core.money import minor_amount
from tenants import audit
from tenants.stamps import make_stamp


def allocate(
    session: Session, *, invoice_id: UUID, payment_id: UUID, amount: Decimal, stamp: str
) -> Invoice:
    """Put `amount` of a payment on an invoice of the same client, in their currency.

    `stamp` is what `read_stamp` said when the form was drawn: a second click, or somebody else's
    change, raises ConflictError. Raises NotFoundError, InvalidInputError naming the field.
    """
    invoice, payment = _lock(session, invoice_id, payment_id, stamp)
    amount = _checked(amount, invoice.currency)
    if invoice.state == "void" or invoice.issued_at is None or invoice.direction != OUTGOING:
        raise ConflictError("Only an issued invoice takes payments.")
    _check_limit(amount, invoice.total - invoice.paid, invoice.currency, on_invoice=True)
    left = free_amount(session, payment)
    _check_limit(amount, left, invoice.currency, on_invoice=False)
    allocation.put(session, invoice, payment.id, amount, author())
    _record(session, invoice, payment, "allocate", amount)
    return invoice


def deallocate(session: Session, *, invoice_id: UUID, payment_id: UUID, stamp: str) -> Invoice:
    """Take a payment off an invoice; from then on the payment is allocated by hand only.

    Raises as `allocate`; ConflictError when nothing of the payment is on the invoice.
    """
    invoice, payment = _lock(session, invoice_id, payment_id, stamp)
    taken = allocation.release_invoice(session, invoice, payment_id=payment.id, author=author())
    if not taken:
        raise ConflictError("Nothing of this payment is on the invoice any more.")
    payment.allocated_by_hand = True
    session.flush()
    _record(session, invoice, payment, "deallocate", taken)
    # the room that it left is there for others
    allocation.allocate(session, invoice.reseller_id, invoice.client_id)
    return invoice


def set_by_hand(session: Session, payment_id: UUID, *, by_hand: bool) -> Transaction:
    """Leave what the payment has left to people, or to the automatic allocation, which goes on.

    Raises NotFoundError, ConflictError for what is no payment.
    """
    payment = _payment(session, payment_id)
    ledger.lock_balance(session, payment.client_id)
    session.refresh(payment)
    if payment.allocated_by_hand == by_hand:
        return payment
    payment.allocated_by_hand = by_hand
    session.flush()
    audit.record(
        session,
        reseller_id=payment.reseller_id,
        client_id=payment.client_id,
        action="update",
        object_type="transaction",
        object_id=payment.id,
        object_label=payment.description,
        changes={"allocated_by_hand": (not by_hand, by_hand)},
    )
    if not by_hand:
        allocation.allocate(session, payment.reseller_id, payment.client_id)
    return payment


def free_amount(session: Session, payment: Transaction) -> Decimal:
    """What the payment has left for invoices; nothing when pending, reversed or no payment."""
    if payment.status != "approved" or payment.reverses_id or payment.payment_id:
        return Decimal()
    if find_reversal(session, payment.id) is not None:
        return Decimal()
    return allocation.read_left(session, payment)


def read_stamp(session: Session, invoice_id: UUID, payment_id: UUID) -> str:
    """What a form that allocates between the two was drawn from. Raises NotFoundError."""
    invoice, payment = get_invoice(session, invoice_id), _payment(session, payment_id)
    return make_stamp(_facts(session, invoice, payment))


def _facts(session: Session, invoice: Invoice, payment: Transaction) -> Mapping[str, object]:
    last = session.scalar(
        select(PaymentAllocation.id)
        .where(
            PaymentAllocation.invoice_id == invoice.id,
            PaymentAllocation.transaction_id == payment.id,
        )
        .order_by(PaymentAllocation.id.desc())
        .limit(1)
    )
    return {"invoice": str(invoice.id), "payment": str(payment.id), "last": last}


def _lock(
    session: Session, invoice_id: UUID, payment_id: UUID, stamp: str
) -> tuple[Invoice, Transaction]:
    invoice = lock_invoice(session, invoice_id)
    payment = _payment(session, payment_id)
    session.refresh(payment)
    if payment.client_id != invoice.client_id:
        raise NotFoundError("Payment not found.")
    if stamp != make_stamp(_facts(session, invoice, payment)):
        raise ConflictError("This payment was allocated meanwhile. Look at it again.")
    return invoice, payment


def _payment(session: Session, payment_id: UUID) -> Transaction:
    payment = get_transaction(session, payment_id)
    if payment.type != "payment":
        raise ConflictError("Only a payment can be allocated.")
    return payment


def _checked(amount: Decimal, currency: str) -> Decimal:
    if not amount.is_finite() or amount <= 0:
        raise InvalidInputError("Enter an amount above zero.", "amount")
    if amount != minor_amount(amount, currency):
        raise InvalidInputError("The amount has too many decimals for its currency.", "amount")
    return amount


def _check_limit(amount: Decimal, limit: Decimal, currency: str, *, on_invoice: bool) -> None:
    if amount <= limit:
        return
    left = minor_amount(max(limit, Decimal()), currency)
    if on_invoice:
        raise InvalidInputError("Only %(left)s is open on the invoice.", "amount", left=left)
    raise InvalidInputError("Only %(left)s of the payment is left.", "amount", left=left)


def _record(
    session: Session, invoice: Invoice, payment: Transaction, action: str, amount: Decimal
) -> None:
    audit.record(
        session,
        reseller_id=invoice.reseller_id,
        client_id=invoice.client_id,
        action=action,
        object_type="invoice",
        object_id=invoice.id,
        object_label=invoice.number,
        changes={"payment": (None, str(payment.id)), "amount": (None, amount)},
    )
