"""What clients and staff are told about money that moved, or did not."""

from datetime import datetime
from typing import Literal

import structlog
from sqlalchemy import select

from core.db import Session
from core.errors import InvalidInputError
from mail import templates
from mail.queue import MailKind, portal_address, queue_mail
from payments.models import ChargeAttempt, Refill, SavedCard
from tenants import client_blocks, clients, events
from tenants.models import Reseller

_log = structlog.get_logger(__name__)


def mail_receipt(session: Session, refill: Refill) -> None:
    """A payment that the client or the staff asked for has come."""
    _mail(session, refill, MailKind("payment"), "payment_receipt", f"receipt:{refill.id}")


def mail_auto_success(session: Session, refill: Refill) -> None:
    """An automatic charge has come."""
    _mail(session, refill, MailKind("auto_payment"), "auto_payment_succeeded", f"auto:{refill.id}")


def mail_auto_decline(session: Session, refill: Refill, next_try_at: datetime) -> None:
    """An automatic charge was declined and will be tried again."""
    _mail(
        session,
        refill,
        MailKind("auto_payment"),
        "auto_payment_declined",
        f"auto:{refill.id}",
        next_try_at=next_try_at,
    )


def mail_auto_suspension(session: Session, refill: Refill) -> None:
    """An automatic charge was declined for the last time."""
    _mail(session, refill, MailKind("auto_payment"), "auto_payment_suspended", f"auto:{refill.id}")


def mail_confirmation(session: Session, refill: Refill) -> None:
    """The bank wants the client to confirm a charge: the mail has the link to do it."""
    kind = MailKind("auto_payment" if refill.source == "auto" else "payment")
    _mail(session, refill, kind, "payment_confirmation", f"confirm:{refill.id}")


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
    """`Visa …1111`, or empty for a payment on the gateway's page."""
    return "" if card is None else f"{card.brand} …{card.last_four}".strip()


def _mail(
    session: Session,
    refill: Refill,
    kind: MailKind,
    letter: str,
    dedupe_key: str,
    *,
    next_try_at: datetime | None = None,
) -> None:
    client = clients.get_client(session, refill.client_id)
    company = client_blocks.get_company(session, client.id)
    address = company.billing_email or company.main_email
    if not address:
        _log.info("payment.mail_without_address", refill=str(refill.id))
        return
    reseller = session.scalars(select(Reseller).where(Reseller.id == refill.reseller_id)).one()
    card = (
        session.scalar(select(SavedCard).where(SavedCard.id == refill.saved_card_id))
        if refill.saved_card_id
        else None
    )
    written = templates.write(
        session,
        reseller_id=refill.reseller_id,
        name=letter,
        locale=company.locale or reseller.locale,
        variables={
            "client_name": company.company_name or client.name,
            "sender_name": reseller.company_name or reseller.name,
            "amount": refill.amount,
            "credited": refill.credited,
            "currency": refill.currency,
            "is_partial": 0 < refill.credited < refill.amount,
            "card": describe_card(card),
            "reason": refill.reason,
            "reference": str(refill.id),
            "next_try_at": next_try_at,
            "timezone": client.timezone,
            "payment_url": (f"{portal_address(reseller.portal_host)}/clients/refill/{refill.id}"),
        },
    )
    try:
        queue_mail(
            session,
            reseller_id=refill.reseller_id,
            client_id=client.id,
            kind=kind,
            dedupe_key=dedupe_key,
            to_address=address,
            subject=written.subject,
            body_text=written.text,
            body_html=written.html,
        )
    except InvalidInputError as error:
        # the money has moved; an address that cannot be written to must not undo that
        tell_staff(session, refill, level="warning", code="mail_not_queued", text=error.message)
