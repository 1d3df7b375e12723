"""What the refill screen reads."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

from sqlalchemy import and_, select, true

from billing.models import LedgerLine, Transaction
from core.clock import now
from core.db import Session
from core.errors import NotFoundError
from payments import attempts, gateway_accounts, refills
from payments.models import GatewayAccount, Refill, SavedCard
from portal.panel.me import Me, my_id, read_me
from portal.panel.open_invoices import OpenInvoice, list_open
from tenants import panel_rules
from tenants.panel_rules import Rules

# A payment as young as this may well be the one that somebody is about to make a second time.
_RECENT = timedelta(minutes=10)
# The states in which money may move without anybody doing anything more.
_MOVING = ("requested", "processing", "unknown")


@dataclass(frozen=True, slots=True)
class Desk:
    """All that the refill form is drawn from. `account` None: no gateway takes the currency."""

    me: Me
    account: GatewayAccount | None
    cards: Sequence[SavedCard]
    open_invoices: Sequence[OpenInvoice]
    recent: Refill | None
    rules: Rules

    @property
    def owed(self) -> Decimal:
        return sum((one.open for one in self.open_invoices), Decimal(0))

    def find_invoice(self, invoice_id: UUID | None) -> OpenInvoice | None:
        return next((one for one in self.open_invoices if one.id == invoice_id), None)


@dataclass(frozen=True, slots=True)
class Watch:
    """One refill as its progress box needs it; balances are those of this moment.

    `was_tried` means that the gateway was asked before and nothing was charged. `balance_after`
    is Live right after the payment was booked. `needs_confirmation`: the client's bank asks it.
    """

    me: Me
    refill: Refill
    card: SavedCard | None
    was_tried: bool
    balance_after: Decimal | None
    needs_confirmation: bool = False
    # the client's bank has still to pay a debit
    is_clearing: bool = False


def read_desk(session: Session) -> Desk:
    """The client's ways to pay, what it owes, and its payment of the last minutes."""
    me = read_me(session)
    account = gateway_accounts.find_account(
        session, reseller_id=me.reseller_id, currency=me.currency
    )
    return Desk(
        me,
        account,
        _list_cards(session, account),
        list_open(session),
        _find_recent(session),
        panel_rules.read_rules(session, me.reseller_id),
    )


def find_same(session: Session, *, amount: Decimal, card_id: UUID | None) -> Refill | None:
    """A payment of the same amount in the same way that may still come: nobody means it twice.

    Forms of two tabs sent at once take turns, until the transaction ends.
    """
    if card_id is not None:
        refills.take_turn(session, card_id)
    way = (
        and_(Refill.method == "hosted_page", Refill.state.in_(("requested", "processing")))
        if card_id is None
        else and_(Refill.saved_card_id == card_id, Refill.state.in_(_MOVING))
    )
    return session.scalar(
        select(Refill)
        .where(Refill.client_id == my_id(), Refill.source == "panel", Refill.amount == amount, way)
        .order_by(Refill.created_at.desc())
        .limit(1)
    )


def watch(session: Session, refill_id: UUID) -> Watch:
    """Raises NotFoundError, also for a refill of another client."""
    refill = session.scalar(select(Refill).where(Refill.id == refill_id))
    if refill is None:
        raise NotFoundError("Refill not found.")
    card = None
    if refill.saved_card_id is not None:
        card = session.scalar(select(SavedCard).where(SavedCard.id == refill.saved_card_id))
    latest = attempts.find_latest(session, refill_id)
    was_tried = refill.state == "requested" and latest is not None
    needs_confirmation = latest is not None and attempts.needs_confirmation(latest)
    balance_after = session.scalar(
        select(LedgerLine.balance_after)
        .join(
            Transaction,
            and_(
                Transaction.reseller_id == LedgerLine.reseller_id,
                Transaction.ledger_entry_id == LedgerLine.entry_id,
            ),
        )
        .where(Transaction.id == refill_id, LedgerLine.account == "client_live")
    )
    return Watch(
        read_me(session),
        refill,
        card,
        was_tried,
        balance_after,
        needs_confirmation,
        latest is not None and attempts.is_clearing(latest),
    )


def _list_cards(session: Session, account: GatewayAccount | None) -> list[SavedCard]:
    if account is None:
        return []
    return list(
        session.scalars(
            select(SavedCard)
            .where(
                SavedCard.client_id == my_id(),
                SavedCard.state == "active",
                SavedCard.gateway_account_id == account.id,
                true() if account.bank_accounts else SavedCard.kind == "card",
            )
            .order_by(SavedCard.is_default.desc(), SavedCard.created_at.desc(), SavedCard.id)
        )
    )


def _find_recent(session: Session) -> Refill | None:
    return session.scalar(
        select(Refill)
        .where(
            Refill.client_id == my_id(),
            Refill.source == "panel",
            Refill.created_at > now() - _RECENT,
            Refill.state.in_((*_MOVING, "held", "succeeded")),
        )
        .order_by(Refill.created_at.desc())
        .limit(1)
    )
