"""A card that its bank replaced: the gateway tells us, we ask for the list, the client is told."""

import time
from decimal import Decimal

import pytest
from sqlalchemy import select

from core.clock import now
from payments import auto_payment, card_letters, events, gateway_accounts
from payments.auto_payment import AutoPayment
from payments.models import GatewayEvent
from sandbox.stripe.webhooks import signature_of
from tenants.clients import get_client
from tests.payments.till import Till, take_events


@pytest.fixture
def till(stripe_till: Till) -> Till:
    return stripe_till


def test_the_updater_s_event_brings_the_new_details_and_ends_a_suspension(till: Till, sent_jobs):
    secret = take_events(till, "http://127.0.0.1:9")
    card = till.save_card(expiry="2026-12")
    with till.work() as session:
        auto_payment.save_auto_payment(
            session, get_client(session, till.client.id), AutoPayment(True, Decimal(5))
        )
        auto_payment.lock_row(session, till.client.id).suspended_at = now()
        card_letters.tell_client(session, till.client.id)

    till.sandbox.control(
        "cards/update",
        secret_key=till.merchant.secret_key,
        payment_method=card.method_ref,
        expiry="2030-04",
        number="5555555555554444",
    )
    for _twice in range(2):
        handle(till, newest_event(till, "payment_method.automatically_updated"), secret)
    assert [job.name for job in sent_jobs].count("payments.sync_cards") == 1
    (updated,) = till.sync()

    assert (updated.id, updated.last_four) == (card.id, "4444")
    assert (updated.expiry_year, updated.expiry_month, updated.is_default) == (2030, 4, True)
    with till.work() as session:
        assert auto_payment.find_row(session, till.client.id).suspended_at is None
        assert card_letters.tell_client(session, till.client.id) == 2
    subjects = [mail.subject for mail in till.mails()]
    assert "Your card was updated: MasterCard …4444" in subjects
    assert "Auto payment goes on" in subjects


def newest_event(till: Till, type_name: str) -> bytes:
    rows = till.sandbox.control("webhooks/list")["deliveries"]
    return str([row["body"] for row in rows if type_name in row["body"]][-1]).encode()


def handle(till: Till, raw: bytes, secret: str) -> None:
    """As the webhook's door and its job do."""
    header = {"Stripe-Signature": signature_of([secret], raw, int(time.time()))}
    with till.work() as session:
        account = gateway_accounts.get_account(session, till.account_id)
        gateway = till.open_gateway(account)
        told = gateway.verify_webhook(header, raw)
        gateway.close()
        assert told is not None
        events.store_event(session, account, told)
    with till.work() as session:
        waiting = session.scalars(
            select(GatewayEvent.id).where(GatewayEvent.handled_at.is_(None))
        ).all()
    for event_id in waiting:
        events.handle_event(till.work, till.open_gateway, event_id)
