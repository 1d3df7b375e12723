"""Paying once on the gateway's own page: the attempt is written down before the page exists.

The browser's return proves nothing; the outcome is learnt by a look-up or a webhook.
"""

from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import select

from core import jobs
from core.db import Session
from core.errors import ConflictError, TemporaryError
from core.money import minor_amount
from payments import attempts, gateway_accounts, refills
from payments.errors import GatewayRefusedError
from payments.gateway_accounts import OpenGateway, UnitOfWork
from payments.gateways.base import (
    Gateway,
    HostedPage,
    HostedPaymentRequest,
    LookupResult,
    Reply,
    ReplyStatus,
)
from payments.models import GatewayCustomer
from payments.patience import DEFAULT_PATIENCE, Patience
from payments.refills import Source
from payments.state import AttemptState
from tenants import resellers


@dataclass(frozen=True, slots=True)
class _PageBefore:
    """What to ask about a page of the same payment."""

    key: str
    reseller_id: int
    gateway: Gateway
    since: datetime
    customer_ref: str


def begin_hosted_refill(
    unit_of_work: UnitOfWork,
    open_gateway: OpenGateway,
    *,
    refill_id: UUID,
    client_id: int,
    amount: Decimal,
    return_url: str,
    cancel_url: str,
    source: Source = "panel",
    offer_to_save: bool = False,
    patience: Patience = DEFAULT_PATIENCE,
) -> HostedPage:
    """Where to send the browser for it to pay `amount`; amount, currency and key are fixed here.

    The same id again gives a page of the same attempt, once the gateway has said that no page of
    it was paid. Raises InvalidInputError, NoGatewayError, ConflictError for a refill that is paid
    or has its outcome, TemporaryError for a silent gateway.
    """
    with unit_of_work() as session:
        before = _find_page_before(session, open_gateway, refill_id)
    if before is not None:
        _refuse_if_paid(unit_of_work, before)
    with unit_of_work() as session:
        gateway, request = _begin(
            session,
            open_gateway,
            refill_id=refill_id,
            client_id=client_id,
            amount=amount,
            return_url=return_url,
            cancel_url=cancel_url,
            source=source,
            offer_to_save=offer_to_save,
            patience=patience,
        )
    with closing(gateway):
        return page_of(gateway.hosted_payment_page(request))


def look_after_return(session: Session, refill_id: UUID) -> bool:
    """The browser came back: ask the gateway now, not when the next look is due.

    False when that was asked for a moment ago: an address that is opened a thousand times asks the
    gateway once in a few seconds.
    """
    attempt = attempts.find_latest(session, refill_id)
    return attempt is not None and attempts.request_look(session, attempt)


def open_confirmation(
    unit_of_work: UnitOfWork, open_gateway: OpenGateway, *, refill_id: UUID, return_url: str
) -> HostedPage:
    """Where the client confirms the charge of a saved card that its bank asks about.

    The same charge goes on, so however often this is opened money is taken once; its outcome is
    learnt by a look-up. Raises ConflictError when nothing waits for the client, TemporaryError.
    """
    with unit_of_work() as session:
        attempt = attempts.find_latest(session, refill_id)
        if attempt is None or not attempts.needs_confirmation(attempt):
            raise ConflictError("This payment does not wait for you any more.")
        account = gateway_accounts.get_account(session, attempt.gateway_account_id)
        gateway, ref = open_gateway(account), attempt.gateway_ref or ""
    with closing(gateway):
        reply = gateway.confirmation_page(ref, return_url=return_url)
    if reply.value is not None:
        return reply.value
    if reply.status is ReplyStatus.UNREACHABLE:
        raise TemporaryError("The payment gateway does not answer. Try again in a minute.")
    # declined, paid or cancelled meanwhile: the look tells which
    with unit_of_work() as session:
        attempts.request_look(session, attempts.get_attempt(session, attempt.key))
    raise ConflictError("This payment does not wait for you any more.")


def _find_page_before(
    session: Session, open_gateway: OpenGateway, refill_id: UUID
) -> _PageBefore | None:
    """The page that was handed out and may have been paid; None when this is the first."""
    attempt = attempts.find_latest(session, refill_id)
    if attempt is None or attempt.state != AttemptState.SENDING:
        return None
    account = gateway_accounts.get_account(session, attempt.gateway_account_id)
    return _PageBefore(
        attempt.key,
        attempt.reseller_id,
        open_gateway(account),
        attempt.first_sent_at or attempt.created_at,
        str(attempt.request.get("customer_profile_ref", "")),
    )


def _refuse_if_paid(unit_of_work: UnitOfWork, before: _PageBefore) -> None:
    """Ask before another page is handed out: whoever sees an unpaid page pays.

    Nothing is recorded here: the panel's role cannot post; a look-up does. A page that is still
    open in another tab can be paid after this look; `payments/rechecks.py` finds that.
    """
    with closing(before.gateway):
        lookup = before.gateway.find(
            key=before.key, since=before.since, customer_ref=before.customer_ref
        )
    if lookup.result is LookupResult.CANNOT_TELL:
        raise TemporaryError("The payment gateway does not answer. Try again in a minute.")
    if not lookup.moving:
        return
    with unit_of_work() as session:
        jobs.enqueue(
            session,
            "payments.look_up",
            reseller_id=before.reseller_id,
            attempt_key=before.key,
        )
    raise ConflictError("You have paid this already; its outcome shows here in a moment.")


def page_of(reply: Reply[HostedPage]) -> HostedPage:
    """The page, or the error that says why there is none."""
    if reply.value is not None:
        return reply.value
    if reply.status is ReplyStatus.UNREACHABLE:
        raise TemporaryError("The payment gateway does not answer. Try again in a minute.")
    raise GatewayRefusedError("The payment gateway refused to open its page.")


def _begin(
    session: Session,
    open_gateway: OpenGateway,
    *,
    refill_id: UUID,
    client_id: int,
    amount: Decimal,
    return_url: str,
    cancel_url: str,
    source: Source,
    offer_to_save: bool,
    patience: Patience,
) -> tuple[Gateway, HostedPaymentRequest]:
    _, account = refills.request_hosted_refill(
        session, refill_id=refill_id, client_id=client_id, amount=amount, source=source
    )
    refill = refills.lock_refill(session, refill_id)
    customer_ref = session.scalar(
        select(GatewayCustomer.customer_ref).where(
            GatewayCustomer.client_id == client_id,
            GatewayCustomer.gateway_account_id == account.id,
        )
    )
    reseller = resellers.get_reseller(session, refill.reseller_id)
    request = HostedPaymentRequest(
        key=attempts.attempt_key(refill.id, 1),
        amount=minor_amount(refill.amount, refill.currency),
        currency=refill.currency,
        return_url=return_url,
        cancel_url=cancel_url,
        description=f"Account refill of client {client_id}",
        merchant_name=reseller.company_name or reseller.name,
        customer_profile_ref=customer_ref or "",
        offer_to_save=offer_to_save and customer_ref is not None,
    )
    gateway = open_gateway(account)
    attempt = attempts.begin_hosted_attempt(
        session,
        refill,
        page_request={
            **asdict(request),
            "amount": str(request.amount),
            attempts.PAGE_LIFE: gateway.payment_page_valid_for_s,
        },
        patience=patience,
    )
    if attempt.state != AttemptState.SENDING:
        gateway.close()
        raise ConflictError("This payment was already made or given up. Start a new one.")
    return gateway, request
