"""Actors of payments. The rows say what is open and the sweeps read them: charges never retry."""

from contextlib import suppress
from datetime import date
from functools import partial
from uuid import UUID

from core.errors import NotFoundError
from core.ids import new_id
from core.tenancy import current_scope
from core.uow import unit_of_work
from payments import (
    auto_payment,
    card_letters,
    client_sign_ups,
    events,
    lookups,
    on_the_fly,
    rechecks,
    reconciliation,
    reconciling,
    refund_lookups,
    refunds,
    saved_cards,
    wallets,
)
from payments.gateway_accounts import OpenGateway, open_gateway
from payments.patience import patience_of
from tenants import resellers, sign_ups
from worker.broker import actor
from worker.context import settings


@actor("payments.charge_refill", max_retries=0)
def charge_refill(refill_id: str) -> None:
    """Charge the card of a refill that is still only requested."""
    on_the_fly.charge_refill(
        unit_of_work, _open_gateway(), UUID(refill_id), patience=patience_of(settings())
    )


@actor("payments.look_up", max_retries=0)
def look_up(attempt_key: str) -> None:
    """Ask the gateway what became of an attempt."""
    lookups.look_up_attempt(
        unit_of_work, _open_gateway(), attempt_key, patience=patience_of(settings())
    )


@actor(refunds.SEND, max_retries=0)
def send_refund(refund_id: str) -> None:
    """Send a refund or void that is still only requested."""
    on_the_fly.send_refund(
        unit_of_work, _open_gateway(), UUID(refund_id), patience=patience_of(settings())
    )


@actor(refunds.LOOK_UP, max_retries=0)
def look_up_refund(refund_id: str) -> None:
    """Ask the gateway what became of a refund."""
    refund_lookups.look_up_refund(
        unit_of_work, _open_gateway(), UUID(refund_id), patience=patience_of(settings())
    )


@actor("payments.recheck", max_retries=0)
def recheck(attempt_key: str) -> None:
    """Look once more at a booked payment: did the client pay twice?"""
    rechecks.check_again(unit_of_work, _open_gateway(), attempt_key)


@actor(reconciliation.NIGHT_JOB, max_retries=0)
def reconcile_night(account_id: int, night_on: str) -> None:
    """Ask for the night's comparison of a gateway account, once."""
    with unit_of_work() as session:
        reconciliation.request_run(
            session,
            run_id=new_id(),
            account_id=account_id,
            days=reconciliation.NIGHT_DAYS,
            night_on=date.fromisoformat(night_on),
        )


@actor(reconciliation.JOB, max_retries=0)
def reconcile(run_id: str) -> None:
    """Compare a gateway's lists with ours."""
    reconciling.reconcile(unit_of_work, _open_gateway(), UUID(run_id))


@actor("payments.handle_event", max_retries=0)
def handle_event(event_id: int) -> None:
    """Act on a stored webhook."""
    events.handle_event(unit_of_work, _open_gateway(), event_id, patience=patience_of(settings()))


@actor("payments.auto_charge", max_retries=0)
def auto_charge(client_id: int) -> None:
    """Ask for the automatic charge of a client, if one is due and its reseller not suspended."""
    with unit_of_work() as session:
        if resellers.is_active(session, current_scope().home_reseller_id):
            auto_payment.request_due(session, client_id)


# no row says that a list is stale, so here the queue tries again
@actor("payments.sync_cards", max_retries=3)
def sync_cards(client_id: int) -> None:
    """Make our list of a client's cards equal to the gateway's."""
    saved_cards.sync_cards(unit_of_work, _open_gateway(), client_id)


@actor(auto_payment.TELL_JOB, max_retries=0)
def tell_client(client_id: int) -> None:
    """Mail a client what became of its cards and of a suspension."""
    with unit_of_work() as session:
        card_letters.tell_client(session, client_id)


@actor(card_letters.EXPIRY_JOB, max_retries=0)
def tell_expiry(card_id: str) -> None:
    """Mail a client that a card of it expires soon."""
    with unit_of_work() as session:
        card_letters.tell_expiry(session, UUID(card_id))


@actor(wallets.JOB, max_retries=0)
def forget_wallets(client_id: int) -> None:
    """Have the gateways forget the cards of a client that was removed for good."""
    wallets.forget_wallets(unit_of_work, _open_gateway(), client_id)


@actor(sign_ups.JOB)
def make_signed_up_client(sign_up_id: str) -> None:
    """Make the client of somebody who has confirmed its address, or was approved."""
    with suppress(NotFoundError), unit_of_work() as session:
        if resellers.is_active(session, current_scope().home_reseller_id):
            client_sign_ups.make_client(session, UUID(sign_up_id))


def _open_gateway() -> OpenGateway:
    return partial(open_gateway, settings=settings())
