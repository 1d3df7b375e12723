"""What tests of the back office need over and over: money, invoices, cards, mails of a tenant."""

import re
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import insert, inspect, select, update
from werkzeug.test import TestResponse

from billing import invoices, payment_accounts, transactions
from billing.periods import period_for_dates
from core.clock import now
from core.ids import new_id
from core.tenancy import tenant_scope
from core.uow import unit_of_work
from core.zones import get_zone
from mail.models import MailMessage
from mail.queue import MailKind, queue_mail
from payments import gateway_accounts, refills
from payments.models import ChargeAttempt, ClientAutoPayment, SavedCard
from tests.factories.cast import Client, Tenant
from tests.portal.browser import HTMX, Browser


def pay(tenant: Tenant, client: Client, amount: str, **details: Any) -> UUID:
    payment_id = details.pop("transaction_id", None) or new_id()
    with tenant_scope(tenant.scope), unit_of_work() as session:
        transactions.create_payment(
            session,
            transaction_id=payment_id,
            client_id=client.id,
            amount=Decimal(amount),
            payment_account_id=payment_accounts.get_general(session, tenant.id).id,
            **details,
        )
    return payment_id


def charge(tenant: Tenant, client: Client, amount: str, **details: Any) -> UUID:
    charge_id = details.pop("transaction_id", None) or new_id()
    with tenant_scope(tenant.scope), unit_of_work() as session:
        transactions.create_charge(
            session,
            transaction_id=charge_id,
            client_id=client.id,
            amount=Decimal(amount),
            **details,
        )
    return charge_id


def invoice(tenant: Tenant, client: Client, *, issue: bool = True) -> UUID:
    """Everything charged up to yesterday on one invoice, with its file when it is issued."""
    zone = get_zone("America/New_York")
    last_on = (now() - timedelta(days=1)).astimezone(zone).date()
    period = period_for_dates(last_on - timedelta(days=40), last_on, zone)
    invoice_id = new_id()
    with tenant_scope(tenant.scope), unit_of_work() as session:
        made = invoices.create_invoice(
            session, invoice_id=invoice_id, client_id=client.id, period=period, autoinvoice=False
        )
        assert made is not None
        if issue:
            invoices.issue(session, invoice_id)
    if issue:
        with tenant_scope(tenant.scope), unit_of_work() as session:
            invoices.store_file(session, invoice_id)
    return invoice_id


def some_days_ago(days: int = 10) -> datetime:
    return now().replace(microsecond=0) - timedelta(days=days)


def gateway(tenant: Tenant, key_ring: dict[str, bytes], *, currency: str = "USD") -> int:
    with tenant_scope(tenant.scope), unit_of_work() as session:
        account = gateway_accounts.create_account(
            session,
            reseller_id=tenant.id,
            gateway="authorizenet",
            name=f"Cards of {tenant.name}",
            payment_account_id=payment_accounts.get_general(session, tenant.id).id,
            currency=currency,
            live=False,
            credentials={
                "login": "5KP3u95bQpv1",
                "transaction_key": "346HZ32z3fP4hTG2",
                "signature_key": "A" * 128,
            },
            key_ring=key_ring,
        )
        return account.id


def card(tenant: Tenant, client: Client, account_id: int) -> UUID:
    card_id = new_id()
    with tenant_scope(tenant.scope), unit_of_work() as session:
        session.execute(
            insert(SavedCard).values(
                id=card_id,
                reseller_id=tenant.id,
                client_id=client.id,
                gateway_account_id=account_id,
                customer_ref="900",
                method_ref=str(card_id)[:8],
                brand="Visa",
                last_four="4242",
                is_default=True,
            )
        )
    return card_id


def refill(tenant: Tenant, client: Client, card_id: UUID, amount: str = "25") -> UUID:
    refill_id = new_id()
    with tenant_scope(tenant.scope), unit_of_work() as session:
        refills.request_refill(
            session,
            refill_id=refill_id,
            client_id=client.id,
            amount=Decimal(amount),
            saved_card_id=card_id,
            source="staff",
        )
    return refill_id


