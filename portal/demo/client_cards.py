"""A saved card for a client of the demo, and a refill by it; the worker charges."""

from decimal import Decimal
from functools import partial

from sqlalchemy import select

from core.config import Settings
from core.money import minor_amount
from core.uow import unit_of_work
from payments import refills, refunds, saved_cards
from payments.gateway_accounts import open_gateway
from payments.gateways.base import Gateway
from payments.models import GatewayAccount, GatewayCustomer
from portal.demo.plan import GOOD_CARD, OTHER_CARD, ClientPlan, ResellerPlan, demo_id
from portal.demo.sandbox import SandboxGateway

GIVEN_BACK = 1
"""Number of the client whose payment goes back: it pays by itself, so that it stays so."""


def fill_cards(
    settings: Settings,
    sandbox: SandboxGateway,
    reseller: ResellerPlan,
    plan: ClientPlan,
    client_id: int,
) -> None:
    """Save one card as the gateway's page would, and for some clients ask for a refill."""
    assert plan.card_zip is not None
    open_one: partial[Gateway] = partial(_open, settings)
    with unit_of_work() as session:
        cards = saved_cards.list_cards(session, client_id)
    if not cards:
        panel = f"{settings.base_url}/clients/cards"
        saved_cards.request_card_page(
            unit_of_work, open_one, client_id=client_id, return_url=panel, cancel_url=panel
        )
        with unit_of_work() as session:
            customer_ref = session.scalars(
                select(GatewayCustomer.customer_ref).where(GatewayCustomer.client_id == client_id)
            ).one()
        # a fill that was killed may have typed the card without hearing of it
        cards = saved_cards.sync_cards(unit_of_work, open_one, client_id)
        if not cards:
            sandbox.type_card(
                reseller,
                customer_ref,
                number=OTHER_CARD if plan.number % 2 else GOOD_CARD,
                zip_code=plan.card_zip,
            )
            cards = saved_cards.sync_cards(unit_of_work, open_one, client_id)
    if plan.number in (0, 1, 2, 3):
        with unit_of_work() as session:
            refills.request_refill(
                session,
                refill_id=demo_id(reseller.code, plan.number, "refill"),
                client_id=client_id,
                amount=minor_amount(Decimal(40) * reseller.price_level, reseller.currency),
                saved_card_id=cards[0].id,
            )


def give_back(reseller: ResellerPlan) -> None:
    """Ask for the money of one card payment back, where the worker has charged it by now.

    Authorize.net gives nothing back that it has not settled, so there it is voided.
    """
    refill_id = demo_id(reseller.code, GIVEN_BACK, "refill")
    refund_id = demo_id(reseller.code, GIVEN_BACK, "refund")
    reason = "Paid by bank transfer as well"
    with unit_of_work() as session:
        if refills.find_locked(session, refill_id) is None:
            return
        found = refunds.read_returnable(session, refill_id)
        if not found.may_refund:
            return
        if found.account.gateway == "stripe":
            refunds.request_refund(
                session,
                refund_id=refund_id,
                refill_id=refill_id,
                amount=minor_amount(found.left / 2, reseller.currency),
                reason=reason,
            )
        elif found.may_void:
            refunds.request_void(session, refund_id=refund_id, refill_id=refill_id, reason=reason)


def _open(settings: Settings, account: GatewayAccount) -> Gateway:
    return open_gateway(account, settings)
