"""Refills: the wish to add money to a balance. The row exists before any gateway is asked."""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from billing import transactions
from core import jobs
from core.clock import now
from core.db import Session
from core.errors import InvalidInputError, NotFoundError
from core.money import minor_amount
from core.tenancy import current_actor
from payments import gateway_accounts
from payments.errors import RefillConflictError
from payments.limits import limits_of
from payments.models import OPEN_REFILL_STATES, GatewayAccount, Refill, SavedCard
from payments.state import FINAL_REFILL_STATES, RefillNews, RefillState, next_refill_state
from tenants import audit, clients
from tenants.models import Client

Source = Literal["panel", "staff", "auto"]

# A job that was lost is found by the sweep after this.
_LOST_AFTER = timedelta(minutes=1)

# The first half of the keys of advisory locks on cards.
_TURNS = 0x7266
OPEN_STATES = tuple(state.strip(" '") for state in OPEN_REFILL_STATES.split(","))


def request_refill(
    session: Session,
    *,
    refill_id: UUID,
    client_id: int,
    amount: Decimal,
    saved_card_id: UUID,
    source: Source = "panel",
    figures: Mapping[str, Any] | None = None,
) -> Refill:
    """Ask for `amount` (client's currency, minor digits) from a saved card; a job charges it.

    The same id again is the same refill; with other content it raises RefillConflictError. Raises
    NotFoundError for a client or card out of scope, InvalidInputError naming the field.
    """
    client = clients.get_client(session, client_id)
    card = _active_card(session, client, saved_card_id)
    account = gateway_accounts.get_account(session, card.gateway_account_id)
    refill, is_new = _insert(
        session,
        client,
        account,
        refill_id=refill_id,
        amount=amount,
        source=source,
        saved_card_id=saved_card_id,
        figures=figures,
    )
    if is_new:
        jobs.enqueue(
            session,
            "payments.charge_refill",
            reseller_id=refill.reseller_id,
            refill_id=str(refill.id),
        )
    return refill


def request_hosted_refill(
    session: Session, *, refill_id: UUID, client_id: int, amount: Decimal, source: Source = "panel"
) -> tuple[Refill, GatewayAccount]:
    """Ask for `amount` to be paid on the gateway's page; no job, the page is opened next.

    Repeating and errors as `request_refill`; NoGatewayError when no account takes the currency.
    """
    client = clients.get_client(session, client_id)
    if client.status == "deleted":
        raise InvalidInputError("This client is deleted.")
    account = gateway_accounts.require_account(
        session, reseller_id=client.reseller_id, currency=client.currency
    )
    refill, _ = _insert(session, client, account, refill_id=refill_id, amount=amount, source=source)
    return refill, account


def get_refill(session: Session, refill_id: UUID) -> Refill:
    """Raises NotFoundError, also for a refill of another tenant or client."""
    refill = session.scalar(select(Refill).where(Refill.id == refill_id))
    if refill is None:
        raise NotFoundError("Refill not found.")
    return refill


