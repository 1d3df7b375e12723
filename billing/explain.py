""" "Why this amount": the entries that make each balance of a client, and the sums that prove it.

Newest first, a page at a time. On every page opening + sum = closing, the closing of the first
page is the stored balance, and the opening of a page is the closing of the next one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

from sqlalchemy import ColumnElement, and_, case, func, select

from billing import ledger
from billing.ledger import Account
from billing.models import LedgerEntry, LedgerLine
from core.db import Session
from core.errors import InvalidInputError

BalanceName = Literal["live", "fixed", "available"]
BALANCE_NAMES: tuple[BalanceName, ...] = ("live", "fixed", "available")
PAGE = 50


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry as it moved the balance, in the client's currency.

    `amount` is signed. `net` and `tax` are the parts of a charge, None for all else.
    """

    entry_id: int
    kind: str
    source_id: UUID
    effective_at: datetime
    posted_at: datetime
    description: str
    reverses_id: int | None
    amount: Decimal
    balance_after: Decimal
    net: Decimal | None
    tax: Decimal | None


@dataclass(frozen=True, slots=True)
class Part:
    """Everything of one kind that the balance is made of."""

    kind: str
    count: int
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Explanation:
    """One page of why a balance is what it is; amounts in `currency`.

    `ledger_balance` is the sum of all `parts`: the balance itself for Live and Fixed. Available is
    it plus `credit`, and without limit (`balance` None) when postpaid. `before` asks for the next,
    older page; None on the last one.
    """

    name: BalanceName
    currency: str
    balance: Decimal | None
    ledger_balance: Decimal
    credit: Decimal
    postpaid: bool
    parts: Sequence[Part]
    entries: Sequence[Entry]
    opening: Decimal
    total: Decimal
    closing: Decimal
    before: int | None

    @property
    def is_proven(self) -> bool:
        """Whether the figures of this page add up to what is stored."""
        return (
            sum((part.amount for part in self.parts), Decimal()) == self.ledger_balance
            and self.opening + self.total == self.closing
            and all(
                newer.balance_after - newer.amount == older.balance_after
                for newer, older in zip(self.entries, self.entries[1:], strict=False)
            )
        )


def explain_balance(
    session: Session,
    client_id: int,
    name: BalanceName,
    *,
    before: int | None = None,
    limit: int = PAGE,
) -> Explanation:
    """Why the client's balance `name` is what it is; `before` is an older page's cursor.

    Raises NotFoundError, InvalidInputError for an unknown balance.
    """
    if name not in BALANCE_NAMES:
        raise InvalidInputError("There is no such balance.", "name")
    balance = ledger.get_balance(session, client_id)
    account = Account.CLIENT_FIXED if name == "fixed" else Account.CLIENT_LIVE
    stored = balance.fixed if name == "fixed" else balance.live
    found = _list_entries(session, client_id, account, before, limit + 1)
    entries, more = found[:limit], len(found) > limit
    if entries:
        closing = entries[0].balance_after
        opening = entries[-1].balance_after - entries[-1].amount
    else:
        closing = opening = stored if before is None else Decimal()
    return Explanation(
        name=name,
        currency=balance.currency,
        balance=_shown(name, stored, balance.credit, postpaid=balance.postpaid),
        ledger_balance=stored,
        credit=balance.credit,
        postpaid=balance.postpaid,
        parts=_list_parts(session, client_id, account),
        entries=entries,
        opening=opening,
        total=sum((entry.amount for entry in entries), Decimal()),
        closing=closing,
        before=entries[-1].entry_id if more else None,
    )


def _shown(
    name: BalanceName, stored: Decimal, credit: Decimal, *, postpaid: bool
) -> Decimal | None:
    if name != "available":
        return stored
    return None if postpaid else stored + credit


def _list_entries(
    session: Session, client_id: int, account: Account, before: int | None, limit: int
) -> list[Entry]:
    wanted = (
        select(
            LedgerEntry.id,
            LedgerEntry.kind,
            LedgerEntry.source_id,
            LedgerEntry.effective_at,
            LedgerEntry.posted_at,
            LedgerEntry.description,
            LedgerEntry.reverses_id,
            LedgerLine.amount,
            LedgerLine.balance_after,
        )
        .join(
            LedgerEntry,
            and_(
                LedgerEntry.reseller_id == LedgerLine.reseller_id,
                LedgerEntry.id == LedgerLine.entry_id,
            ),
        )
        .where(LedgerLine.client_id == client_id, LedgerLine.account == account.value)
        .order_by(LedgerLine.entry_id.desc())
        .limit(limit)
    )
    if before is not None:
        wanted = wanted.where(LedgerLine.entry_id < before)
    rows = session.execute(wanted).all()
    split = _split_charges(session, client_id, [row.id for row in rows])
    return [
        Entry(
            entry_id=row.id,
            kind=row.kind,
            source_id=row.source_id,
            effective_at=row.effective_at,
            posted_at=row.posted_at,
            description=row.description,
            reverses_id=row.reverses_id,
            amount=row.amount,
            balance_after=row.balance_after or Decimal(),
            net=split.get(row.id, (None, None))[0],
            tax=split.get(row.id, (None, None))[1],
        )
        for row in rows
    ]


def _split_charges(
    session: Session, client_id: int, entry_ids: Sequence[int]
) -> dict[int, tuple[Decimal, Decimal]]:
    """Net and tax of the entries that sold something."""
    rows = session.execute(
        select(
            LedgerLine.entry_id,
            _sum_of(Account.REVENUE),
            _sum_of(Account.TAX),
        )
        .where(
            LedgerLine.client_id == client_id,
            LedgerLine.entry_id.in_(entry_ids),
            LedgerLine.account.in_([Account.REVENUE.value, Account.TAX.value]),
        )
        .group_by(LedgerLine.entry_id)
    )
    return {entry_id: (net or Decimal(), tax or Decimal()) for entry_id, net, tax in rows}


def _sum_of(account: Account) -> ColumnElement[Decimal | None]:
    return func.sum(case((LedgerLine.account == account.value, LedgerLine.amount)))


def _list_parts(session: Session, client_id: int, account: Account) -> list[Part]:
    rows = session.execute(
        select(LedgerEntry.kind, func.count(), func.sum(LedgerLine.amount))
        .join(
            LedgerEntry,
            and_(
                LedgerEntry.reseller_id == LedgerLine.reseller_id,
                LedgerEntry.id == LedgerLine.entry_id,
            ),
        )
        .where(LedgerLine.client_id == client_id, LedgerLine.account == account.value)
        .group_by(LedgerEntry.kind)
        .order_by(LedgerEntry.kind)
    )
    return [Part(kind, count, amount) for kind, count, amount in rows]
