"""What a client is told of its saved cards: saved, updated, removed, and that one expires soon.

Whoever changes a card (also the panel, which may queue no mail) only writes down that the client is
to be told; here the row is read, the letter queued and the row marked, in one transaction. What it
was told last stands in the row, so a card that came and went within the minute tells nothing.
"""

from calendar import monthrange
from datetime import date, timedelta
from uuid import UUID

from sqlalchemy import select

from core.clock import now, today
from core.db import Session
from core.zones import get_zone
from mail.queue import MailKind
from payments import auto_payment, dunning_rules, notices
from payments.client_letters import Addressee, send_letter
from payments.gateways.answers import MethodKind
from payments.models import ClientAutoPayment, SavedCard
from tenants import clients, events

EXPIRY_JOB = "payments.tell_expiry"
# A card that is being removed at the gateway may come back; then nothing has happened.
_SETTLES_AFTER = timedelta(seconds=30)


def mark_untold(card: SavedCard) -> None:
    """The client is to be told of the card as it is a moment from now; the caller flushes."""
    wait = _SETTLES_AFTER if card.state == "removed" else timedelta(0)
    card.tell_at = now() + wait


def tell_client(session: Session, client_id: int) -> int:
    """Queue what the client is to be told now; how many letters. Repeated, it tells nothing more.

    Its cards, and that a suspension of auto payment has ended.
    """
    client = clients.get_client(session, client_id)
    cards = session.scalars(
        select(SavedCard)
        .where(SavedCard.client_id == client_id, SavedCard.tell_at <= now())
        .order_by(SavedCard.tell_at, SavedCard.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).all()
    if client.erased_at is not None:
        # nobody is left to be told; the sweep must not come back for it
        for card in cards:
            card.tell_at = None
        session.flush()
        return 0
    row = auto_payment.find_row(session, client_id)
    told = sum(_tell_of_card(session, card, row) for card in cards)
    if row is not None and row.tell_resumed_at is not None:
        told += _tell_of_resumption(session, client_id)
    session.flush()
    return told


def tell_expiry(session: Session, card_id: UUID) -> bool:
    """Tell that the card expires soon, once for each last day of it; whether it was told now."""
    card = session.scalar(
        select(SavedCard)
        .where(SavedCard.id == card_id, SavedCard.state == "active")
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    last_day = None if card is None else last_day_of(card)
    if card is None or last_day is None or card.expiry_told_on == last_day:
        return False
    client = clients.get_client(session, card.client_id)
    rules = dunning_rules.rules_of(session, card.reseller_id)
    left = last_day - today(get_zone(client.timezone))
    if client.status != "active" or not 0 <= left.days <= rules.expiry_days:
        return False
    card.expiry_told_on = last_day
    row = auto_payment.find_row(session, card.client_id)
    is_charged = _is_charged(card, row)
    _send(
        session,
        card,
        "card_expiring",
        f"card_expiring:{card.id}:{last_day:%Y-%m}",
        is_charged=is_charged,
        expires_on=last_day,
    )
    if is_charged:
        _tell_staff(session, card, last_day)
    session.flush()
    return True


def last_day_of(card: SavedCard) -> date | None:
    """The last day on which it can be charged: the end of its month; None where it is not known."""
    if not card.expiry_year or not card.expiry_month or not 1 <= card.expiry_month <= 12:
        return None
    days = monthrange(card.expiry_year, card.expiry_month)[1]
    return date(card.expiry_year, card.expiry_month, days)


def describe_details(card: SavedCard) -> str:
    """All that the client can tell two states of a card by."""
    return f"{card.brand} {card.last_four} {card.expiry_year or 0}-{card.expiry_month or 0}"


def _tell_of_card(session: Session, card: SavedCard, row: ClientAutoPayment | None) -> bool:
    before, after, asked_at = card.told_state, card.state, card.tell_at or now()
    details = describe_details(card)
    letter = _letter_for(before, after, is_changed=details != card.told_as)
    card.tell_at, card.told_state, card.told_as = None, after, details
    if not letter:
        return False
    more: dict[str, object] = {}
    if letter == "card_removed":
        more["lacks_card"] = _lacks_card(session, card, row)
    key = f"{letter}:{card.id}:{asked_at:%Y%m%dT%H%M%S.%f}"
    return _send(session, card, letter, key, is_charged=_is_charged(card, row), **more)


def _letter_for(before: str, after: str, *, is_changed: bool) -> str:
    if after == "removed":
        return "card_removed" if before == "active" else ""
    if before != "active":
        return "card_saved"
    return "card_updated" if is_changed else ""


def _is_charged(card: SavedCard, row: ClientAutoPayment | None) -> bool:
    return row is not None and row.enabled and card.is_default and card.state == "active"


def _lacks_card(session: Session, card: SavedCard, row: ClientAutoPayment | None) -> bool:
    if row is None or not row.enabled:
        return False
    other = session.scalar(
        select(SavedCard.id)
        .where(SavedCard.client_id == card.client_id, SavedCard.state == "active")
        .limit(1)
    )
    return other is None


def _tell_of_resumption(session: Session, client_id: int) -> bool:
    row = auto_payment.lock_row(session, client_id)
    resumed_at, row.tell_resumed_at = row.tell_resumed_at, None
    if resumed_at is None or not row.enabled or row.suspended_at is not None:
        return False
    card = session.scalar(
        select(SavedCard).where(
            SavedCard.client_id == client_id, SavedCard.is_default, SavedCard.state == "active"
        )
    )
    return send_letter(
        session,
        client_id,
        "auto_payment_resumed",
        kind=MailKind.AUTO_PAYMENT,
        dedupe_key=f"auto_resumed:{client_id}:{resumed_at:%Y%m%dT%H%M%S.%f}",
        variables=lambda to: {
            "card": notices.describe_card(card),
            "is_bank": card is not None and card.kind == MethodKind.BANK_ACCOUNT,
            "panel_url": to.panel_url,
        },
    )


def _send(
    session: Session, card: SavedCard, letter: str, key: str, *, is_charged: bool, **more: object
) -> bool:
    expires = f"{card.expiry_month:02}/{card.expiry_year}" if last_day_of(card) else ""

    def variables(to: Addressee) -> dict[str, object]:
        return {
            "card": notices.describe_card(card),
            "is_bank": card.kind == MethodKind.BANK_ACCOUNT,
            "expires": expires,
            "is_charged": is_charged,
            "panel_url": to.panel_url,
            **more,
        }

    return send_letter(
        session, card.client_id, letter, kind=MailKind.CARD, dedupe_key=key, variables=variables
    )


def _tell_staff(session: Session, card: SavedCard, last_day: date) -> None:
    events.record(
        session,
        reseller_id=card.reseller_id,
        client_id=card.client_id,
        level="info",
        service="payments",
        code="card_expiring",
        text=events.EventText(
            "The card that auto payment charges is valid until %(day)s.", day=last_day
        ),
        object_type="client",
        object_id=card.client_id,
        dedupe_key=f"card_expiring:{card.id}:{last_day:%Y-%m}",
    )
