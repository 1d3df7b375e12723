"""Charge attempts: one request to a gateway each, written down before its first byte leaves.

The rules are those of `payments.md` 2.2: `sending` is committed first, the exact request is kept,
whoever sends holds a lease, and per card only one charge is under way.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, or_, select

from core import jobs
from core.clock import now
from core.db import Session
from core.errors import NotFoundError
from core.money import minor_amount
from payments import gateway_accounts, refills
from payments.gateways.base import (
    CLEARING_CODE,
    CONFIRMATION_CODE,
    ChargeRequest,
    Initiator,
    MethodKind,
)
from payments.models import ChargeAttempt, ClientAutoPayment, Refill, SavedCard
from payments.patience import DEFAULT_PATIENCE, Patience
from payments.state import AttemptState, RefillNews, RefillState
from tenants import clients

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_KEY_LENGTH = 20
# Nobody has typed in a card number sooner, and the browser's return asks by itself.
_FIRST_PAGE_LOOK = 2
# In the stored request of a hosted payment: for how many seconds its page can be paid.
PAGE_LIFE = "page_valid_for_s"


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to send one attempt, until `until`; `owner` is what the settling UPDATE checks."""

    key: str
    owner: str
    until: datetime


def attempt_key(refill_id: UUID, n: int) -> str:
    """The key of a refill's n-th attempt: 20 characters of Crockford base 32 (100 bits of SHA-256).

    Derived, never random: even a database set back to an older backup would ask the gateway with
    the same key, and be told that it is a duplicate.
    """
    digest = int.from_bytes(hashlib.sha256(f"{refill_id}|{n}".encode()).digest()[:13])
    return "".join(_ALPHABET[(digest >> shift) & 31] for shift in range(0, 5 * _KEY_LENGTH, 5))


def begin_attempt(
    session: Session, refill_id: UUID, *, owner: str, patience: Patience
) -> ChargeAttempt | None:
    """Write the attempt of a requested refill as `sending`, leased to `owner`.

    None when there is nothing to send: it is under way or done already, nobody wants it any more
    or the card is gone (the refill fails), or another charge of the card is under way
    (`next_look_at` says when to ask again). The caller commits before it sends.
    """
    refill = refills.lock_refill(session, refill_id)
    if refill.state != RefillState.REQUESTED or refill.saved_card_id is None:
        return None
    obstacle = find_obstacle(session, refill)
    if obstacle:
        refills.fail(session, refill, obstacle)
        return None
    card = refills.lock_card(session, refill.saved_card_id)
    if card is None or card.state != "active":
        refills.fail(session, refill, "The card was removed. Nothing was charged.")
        return None
    at = now()
    if _is_card_busy(session, card, at, patience):
        refill.next_look_at = at + patience.card_wait
        session.flush()
        return None
    n = _next_number(session, refill.id)
    request = ChargeRequest(
        key=attempt_key(refill.id, n),
        amount=minor_amount(refill.amount, refill.currency),
        currency=refill.currency,
        customer_profile_ref=card.customer_ref,
        payment_profile_ref=card.method_ref,
        description=f"Account refill of client {refill.client_id}",
        # only in the panel the person with the card is there
        initiator=Initiator.CUSTOMER if refill.source == "panel" else Initiator.MERCHANT,
        first_use=card.network_transaction_ref is None,
        original_network_transaction_id=card.network_transaction_ref or "",
        method=MethodKind(card.kind),
    )
    refills.move(refill, RefillNews.BEGUN)
    # should this worker die, a look-up begins when its lease is over
    refill.next_look_at = at + patience.lease
    attempt = ChargeAttempt(
        key=request.key,
        reseller_id=refill.reseller_id,
        client_id=refill.client_id,
        refill_id=refill.id,
        n=n,
        gateway_account_id=refill.gateway_account_id,
        request=request.to_json(),
        state=AttemptState.SENDING.value,
        first_sent_at=at,
        last_sent_at=at,
        lease_owner=owner,
        lease_until=at + patience.lease,
    )
    session.add(attempt)
    session.flush()
    return attempt


def begin_hosted_attempt(
    session: Session, refill: Refill, *, page_request: dict[str, object], patience: Patience
) -> ChargeAttempt:
    """Write the attempt that a hosted payment page will carry; its lease is the page's validity.

    Asked for again while the page is valid, it is the same attempt with its validity begun anew.
    """
    at = now()
    attempt = find_latest(session, refill.id)
    if attempt is None:
        refills.move(refill, RefillNews.BEGUN)
        attempt = ChargeAttempt(
            key=attempt_key(refill.id, 1),
            reseller_id=refill.reseller_id,
            client_id=refill.client_id,
            refill_id=refill.id,
            n=1,
            gateway_account_id=refill.gateway_account_id,
            request=page_request,
            state=AttemptState.SENDING.value,
            first_sent_at=at,
        )
        session.add(attempt)
    attempt.last_sent_at = at
    attempt.lease_until = at + _page_life(attempt, patience)
    refill.next_look_at = patience.next_look(_FIRST_PAGE_LOOK, at)
    session.flush()
    return attempt


def may_send(session: Session, lease: Lease) -> bool:
    """Whether the lease still holds; asked right before the request leaves."""
    attempt = get_attempt(session, lease.key)
    return (
        attempt.state in (AttemptState.SENDING, AttemptState.UNKNOWN)
        and attempt.lease_owner == lease.owner
        and attempt.lease_until is not None
        and attempt.lease_until > now()
    )


