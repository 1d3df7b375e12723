"""What stands before the journeys begin: two resellers, and a client whose card is declined.

Run as a program on the site's database; prints the clients' ids as JSON.
"""

import json
from datetime import timedelta
from decimal import Decimal
from functools import partial
from uuid import UUID
from zoneinfo import ZoneInfo

import requests
from sqlalchemy import select

from billing import (
    invoices,
    payment_accounts,
    payment_terms,
    tax_profiles,
    transactions,
    voucher_pins,
)
from billing.client_billing import Billing
from billing.periods import period_for_dates
from core import platform_uow, uow
from core.clock import now
from core.config import Settings, load_settings
from core.ids import new_id
from core.tenancy import tenant_scope
from core.uow import unit_of_work
from mail import queue
from payments import client_templates, gateway_accounts, refills, saved_cards
from payments.client_templates import TemplateValues
from payments.models import GatewayCustomer
from tenants import client_notes, tags, webhook_endpoints, webhook_fanout
from tenants.client_templates import TemplateGeneral
from tests.factories import cast
from tests.journeys.people import COMET, NEBULA
from worker.send import send_jobs_to

DECLINED_ZIP = "46282"  # the gateway's published trigger for a decline


def main() -> None:
    settings = load_settings()
    uow.configure(settings)
    platform_uow.configure(settings)
    queue.configure(settings)
    voucher_pins.configure(settings)
    send_jobs_to(settings.redis_url)
    acme = cast.make_tenant("Acme", "acme")
    globex = cast.make_tenant("Globex", "globex", currency="EUR", timezone="Europe/Berlin")
    cast.make_platform_user()
    _set_up(settings, acme)
    cast.make_client(globex, NEBULA, login="nebula", currency="EUR")
    refill_id = _make_comet(settings, acme)
    print(json.dumps({"refill": str(refill_id)}))  # noqa: T201 (a program that prints)


def _set_up(settings: Settings, acme: cast.Tenant) -> None:
    merchant = _control(settings, "merchants", login="acme", currency="USD", name="Acme Telecom")
    with tenant_scope(acme.scope), unit_of_work() as session:
        payment_terms.create_terms(
            session, reseller_id=acme.id, name="Every week", every_days=7, grace_days=14
        )
        client_templates.create_template(
            session,
            request_id=new_id(),
            reseller_id=acme.id,
            values=TemplateValues(TemplateGeneral("Retail")),
        )
        tax_profiles.create_profile(
            session,
            reseller_id=acme.id,
            name="Sales tax",
            taxes=[("Sales tax", Decimal("7.25"), 1)],
            is_default=True,
        )
        account = gateway_accounts.create_account(
            session,
            reseller_id=acme.id,
            gateway="authorizenet",
            name="Cards",
            payment_account_id=payment_accounts.get_general(session, acme.id).id,
            currency="USD",
            live=False,
            credentials={
                name: merchant[name] for name in ("login", "transaction_key", "signature_key")
            },
            key_ring=settings.credential_key_ring,
        )
        webhook = gateway_accounts.webhook_url(account, settings.base_url)
        endpoint, _secret = webhook_endpoints.create_endpoint(
            session,
            reseller_id=acme.id,
            request_id=new_id(),
            wish=webhook_endpoints.Wish("http://127.0.0.1:9/hooks", ["client.erased"]),
            settings=settings,
        )
        webhook_fanout.send_ping(session, endpoint, new_id())
    _control(settings, "merchants", login="acme", webhook_urls=[webhook])


def _make_comet(settings: Settings, acme: cast.Tenant) -> UUID:
    """A client with history, whose saved card is always declined; the id of a refill by it."""
    client = cast.make_client(acme, COMET, login="comet", billing=Billing(credit=Decimal(100)))
    open_gateway = partial(gateway_accounts.open_gateway, settings=settings)
    panel = f"{settings.base_url}/clients/cards"
    with tenant_scope(acme.scope):
        with unit_of_work() as session:
            client_notes.create_note(
                session, client.id, note_id=new_id(), body="Call before noon", is_pinned=True
            )
            tags.create_tag(session, reseller_id=acme.id, name="Carrier", color="teal")
            account_id = payment_accounts.get_general(session, acme.id).id
            for days, amount in ((9, "120.00"), (4, "80.00")):
                transactions.create_payment(
                    session,
                    transaction_id=new_id(),
                    client_id=client.id,
                    amount=Decimal(amount),
                    payment_account_id=account_id,
                    dated_at=now() - timedelta(days=days),
                    description="Bank transfer",
                )
            transactions.create_charge(
                session,
                transaction_id=new_id(),
                client_id=client.id,
                amount=Decimal("35.50"),
                dated_at=now() - timedelta(days=2),
                description="Calls to Germany, mobile",
            )
        saved_cards.request_card_page(
            unit_of_work, open_gateway, client_id=client.id, return_url=panel, cancel_url=panel
        )
        with unit_of_work() as session:
            customer_ref = session.scalars(
                select(GatewayCustomer.customer_ref).where(GatewayCustomer.client_id == client.id)
            ).one()
        _control(
            settings,
            "customers/card",
            login="acme",
            customer_ref=customer_ref,
            number="5424000000000015",
            expiry="2031-09",
            zip=DECLINED_ZIP,
        )
        card, *_ = saved_cards.sync_cards(unit_of_work, open_gateway, client.id)
        with unit_of_work() as session:
            first_on = now().date() - timedelta(days=8)
            period = period_for_dates(
                first_on, first_on + timedelta(days=7), ZoneInfo("America/New_York")
            )
            invoices.create_invoice(
                session,
                invoice_id=new_id(),
                client_id=client.id,
                period=period,
                autoinvoice=True,
            )
            refill = refills.request_refill(
                session,
                refill_id=new_id(),
                client_id=client.id,
                amount=Decimal("12.00"),
                saved_card_id=card.id,
            )
            return refill.id


def _control(settings: Settings, command: str, **wanted: object) -> dict[str, str]:
    url = f"{settings.sandbox_addresses['authorizenet']}/control/{command}"
    response = requests.post(url, json=wanted, timeout=20)
    assert response.ok, response.text
    answer: dict[str, str] = response.json()
    return answer


if __name__ == "__main__":
    main()
