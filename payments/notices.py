"""What clients and staff are told about money that moved, or did not.

One function for each event of a payment; whoever books the event calls it in the same transaction.
Its letter goes out once however often that is, and not at all where the reseller does not want it.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

import structlog
from sqlalchemy import select

from core.db import Session
from mail.letter_catalogue import Words
from mail.queue import MailKind
from payments import dunning_rules
from payments.client_letters import Addressee, send_letter
from payments.dunning_rules import KIND_WORDS
from payments.gateways.answers import MethodKind
from payments.gateways.declines import DeclineKind
from payments.models import ChargeAttempt, Refill, SavedCard
from tenants import events

_log = structlog.get_logger(__name__)
NAMELESS_BANK = str(Words("Bank account"))
"""The name of a saved bank account whose bank the gateway does not tell."""


@dataclass(frozen=True, slots=True)
class Decline:
    """Why a card was declined: its kind, the gateway's own code, and whether that is for good."""

    kind: DeclineKind = DeclineKind.OTHER
    code: str = ""
    is_hard: bool = False


def mail_receipt(session: Session, refill: Refill) -> None:
    """A payment that the client or the staff asked for has come."""
    _mail(session, refill, "payment_receipt", f"receipt:{refill.id}")


def mail_decline(session: Session, refill: Refill, decline: Decline) -> None:
    """A payment that the client or the staff asked for was declined: why, and what helps."""
    _mail(session, refill, "payment_declined", f"declined:{refill.id}", decline=decline)


def mail_held(session: Session, refill: Refill) -> None:
    """The gateway has the payment and decides later."""
    _mail(session, refill, "payment_held", f"held:{refill.id}")


def mail_clearing(session: Session, refill: Refill) -> None:
    """The debit of a bank account is accepted; the bank pays within days, or does not."""
    _mail(session, refill, "payment_held", f"held:{refill.id}")


def mail_refund(session: Session, refill: Refill, *, refund_id: UUID, amount: Decimal) -> None:
    """`amount` of the payment (its currency) was given back, whole or in part."""
    more: dict[str, object] = {
        "amount": refill.credited,
        "refunded": amount,
        "is_partial": amount < refill.credited,
    }
    _mail(session, refill, "payment_refunded", f"refunded:{refund_id}", more=more)


def mail_void(session: Session, refill: Refill) -> None:
    """The payment was cancelled before it was settled."""
    more: dict[str, object] = {"amount": refill.credited}
    _mail(session, refill, "payment_voided", f"voided:{refill.id}", more=more)


def mail_chargeback(
    session: Session, refill: Refill, *, dispute: str, amount: Decimal, reason: str = ""
) -> None:
    """The client's bank took `amount` back; `dispute` names the case, `reason` is English."""
    more: dict[str, object] = {"disputed": amount}
    _mail(session, refill, "payment_chargeback", f"chargeback:{dispute}", more=more, reason=reason)


def mail_chargeback_reversed(
    session: Session, refill: Refill, *, dispute: str, amount: Decimal
) -> None:
    """The bank gave `amount` back to us: the case `dispute` was won."""
    more: dict[str, object] = {"disputed": amount}
    _mail(
        session, refill, "payment_chargeback_reversed", f"chargeback_reversed:{dispute}", more=more
    )


def mail_auto_success(session: Session, refill: Refill) -> None:
    """An automatic charge has come."""
    _mail(session, refill, "auto_payment_succeeded", f"auto:{refill.id}")


def mail_auto_decline(
    session: Session, refill: Refill, decline: Decline, next_try_at: datetime
) -> None:
    """An automatic charge was declined and will be tried again."""
    _mail(
        session,
        refill,
        "auto_payment_declined",
        f"auto:{refill.id}",
        decline=decline,
        more={"next_try_at": next_try_at},
    )


def mail_auto_suspension(session: Session, refill: Refill, decline: Decline) -> None:
    """An automatic charge was declined for the last time."""
    _mail(session, refill, "auto_payment_suspended", f"auto:{refill.id}", decline=decline)