def find_locked(session: Session, refill_id: UUID) -> Refill | None:
    """As `lock_refill`, None for one that is not there."""
    return session.scalar(
        select(Refill)
        .where(Refill.id == refill_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )


def lock_refill(session: Session, refill_id: UUID) -> Refill:
    """As `get_refill`, locked until the transaction ends and read anew."""
    refill = find_locked(session, refill_id)
    if refill is None:
        raise NotFoundError("Refill not found.")
    return refill


def lock_card(session: Session, card_id: UUID) -> SavedCard | None:
    """The card, read anew and locked until the transaction ends: who charges it takes turns.

    Rows that point at the card are written meanwhile: an automatic charge, which has locked the
    balance, need not wait. Whoever holds this lock may want no lock of a balance, nor point at one.
    """
    return session.scalar(
        select(SavedCard)
        .where(SavedCard.id == card_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )


def take_turn(session: Session, card_id: UUID) -> None:
    """Wait for everybody else who is about to ask for a refill from this card, until the commit.

    No row is locked: whoever records a payment holds the balance and writes to the card, while a
    new refill points at the balance; with the card's own lock each would wait for the other.
    """
    session.execute(select(func.pg_advisory_xact_lock(_TURNS, card_id.int % 2**31)))


def move(refill: Refill, news: RefillNews, *, reason: str = "") -> None:
    """Take one edge of the state table; raises IllegalMoveError. The caller holds the lock."""
    state = next_refill_state(RefillState(refill.state), news)
    refill.state = state.value
    refill.reason = reason
    if state in FINAL_REFILL_STATES:
        refill.finished_at = now()
        refill.next_look_at = None


def fail(session: Session, refill: Refill, reason: str) -> None:
    """End a refill of which certainly nothing was charged."""
    move(refill, RefillNews.FAILED, reason=reason)
    session.flush()


def check_amount(amount: Decimal, currency: str) -> Decimal:
    """`amount` at the currency's minor digits; raises InvalidInputError for one out of bounds."""
    if not amount.is_finite():
        raise InvalidInputError("Enter an amount.", "amount")
    exact = minor_amount(amount, currency)
    if exact != amount:
        raise InvalidInputError(
            "The amount has more decimals than %(currency)s has.", "amount", currency=currency
        )
    limits = limits_of(currency)
    if not limits.least <= exact <= limits.most:
        raise InvalidInputError(
            "Enter an amount from %(low)s to %(high)s.",
            "amount",
            low=int(limits.least),
            high=int(limits.most),
        )
    return exact


def _active_card(session: Session, client: Client, card_id: UUID) -> SavedCard:
    card = session.scalar(
        select(SavedCard).where(SavedCard.id == card_id, SavedCard.client_id == client.id)
    )
    if card is None:
        raise NotFoundError("Card not found.")
    return card


def _insert(
    session: Session,
    client: Client,
    account: GatewayAccount,
    *,
    refill_id: UUID,
    amount: Decimal,
    source: Source,
    saved_card_id: UUID | None = None,
    figures: Mapping[str, Any] | None = None,
) -> tuple[Refill, bool]:
    """The row of this id and whether it is new."""
    existing = session.scalar(select(Refill).where(Refill.id == refill_id))
    if existing is None:
        _check_possible(session, client, account, saved_card_id)
        if transactions.find_transaction(session, refill_id) is not None:
            # the refill's id becomes its transaction's: that money could never be booked
            raise RefillConflictError("This form was used before. Load the page anew.")
        exact = check_amount(amount, client.currency)
        at = now()
        added = session.scalar(
            insert(Refill)
            .values(
                id=refill_id,
                reseller_id=client.reseller_id,
                client_id=client.id,
                source=source,
                method="hosted_page" if saved_card_id is None else "saved_card",
                gateway_account_id=account.id,
                saved_card_id=saved_card_id,
                amount=exact,
                currency=client.currency,
                state=RefillState.REQUESTED.value,
                figures=dict(figures or {}),
                author="" if source == "auto" else current_actor().label,
                next_look_at=at + _LOST_AFTER,
                created_at=at,
            )
            # a double click may come to two web processes at once: the loser finds the winner's row
            # (no index is named: the id stands in several, and any of them may notice it first)
            .on_conflict_do_nothing()
            .returning(Refill.id)
        )
        existing = session.scalar(select(Refill).where(Refill.id == refill_id))
        if added is not None and existing is not None:
            _audit(session, client, existing)
            return existing, True
    wanted = (client.id, amount, saved_card_id, source)
    if existing is None or wanted != (
        existing.client_id,
        existing.amount,
        existing.saved_card_id,
        existing.source,
    ):
        raise RefillConflictError("This refill was already requested with other content.")
    return existing, False


def _check_possible(
    session: Session, client: Client, account: GatewayAccount, saved_card_id: UUID | None
) -> None:
    if client.status == "deleted":
        raise InvalidInputError("This client is deleted.")
    if not account.enabled or account.currency != client.currency:
        raise InvalidInputError(
            "This gateway takes no payments in %(currency)s now.",
            "saved_card_id",
            currency=client.currency,
        )
    if saved_card_id is None:
        return
    card = session.scalar(select(SavedCard).where(SavedCard.id == saved_card_id))
    if card is not None and not gateway_accounts.takes(account, card.kind):
        raise InvalidInputError(
            "Payments from bank accounts are switched off at present.", "saved_card_id"
        )
    if card is None or card.state != "active":
        raise InvalidInputError("This card was removed. Choose another one.", "saved_card_id")


def _audit(session: Session, client: Client, refill: Refill) -> None:
    audit.record(
        session,
        reseller_id=refill.reseller_id,
        client_id=refill.client_id,
        action="create",
        object_type="refill",
        object_id=refill.id,
        object_label=client.name,
        changes={
            "amount": (None, refill.amount),
            "currency": (None, refill.currency),
            "source": (None, refill.source),
        },
    )