def unknown_attempt(tenant: Tenant, client: Client, refill_id: UUID, account_id: int) -> str:
    """The refill's answer was lost: one attempt whose outcome nobody knows."""
    key = "K" * 20
    with tenant_scope(tenant.scope), unit_of_work() as session:
        found = refills.get_refill(session, refill_id)
        found.state = "unknown"
        session.add(
            ChargeAttempt(
                key=key,
                reseller_id=tenant.id,
                client_id=client.id,
                refill_id=refill_id,
                n=1,
                gateway_account_id=account_id,
                request={"customer_profile_ref": "secret-profile"},
                state="unknown",
                first_sent_at=now(),
                answer={"outcome": "unknown", "text": "no answer", "raw": {"inner": "hidden-raw"}},
            )
        )
    return key


def suspend(tenant: Tenant, client: Client) -> None:
    with tenant_scope(tenant.scope), unit_of_work() as session:
        session.execute(
            update(ClientAutoPayment)
            .where(ClientAutoPayment.client_id == client.id)
            .values(suspended_at=now(), suspended_reason="Declined three times.")
        )


def mail(tenant: Tenant, client: Client | None, subject: str = "Hello", **changes: Any) -> UUID:
    with tenant_scope(tenant.scope), unit_of_work() as session:
        written = queue_mail(
            session,
            reseller_id=tenant.id,
            client_id=None if client is None else client.id,
            kind=changes.pop("kind", MailKind.PAYMENT),
            dedupe_key=str(new_id()),
            to_address=changes.pop("to_address", "who@client.example"),
            subject=subject,
            body_text=changes.pop("body_text", "Plain words"),
            body_html=changes.pop("body_html", "<p>Marked words</p>"),
            file_ids=changes.pop("file_ids", ()),
        )
        assert written is not None
        if changes:
            session.execute(
                update(MailMessage).where(MailMessage.id == written.id).values(**changes)
            )
        return written.id


def stored(tenant: Tenant, model: Any, **where: Any) -> list[Any]:
    """Rows of the tenant as they are now, oldest first."""
    with tenant_scope(tenant.scope), unit_of_work() as session:
        order = inspect(model).primary_key
        return list(session.scalars(select(model).filter_by(**where).order_by(*order)))


def htmx(browser: Browser, path: str) -> TestResponse:
    return browser.get(path, headers=HTMX)


def names_in(answer: TestResponse) -> list[str]:
    """The main cells of a list, in order."""
    cells = re.findall(r'class="cell-title[^"]*"[^>]*>\s*(?:<a[^>]*>)?([^<]*)<', answer.text)
    return [cell.strip() for cell in cells]


def link(answer: TestResponse, label: str) -> str:
    """The address of the pager's Next or Previous."""
    suffix = {"Next": "next", "Previous": "previous"}[label]
    found = re.search(rf'id="table-{suffix}"[^>]*href="([^"]+)"', answer.text)
    return found.group(1).replace("&amp;", "&") if found else ""


def hidden(answer: TestResponse, name: str) -> str:
    """The value of a hidden input."""
    found = re.search(rf'<input type="hidden" name="{name}" value="([^"]*)"', answer.text)
    assert found, f"no {name} in the form"
    return found.group(1)


def without_ids(answer: TestResponse) -> str:
    """The body without what differs from request to request."""
    text = re.sub(r"[0-9a-f]{32}", "", answer.text)
    return re.sub(r'(csrf[-_]token"[^>]*(?:content|value)=")[^"]*', r"\1", text)


def hidden_field(answer: TestResponse, name: str) -> str:
    """The value of a hidden input that WTForms drew."""
    found = re.search(rf'<input[^>]*name="{name}"[^>]*>', answer.text)
    assert found, f"no {name} in the form"
    value = re.search(r'value="([^"]*)"', found.group(0))
    return value.group(1) if value else ""
