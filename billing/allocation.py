"""Which payment paid which invoice: the oldest due invoice first, the oldest payment first."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Select, bindparam, case, func, insert, select, update
from sqlalchemy.orm import aliased

from billing.invoice_models import Invoice, PaymentAllocation
from billing.models import Transaction
from core.db import Session

Amounts = Sequence[tuple[UUID, Decimal]]


def plan(open_invoices: Amounts, free_payments: Amounts) -> list[tuple[UUID, UUID, Decimal]]:
    """Spread payments over invoices, both in the given order: (invoice, payment, amount) rows.

    Every amount is positive; nothing stays open while a payment still has something left.
    """
    rows = []
    payments = iter(free_payments)
    payment_id, left = next(payments, (None, Decimal()))
    for invoice_id, open_amount in open_invoices:
        while open_amount > 0 and payment_id is not None:
            amount = min(open_amount, left)
            if amount > 0:
                rows.append((invoice_id, payment_id, amount))
            open_amount -= amount
            left -= amount
            if left <= 0:
                payment_id, left = next(payments, (None, Decimal()))
    return rows


def allocate(session: Session, reseller_id: int, client_id: int, *, is_open: bool = False) -> None:
    """Put what payments have left on what invoices have open.

    The caller holds the client's balance row, so nobody allocates beside it. One that knows of an
    open invoice says `is_open`: then the payments are asked for first, as mostly there are none.
    """
    payments = _list_free_payments(session, client_id) if is_open else None
    if payments == []:
        return
    open_invoices = _list_open_invoices(session, client_id)
    if not open_invoices:
        return
    if payments is None:
        payments = _list_free_payments(session, client_id)
    rows = plan(open_invoices, payments)
    if rows:
        _write(session, reseller_id, client_id, rows)


def allocate_to(
    session: Session,
    reseller_id: int,
    client_id: int,
    *,
    payment_id: UUID,
    amount: Decimal,
    invoice_ids: Sequence[UUID],
) -> None:
    """Put a new payment on the invoices that it names, in their order, as far as they are open.

    The caller holds the client's balance row.
    """
    is_open = dict(_list_open_invoices(session, client_id))
    named = [(one, is_open[one]) for one in dict.fromkeys(invoice_ids) if one in is_open]
    rows = plan(named, [(payment_id, amount)])
    if rows:
        _write(session, reseller_id, client_id, rows)


def release(session: Session, reseller_id: int, client_id: int, payment_id: UUID) -> None:
    """Take a payment off every invoice that it paid, with opposite rows."""
    held = session.execute(
        select(PaymentAllocation.invoice_id, func.sum(PaymentAllocation.amount))
        .where(
            PaymentAllocation.reseller_id == reseller_id,
            PaymentAllocation.transaction_id == payment_id,
        )
        .group_by(PaymentAllocation.invoice_id)
        .having(func.sum(PaymentAllocation.amount) != 0)
        .order_by(PaymentAllocation.invoice_id)
    ).all()
    if held:
        rows = [(invoice_id, payment_id, -amount) for invoice_id, amount in held]
        _write(session, reseller_id, client_id, rows)


def shrink(session: Session, payment: Transaction) -> None:
    """Take a payment off invoices, those it paid last first, as far as it has no more for them.

    The caller holds the client's balance row.
    """
    lacking = -read_left(session, payment)
    if lacking <= 0:
        return
    held = session.execute(
        select(PaymentAllocation.invoice_id, func.sum(PaymentAllocation.amount))
        .where(
            PaymentAllocation.reseller_id == payment.reseller_id,
            PaymentAllocation.transaction_id == payment.id,
        )
        .group_by(PaymentAllocation.invoice_id)
        .having(func.sum(PaymentAllocation.amount) > 0)
        .order_by(func.max(PaymentAllocation.id).desc())
    )
    parts = plan([(payment.id, lacking)], [(one, part) for one, part in held])
    rows = [(invoice_id, payment.id, -part) for _, invoice_id, part in parts]
    if rows:
        _write(session, payment.reseller_id, payment.client_id, rows)


def release_invoice(
    session: Session,
    invoice: Invoice,
    *,
    amount: Decimal | None = None,
    payment_id: UUID | None = None,
    author: str = "",
) -> Decimal:
    """Take payments off an invoice, those that came last first; what was taken off.

    At most `amount`, and only `payment_id` when given. The caller holds the client's balance row.
    """
    wanted = (
        select(PaymentAllocation.transaction_id, func.sum(PaymentAllocation.amount))
        .where(
            PaymentAllocation.reseller_id == invoice.reseller_id,
            PaymentAllocation.invoice_id == invoice.id,
        )
        .group_by(PaymentAllocation.transaction_id)
        .having(func.sum(PaymentAllocation.amount) > 0)
        .order_by(func.max(PaymentAllocation.id).desc())
    )
    if payment_id is not None:
        wanted = wanted.where(PaymentAllocation.transaction_id == payment_id)
    held = [(one, part) for one, part in session.execute(wanted)]
    left = sum((part for _, part in held), Decimal()) if amount is None else amount
    rows = [(invoice.id, one, -part) for _, one, part in plan([(invoice.id, left)], held)]
    if rows:
        _write(session, invoice.reseller_id, invoice.client_id, rows, author)
    return -sum((part for _, _, part in rows), Decimal())


def put(session: Session, invoice: Invoice, payment_id: UUID, amount: Decimal, author: str) -> None:
    """One payment's part in one invoice, as somebody chose it; the caller has checked both."""
    rows = [(invoice.id, payment_id, amount)]
    _write(session, invoice.reseller_id, invoice.client_id, rows, author)