def mail_confirmation(session: Session, refill: Refill) -> None:
    """The bank wants the client to confirm a charge: the mail has the link to do it."""
    _mail(session, refill, "payment_confirmation", f"confirm:{refill.id}")


def mail_voucher(
    session: Session,
    client_id: int,
    *,
    redemption_id: UUID,
    amount: Decimal,
    currency: str,
    voucher: str,
) -> None:
    """A voucher was redeemed; `voucher` is its series and number, never its PIN."""
    send_letter(
        session,
        client_id,
        "voucher_redeemed",
        kind=MailKind.VOUCHER,
        dedupe_key=f"voucher:{redemption_id}",
        variables=lambda _to: {
            "amount": amount,
            "currency": currency,
            "voucher": voucher,
            "reference": str(redemption_id),
        },
    )


def tell_staff(
    session: Session,
    refill: Refill,
    *,
    level: Literal["info", "warning", "error"],
    code: str,
    text: str | events.EventText,
    dedupe: str = "",
) -> None:
    """An event of the refill, once per `dedupe` (default: once per refill and code)."""
    events.record(
        session,
        reseller_id=refill.reseller_id,
        client_id=refill.client_id,
        level=level,
        service="payments",
        code=code,
        text=text,
        object_type="refill",
        object_id=refill.id,
        dedupe_key=f"{code}:{dedupe or refill.id}",
    )


def alarm(
    session: Session,
    refill: Refill,
    attempt: ChargeAttempt,
    text: str,
    *,
    code: str = "payment_undecided",
) -> None:
    """A person must look: the gateway and we do not agree, and no rule decides."""
    _log.error(code, attempt=attempt.key, refill=str(refill.id), reason=text)
    tell_staff(
        session,
        refill,
        level="error",
        code=code,
        text=events.EventText(
            "%(what)s Compare attempt %(attempt)s with the gateway's own list.",
            what=text,
            attempt=attempt.key,
        ),
        dedupe=f"{attempt.key}:{text}",
    )


def describe_card(card: SavedCard | None) -> str:
    """`Visa …1111`, a bank's name likewise, or empty for a payment on the gateway's page."""
    return "" if card is None else f"{card.brand} …{card.last_four}".strip()


def _mail(
    session: Session,
    refill: Refill,
    letter: str,
    dedupe_key: str,
    *,
    decline: Decline | None = None,
    more: dict[str, object] | None = None,
    reason: str = "",
) -> None:
    card = (
        session.scalar(select(SavedCard).where(SavedCard.id == refill.saved_card_id))
        if refill.saved_card_id
        else None
    )

    def variables(to: Addressee) -> dict[str, object]:
        return {
            "amount": refill.amount,
            "credited": refill.credited,
            "currency": refill.currency,
            "is_partial": 0 < refill.credited < refill.amount,
            "card": describe_card(card),
            "is_bank": card is not None and card.kind == MethodKind.BANK_ACCOUNT,
            "reason": to.say(reason or refill.reason),
            "reference": str(refill.id),
            "timezone": to.client.timezone,
            "payment_url": to.portal_url(f"/clients/refill/{refill.id}"),
            "panel_url": to.panel_url,
            **_say_decline(session, to, decline),
            **(more or {}),
        }

    send_letter(
        session,
        refill.client_id,
        letter,
        kind=MailKind.AUTO_PAYMENT if refill.source == "auto" else MailKind.PAYMENT,
        dedupe_key=dedupe_key,
        variables=variables,
    )


def _say_decline(session: Session, to: Addressee, decline: Decline | None) -> dict[str, object]:
    kind = DeclineKind.OTHER if decline is None else decline.kind
    own = dunning_rules.rules_of(session, to.reseller.id).advice(kind) if decline else ""
    # who reads the mail may not be the card's owner: a theft is told by its bank, not by us
    shown = DeclineKind.OTHER if kind is DeclineKind.LOST_OR_STOLEN else kind
    return {"advice": own or to.say(KIND_WORDS[kind][1]), "category": shown.value}
