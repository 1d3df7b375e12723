"""Double-entry ledger: posts through one database function, never changes what is posted.

Signed amounts: positive credits an account, negative debits it; the lines of an entry sum to zero.
Two books share the entries: what a client has by its charges (client_live) and what it has by its
issued invoices (client_fixed).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from sqlalchemy import select

from billing.models import ClientBalance, LedgerEntry, LedgerLine
from core.db import Session
from core.errors import InvariantError, NotFoundError

PLACES = Decimal("0.000001")


class Account(StrEnum):
    """Kinds of account; each line of the ledger is on one."""

    CLIENT_LIVE = "client_live"
    CLIENT_FIXED = "client_fixed"
    CASH = "cash"
    CLEARING = "clearing"
    REVENUE = "revenue"
    TAX = "tax"
    INVOICED = "invoiced"
    RECEIVED = "received"
    OPENING = "opening"


class EntryKind(StrEnum):
    """Why an entry was posted; with the source's id it is unique in a reseller."""

    PAYMENT = "payment"
    CHARGE = "charge"
    REFILL = "refill"
    REFUND = "refund"
    CHARGEBACK = "chargeback"
    CHARGEBACK_REVERSAL = "chargeback_reversal"
    VOUCHER = "voucher"
    INVOICE = "invoice"
    CREDIT_NOTE = "credit_note"
    REVERSAL = "reversal"
    OPENING_BALANCE = "opening_balance"


@dataclass(frozen=True, slots=True)
class Line:
    """One side of a posting. `amount` has at most 6 places."""

    account: Account
    amount: Decimal
    payment_account_id: int | None = None


@dataclass(frozen=True, slots=True)
class Posting:
    """What to post: `source_id` with `kind` posts once per reseller, whatever happens."""

    reseller_id: int
    client_id: int
    kind: EntryKind
    source_id: UUID
    currency: str
    effective_at: datetime
    description: str
    lines: Sequence[Line]
    reverses_id: int | None = None


@dataclass(frozen=True, slots=True)
class Posted:
    """The entry's id and the client's balances right after it."""

    entry_id: int
    live: Decimal
    fixed: Decimal


# positional parameters straight to the driver: this is the hottest statement of the product
_POST = (
    "select posted_id, live_after, fixed_after"
    " from ledger_post(%s, %s, %s, %s, %s, %s, %s, %s, %s::text[], %s::bigint[], %s::numeric[])"
)


def post(session: Session, posting: Posting) -> Posted | None:
    """Post in the caller's transaction; None when this source was posted before.

    Locks the client's balance row until the transaction ends. Raises InvariantError for lines
    that do not sum to zero or have more than 6 places.
    """
    lines = [line for line in posting.lines if line.amount]
    if sum((line.amount for line in lines), Decimal()) != 0:
        raise InvariantError("a ledger entry must sum to zero")
    if any(line.amount != line.amount.quantize(PLACES) for line in lines):
        raise InvariantError("a ledger amount has more than 6 places")
    row = (
        session.connection()
        .exec_driver_sql(
            _POST,
            (
                posting.reseller_id,
                posting.client_id,
                posting.kind.value,
                posting.source_id,
                posting.currency,
                posting.effective_at,
                posting.description,
                posting.reverses_id,
                [line.account.value for line in lines],
                [line.payment_account_id for line in lines],
                [line.amount for line in lines],
            ),
        )
        .one()
    )
    if row.posted_id is None:
        return None
    return Posted(row.posted_id, row.live_after, row.fixed_after)


def payment_lines(amount: Decimal, *, account: Account, payment_account_id: int) -> list[Line]:
    """Money that came from the client: both books move. `account`: CASH or CLEARING."""
    return [
        Line(Account.CLIENT_LIVE, amount),
        Line(account, -amount, payment_account_id),
        Line(Account.CLIENT_FIXED, amount),
        Line(Account.RECEIVED, -amount),
    ]


def charge_lines(net: Decimal, tax: Decimal) -> list[Line]:
    """What the client owes by use, before any invoice: only the live book moves."""
    return [
        Line(Account.CLIENT_LIVE, -(net + tax)),
        Line(Account.REVENUE, net),
        Line(Account.TAX, tax),
    ]


def invoice_lines(total: Decimal) -> list[Line]:
    """An issued outgoing invoice: only the fixed book moves."""
    return [Line(Account.CLIENT_FIXED, -total), Line(Account.INVOICED, total)]


def opening_lines(amount: Decimal) -> list[Line]:
    """What a client brought along from another system, signed: both books move."""
    return [
        Line(Account.CLIENT_LIVE, amount),
        Line(Account.OPENING, -amount),
        Line(Account.CLIENT_FIXED, amount),
        Line(Account.RECEIVED, -amount),
    ]


def credit_lines(net: Decimal, tax: Decimal, total: Decimal) -> list[Line]:
    """A credit note: what was sold and invoiced is taken back in both books."""
    return [
        Line(Account.CLIENT_LIVE, net + tax),
        Line(Account.REVENUE, -net),
        Line(Account.TAX, -tax),
        Line(Account.CLIENT_FIXED, total),
        Line(Account.INVOICED, -total),
    ]


def find_entry_id(session: Session, kind: EntryKind, source_id: UUID) -> int | None:
    """The entry that this source posted, if it did."""
    return session.scalar(
        select(LedgerEntry.id).where(
            LedgerEntry.kind == kind.value, LedgerEntry.source_id == source_id
        )
    )


def reverse(
    session: Session,
    entry_id: int,
    *,
    source_id: UUID,
    effective_at: datetime,
    description: str,
) -> Posted | None:
    """Post the exact opposite of an entry, naming it; None when that was done before.

    Raises NotFoundError for an entry that the scope does not hold.
    """
    entry = session.get(LedgerEntry, entry_id)
    if entry is None:
        raise NotFoundError("Ledger entry not found.")
    rows = session.execute(
        select(LedgerLine.account, LedgerLine.amount, LedgerLine.payment_account_id)
        .where(LedgerLine.reseller_id == entry.reseller_id, LedgerLine.entry_id == entry_id)
        .order_by(LedgerLine.line_no)
    ).all()
    return post(
        session,
        Posting(
            reseller_id=entry.reseller_id,
            client_id=entry.client_id,
            kind=EntryKind.REVERSAL,
            source_id=source_id,
            currency=entry.currency,
            effective_at=effective_at,
            description=description,
            lines=[Line(Account(r.account), -r.amount, r.payment_account_id) for r in rows],
            reverses_id=entry_id,
        ),
    )


def lock_balance(session: Session, client_id: int) -> ClientBalance:
    """The client's balance row, locked until the transaction ends; raises NotFoundError."""
    balance = session.scalar(
        select(ClientBalance)
        .where(ClientBalance.client_id == client_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if balance is None:
        raise NotFoundError("Client not found.")
    return balance


def get_balance(session: Session, client_id: int) -> ClientBalance:
    """The client's stored balances; raises NotFoundError."""
    balance = session.scalar(select(ClientBalance).where(ClientBalance.client_id == client_id))
    if balance is None:
        raise NotFoundError("Client not found.")
    return balance