def read_left(session: Session, payment: Transaction) -> Decimal:
    """What a payment has left for invoices, whatever it is: less what went back of it."""
    used = session.scalar(
        select(func.coalesce(func.sum(PaymentAllocation.amount), 0)).where(
            PaymentAllocation.reseller_id == payment.reseller_id,
            PaymentAllocation.transaction_id == payment.id,
        )
    )
    gone = session.scalar(
        select(func.coalesce(func.sum(Transaction.total), 0)).where(
            Transaction.reseller_id == payment.reseller_id, Transaction.payment_id == payment.id
        )
    )
    return payment.total + Decimal(gone or 0) - Decimal(used or 0)


def _list_open_invoices(session: Session, client_id: int) -> list[tuple[UUID, Decimal]]:
    rows = session.execute(_OPEN_INVOICES, {"client_id": client_id})
    return [(invoice_id, open_amount) for invoice_id, open_amount in rows]


def _list_free_payments(session: Session, client_id: int) -> list[tuple[UUID, Decimal]]:
    """Approved payments with something left that nobody allocates by hand.

    A reversed one and its reversal have nothing, nor has what takes from a payment.
    """
    rows = session.execute(_FREE_PAYMENTS, {"client_id": client_id})
    return [(row.id, row.left) for row in rows]


def _free_payments() -> Select[Any]:
    reversal, part = aliased(Transaction), aliased(Transaction)
    gone = (
        select(func.coalesce(func.sum(part.total), 0))
        .where(part.reseller_id == Transaction.reseller_id, part.payment_id == Transaction.id)
        .correlate(Transaction)
        .scalar_subquery()
    )
    used = (
        select(func.coalesce(func.sum(PaymentAllocation.amount), 0))
        .where(
            PaymentAllocation.reseller_id == Transaction.reseller_id,
            PaymentAllocation.transaction_id == Transaction.id,
        )
        .correlate(Transaction)
        .scalar_subquery()
    )
    payments = (
        select(
            Transaction.id, Transaction.dated_at, (Transaction.total + gone - used).label("left")
        )
        .where(
            Transaction.client_id == bindparam("client_id"),
            Transaction.type == "payment",
            Transaction.status == "approved",
            Transaction.reverses_id.is_(None),
            Transaction.payment_id.is_(None),
            ~Transaction.allocated_by_hand,
            ~select(reversal.id)
            .where(
                reversal.reseller_id == Transaction.reseller_id,
                reversal.reverses_id == Transaction.id,
            )
            .exists(),
        )
        .subquery()
    )
    return (
        select(payments.c.id, payments.c.left)
        .where(payments.c.left > 0)
        .order_by(payments.c.dated_at, payments.c.id)
    )


# built once: every payment and every issue asks them
_OPEN_INVOICES = (
    select(Invoice.id, Invoice.total - Invoice.paid)
    .where(
        Invoice.client_id == bindparam("client_id"),
        Invoice.direction == "outgoing",
        Invoice.issued_at.is_not(None),
        Invoice.paid < Invoice.total,
    )
    .order_by(Invoice.due_on, Invoice.invoiced_at, Invoice.id)
)
_FREE_PAYMENTS = _free_payments()


def _write(
    session: Session,
    reseller_id: int,
    client_id: int,
    rows: Sequence[tuple[UUID, UUID, Decimal]],
    author: str = "",
) -> None:
    session.execute(
        insert(PaymentAllocation),
        [
            {
                "reseller_id": reseller_id,
                "client_id": client_id,
                "invoice_id": invoice_id,
                "transaction_id": payment_id,
                "amount": amount,
                "author": author,
            }
            for invoice_id, payment_id, amount in rows
        ],
    )
    by_invoice: dict[UUID, Decimal] = {}
    for invoice_id, _, amount in rows:
        by_invoice[invoice_id] = by_invoice.get(invoice_id, Decimal()) + amount
    session.execute(
        update(Invoice)
        .where(Invoice.client_id == client_id, Invoice.id.in_(by_invoice))
        .values(paid=Invoice.paid + case(by_invoice, value=Invoice.id))
        .execution_options(synchronize_session=False)
    )
    # what the session already holds must not show the old figure
    for loaded in list(session.identity_map.values()):
        if isinstance(loaded, Invoice) and loaded.id in by_invoice:
            session.refresh(loaded, ["paid"])
