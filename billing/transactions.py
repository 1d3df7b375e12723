"""Payments and charges of a client, as people see them; approved ones are in the ledger."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from billing import allocation, ledger, payment_accounts, payment_returns
from billing.ledger import Account, EntryKind, Posted
from billing.models import ClientBalance, Transaction
from billing.taxes import TaxMode
from billing.transaction_rows import (
    PROFILE_MODE,
    Draft,
    Original,
    checked_description,
    checked_quantity,
    checked_status,
    client_taxes,
    insert_reversal,
    repeated,
    row_values,
    tax_details,
)
from core import jobs
from core.clock import now
from core.db import Session
from core.errors import ConflictError, InvalidInputError, InvariantError, NotFoundError
from tenants import audit
from tenants.clients import get_client

CHARGE_KINDS = ("extra_charge", "services_charge", "package_fee")

Status = Literal["pending", "approved"]
ChargeKind = Literal["extra_charge", "services_charge", "package_fee"]
TaxModeName = Literal["none", "excluding", "including", "profile"]


def create_payment(
    session: Session,
    *,
    transaction_id: UUID,
    client_id: int,
    amount: Decimal,
    payment_account_id: int,
    dated_at: datetime | None = None,
    description: str = "",
    status: Status = "approved",
    invoice_ids: Sequence[UUID] = (),
    original: Original | None = None,
) -> Transaction:
    """Book money that came from a client, in its currency; pending moves nothing yet.

    `original` is what it was before it was converted (`foreign_payments`). An approved one pays
    the invoices of `invoice_ids` first, then the oldest due one.
    The same id with the same content gives the row made before, other content ConflictError.
    Raises InvalidInputError naming the field, NotFoundError.
    """
    draft = Draft(
        id=transaction_id,
        type="payment",
        kind="payment",
        status=checked_status(status),
        client_id=client_id,
        amount=amount,
        dated_at=dated_at,
        description=checked_description(description),
        payment_account_id=payment_account_id,
        original=original,
    )
    return _create(session, draft, EntryKind.PAYMENT, Account.CASH, invoice_ids)


def record_gateway_payment(
    session: Session,
    *,
    source_id: UUID,
    client_id: int,
    amount: Decimal,
    currency: str,
    payment_account_id: int,
    description: str,
    kind: EntryKind = EntryKind.REFILL,
) -> Transaction:
    """Book money that a gateway took or a voucher stands for, once per `source_id` (its id).

    Raises InvariantError when the balance is in another currency than the money.
    """
    balance = ledger.lock_balance(session, client_id)
    if balance.currency != currency:
        raise InvariantError(
            "money in %(currency)s for a balance in %(balance)s",
            currency=currency,
            balance=balance.currency,
        )
    draft = Draft(
        id=source_id,
        type="payment",
        kind="payment",
        status="approved",
        client_id=client_id,
        amount=amount,
        dated_at=None,
        description=checked_description(description),
        payment_account_id=payment_account_id,
    )
    return _create(session, draft, kind, Account.CLEARING)


def create_charge(
    session: Session,
    *,
    transaction_id: UUID,
    client_id: int,
    amount: Decimal,
    kind: ChargeKind = "extra_charge",
    tax_mode: TaxModeName = "excluding",
    dated_at: datetime | None = None,
    description: str = "",
    quantity: Decimal | None = None,
    status: Status = "approved",
) -> Transaction:
    """Charge a client, in its currency, with the taxes of its profile on the day of the charge.

    `amount` is the whole charge; `quantity` only says what it was for. The same id with the same
    content gives the row made before, other content ConflictError. Raises InvalidInputError
    naming the field, NotFoundError.
    """
    if kind not in CHARGE_KINDS:
        raise InvalidInputError("Choose a kind of charge.", "kind")
    if tax_mode not in (*TaxMode, PROFILE_MODE):
        raise InvalidInputError("Choose how the tax is taken.", "tax_mode")
    draft = Draft(
        id=transaction_id,
        type="charge",
        kind=kind,
        status=checked_status(status),
        client_id=client_id,
        amount=amount,
        dated_at=dated_at,
        description=checked_description(description),
        tax_mode=tax_mode,
        quantity=checked_quantity(quantity, amount),
    )
    return _create(session, draft, EntryKind.CHARGE, None)


def approve(session: Session, transaction_id: UUID) -> Transaction:
    """Let a pending transaction move the balances; approving an approved one changes nothing.

    A charge takes the taxes that the profile has now for its day. Raises NotFoundError.
    """
    transaction, balance = _lock(session, transaction_id)
    if transaction.status == "approved":
        return transaction
    if transaction.type == "charge":
        client = get_client(session, transaction.client_id)
        taxed = client_taxes(
            session, client, transaction.amount, transaction.tax_mode, transaction.dated_at
        )
        transaction.net, transaction.tax = taxed.net, taxed.tax
        transaction.total = taxed.gross
        transaction.tax_details = tax_details(taxed)
    transaction.status = "approved"
    kind, account = (
        (EntryKind.CHARGE, None)
        if transaction.type == "charge"
        else (EntryKind.PAYMENT, Account.CASH)
    )
    posted = _post(session, transaction, kind, account)
    _record(session, transaction, "approve", {"status": ("pending", "approved")})
    _after_posting(session, transaction, balance, posted)
    return transaction


def reverse(
    session: Session,
    transaction_id: UUID,
    *,
    reversal_id: UUID,
    reason: str,
    with_invoice: bool = False,
) -> Transaction:
    """Undo an approved transaction by its exact opposite, dated now; the original stays.

    A reversed payment leaves the invoices that it paid. Reversing again with the same
    `reversal_id` gives the same row. Raises InvalidInputError without a reason, NotFoundError,
    ConflictError for a pending, an already reversed, or a reversing transaction, and where a
    gateway gave something of it back.
    """
    reason = checked_description(reason)
    if not reason:
        raise InvalidInputError("Enter the reason.", "reason")
    original, balance = _lock(session, transaction_id)
    known = session.scalar(select(Transaction).where(Transaction.reverses_id == transaction_id))
    if known is not None:
        if known.id == reversal_id:
            return known
        raise ConflictError("This transaction is reversed already.")
    if original.reverses_id is not None:
        raise ConflictError("A reversal cannot be reversed; make a new transaction.")
    if "suretax" in original.tax_details and not with_invoice:
        raise ConflictError("These are the taxes of an invoice: void or credit the invoice.")
    if original.status != "approved" or original.ledger_entry_id is None:
        raise ConflictError("Only an approved transaction can be reversed.")
    payment_returns.check_reversible(session, original)
    at = now()
    reversal = insert_reversal(session, original, reversal_id, reason, at)
    posted = ledger.reverse(
        session,
        original.ledger_entry_id,
        source_id=reversal_id,
        effective_at=at,
        description=f"Reversal: {original.description}".removesuffix(": "),
    )
    if posted is None:
        raise InvariantError("a new reversal was posted before")
    reversal.ledger_entry_id = posted.entry_id
    session.flush()
    _record(session, original, "reverse", {"reason": (None, reason)})
    if original.type == "payment":
        allocation.release(session, original.reseller_id, original.client_id, original.id)
    _after_posting(session, reversal, balance, posted)
    return reversal


def get_transaction(session: Session, transaction_id: UUID) -> Transaction:
    """Raises NotFoundError, also for one of another tenant."""
    transaction = find_transaction(session, transaction_id)
    if transaction is None:
        raise NotFoundError("Transaction not found.")
    return transaction


def find_transaction(session: Session, transaction_id: UUID) -> Transaction | None:
    return session.scalar(select(Transaction).where(Transaction.id == transaction_id))


def find_reversal(session: Session, transaction_id: UUID) -> Transaction | None:
    """The transaction that reverses this one, if there is one."""
    return session.scalar(select(Transaction).where(Transaction.reverses_id == transaction_id))


def _create(
    session: Session,
    draft: Draft,
    kind: EntryKind,
    account: Account | None,
    invoice_ids: Sequence[UUID] = (),
) -> Transaction:
    known = find_transaction(session, draft.id)
    if known is not None:
        return repeated(known, draft)
    client = get_client(session, draft.client_id)
    balance = ledger.lock_balance(session, client.id)
    # what a gateway took is booked in any case; by hand an account may refuse
    if account is Account.CASH and draft.payment_account_id is not None:
        came_in = draft.original.currency if draft.original else balance.currency
        payment_accounts.check_takes(session, draft.payment_account_id, came_in)
    values = row_values(session, client, balance.currency, draft)
    transaction = session.scalar(
        insert(Transaction)
        .values(**values)
        .on_conflict_do_nothing()
        .returning(Transaction)
        .execution_options(synchronize_session=False)
    )
    if transaction is None:
        # made between our look and our insert, perhaps by another tenant
        known = find_transaction(session, draft.id)
        if known is None:
            raise ConflictError("This transaction was entered already.")
        return repeated(known, draft)
    _record(
        session,
        transaction,
        "create",
        {name: (None, values[name]) for name in ("amount", "tax_mode", "status", "description")},
    )
    if draft.status == "approved":
        posted = _post(session, transaction, kind, account)
        if invoice_ids:
            allocation.allocate_to(
                session,
                client.reseller_id,
                client.id,
                payment_id=transaction.id,
                amount=transaction.total,
                invoice_ids=invoice_ids,
            )
        _after_posting(session, transaction, balance, posted)
    return transaction


def _post(
    session: Session, transaction: Transaction, kind: EntryKind, account: Account | None
) -> Posted:
    if account is None:
        lines = ledger.charge_lines(transaction.net, transaction.tax)
    elif transaction.payment_account_id is None:
        raise InvariantError("a payment without a payment account")
    else:
        lines = ledger.payment_lines(
            transaction.total,
            account=account,
            payment_account_id=transaction.payment_account_id,
        )
    posted = ledger.post(
        session,
        ledger.Posting(
            reseller_id=transaction.reseller_id,
            client_id=transaction.client_id,
            kind=kind,
            source_id=transaction.id,
            currency=transaction.currency,
            effective_at=transaction.dated_at,
            description=transaction.description,
            lines=lines,
        ),
    )
    if posted is None:
        raise InvariantError("a new transaction was posted before")
    transaction.ledger_entry_id = posted.entry_id
    session.flush()
    return posted


def _after_posting(
    session: Session, transaction: Transaction, balance: ClientBalance, posted: Posted
) -> None:
    """Payments find their invoices; a balance that fell may be due for an automatic charge."""
    reseller_id, client_id = transaction.reseller_id, transaction.client_id
    if transaction.type == "payment":
        allocation.allocate(session, reseller_id, client_id)
    if not balance.postpaid and posted.live + balance.credit <= 0:
        jobs.enqueue(session, "payments.auto_charge", reseller_id=reseller_id, client_id=client_id)


def _lock(session: Session, transaction_id: UUID) -> tuple[Transaction, ClientBalance]:
    """The row under its client's balance lock, which every change of it takes first."""
    client_id = get_transaction(session, transaction_id).client_id
    balance = ledger.lock_balance(session, client_id)
    transaction = session.scalars(
        select(Transaction)
        .where(Transaction.id == transaction_id)
        .execution_options(populate_existing=True)
    ).one()
    return transaction, balance


def _record(
    session: Session,
    transaction: Transaction,
    action: str,
    changes: dict[str, tuple[object, object]],
) -> None:
    audit.record(
        session,
        reseller_id=transaction.reseller_id,
        client_id=transaction.client_id,
        action=action,
        object_type="transaction",
        object_id=transaction.id,
        object_label=transaction.description,
        changes=changes,
    )