def find_obstacle(session: Session, refill: Refill) -> str:
    """Why the card must not be charged now, although it was asked for; empty when it may be.

    Between the wish and the charge lie seconds, or the hours of a queue that stood still.
    """
    status = clients.get_client(session, refill.client_id).status
    if status == "deleted":
        return "The client was deleted. Nothing was charged."
    kind = session.scalar(select(SavedCard.kind).where(SavedCard.id == refill.saved_card_id))
    account = gateway_accounts.get_account(session, refill.gateway_account_id)
    if not gateway_accounts.takes(account, kind or ""):
        return "Payments from bank accounts were switched off. Nothing was charged."
    if refill.source != "auto":
        return ""
    is_on = session.scalar(
        select(ClientAutoPayment.enabled).where(ClientAutoPayment.client_id == refill.client_id)
    )
    if status != "active":
        return "The client is not active any more. Nothing was charged."
    return "" if is_on else "Auto payment was switched off. Nothing was charged."


def find_attempt(session: Session, key: str) -> ChargeAttempt | None:
    """The attempt, read anew."""
    return session.scalar(
        select(ChargeAttempt)
        .where(ChargeAttempt.key == key)
        .execution_options(populate_existing=True)
    )


def get_attempt(session: Session, key: str) -> ChargeAttempt:
    """Raises NotFoundError, also for another tenant's attempt."""
    attempt = find_attempt(session, key)
    if attempt is None:
        raise NotFoundError("Charge attempt not found.")
    return attempt


def lock_attempt(session: Session, key: str) -> tuple[Refill, ChargeAttempt]:
    """The attempt and its refill, locked in the fixed order: the refill first."""
    refill_id = get_attempt(session, key).refill_id
    refill = refills.lock_refill(session, refill_id)
    attempt = session.scalar(
        select(ChargeAttempt)
        .where(ChargeAttempt.key == key)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if attempt is None:
        raise NotFoundError("Charge attempt not found.")
    return refill, attempt


def find_latest(session: Session, refill_id: UUID) -> ChargeAttempt | None:
    """The newest attempt of a refill."""
    return session.scalar(
        select(ChargeAttempt)
        .where(ChargeAttempt.refill_id == refill_id)
        .order_by(ChargeAttempt.n.desc())
        .limit(1)
    )


def find_by_gateway(
    session: Session, *, account_id: int, key: str, gateway_ref: str
) -> ChargeAttempt | None:
    """The attempt that a gateway's event speaks of, by our key or else by its reference."""
    for wanted in (ChargeAttempt.key == key, ChargeAttempt.gateway_ref == gateway_ref):
        found = session.scalar(
            select(ChargeAttempt).where(ChargeAttempt.gateway_account_id == account_id, wanted)
        )
        if found is not None:
            return found
    return None


def orphaned_at(refill: Refill, attempt: ChargeAttempt, patience: Patience) -> datetime:
    """From when on what was sent last, or paid on a page opened last, can no longer arrive."""
    last_sent_at = attempt.last_sent_at or attempt.created_at
    valid_for = _page_life(attempt, patience) if refill.method == "hosted_page" else patience.lease
    return patience.orphaned_at(last_sent_at + valid_for)


def needs_confirmation(attempt: ChargeAttempt) -> bool:
    """Whether the bank waits for the owner of the card to confirm the charge."""
    return (
        attempt.state == AttemptState.HELD and attempt.answer.get("code", "") == CONFIRMATION_CODE
    )


def is_clearing(attempt: ChargeAttempt) -> bool:
    """Whether the client's bank has still to pay a debit that the gateway has accepted."""
    return attempt.state == AttemptState.HELD and attempt.answer.get("code", "") == CLEARING_CODE


def _page_life(attempt: ChargeAttempt, patience: Patience) -> timedelta:
    """The longest that the page can be paid: no gateway's page lives shorter than `patience`'s."""
    return max(patience.page, timedelta(seconds=attempt.request.get(PAGE_LIFE, 0)))


def request_look(
    session: Session, attempt: ChargeAttempt, *, patience: Patience = DEFAULT_PATIENCE
) -> bool:
    """Ask for a look out of its turn; False when the gateway was asked a moment ago.

    Writes nothing, for it is asked for by reading a page; the look itself checks again.
    """
    if was_just_asked(attempt, now(), patience):
        return False
    jobs.enqueue(
        session,
        "payments.look_up",
        reseller_id=attempt.reseller_id,
        attempt_key=attempt.key,
    )
    return True


def was_just_asked(attempt: ChargeAttempt, at: datetime, patience: Patience) -> bool:
    """Whether the gateway was asked so lately that it need not be asked again yet."""
    return attempt.looked_at is not None and attempt.looked_at > at - patience.ask_every


def has_open_attempt(session: Session, card_id: UUID) -> bool:
    """Whether money of this card may still be on its way."""
    found = session.scalar(
        select(Refill.id)
        .where(Refill.saved_card_id == card_id, Refill.state.in_(refills.OPEN_STATES))
        .limit(1)
    )
    return found is not None


def _is_card_busy(session: Session, card: SavedCard, at: datetime, patience: Patience) -> bool:
    """Whether an attempt of the card is being sent, or may yet be sent again.

    By `payments.md` 2.2 rule 8 two charges of one card never meet at the gateway, so equal amounts
    need not be told apart by the invoice number alone.
    """
    found = session.scalar(
        select(ChargeAttempt.key)
        .join(Refill, Refill.id == ChargeAttempt.refill_id)
        .where(
            Refill.saved_card_id == card.id,
            or_(
                ChargeAttempt.state == AttemptState.SENDING.value,
                (ChargeAttempt.state == AttemptState.UNKNOWN.value)
                & (ChargeAttempt.first_sent_at > at - patience.resend_within),
            ),
        )
        .limit(1)
    )
    return found is not None


def _next_number(session: Session, refill_id: UUID) -> int:
    count = session.scalar(
        select(func.count()).select_from(ChargeAttempt).where(ChargeAttempt.refill_id == refill_id)
    )
    return (count or 0) + 1
