"""Rows that make the platform's screens say something, written straight into the tables."""

from datetime import timedelta

from sqlalchemy import insert, select, update

from billing import payment_accounts
from billing.models import ClientBalance, ClientBilling, LedgerCheck
from core import secrets
from core.clock import now
from core.ids import new_id, new_token
from core.platform_uow import platform_unit_of_work
from mail.models import MailMessage
from payments.models import GatewayAccount, Refill
from tenants.models import Event
from tests.factories.cast import Client

SECRET = "sentinel-of-a-secret"


def add_gateway(client: Client) -> int:
    """A merchant account whose credentials and webhook token no screen may show."""
    with platform_unit_of_work() as session:
        account = GatewayAccount(
            reseller_id=client.reseller_id,
            gateway="authorizenet",
            name="Main merchant",
            payment_account_id=payment_accounts.get_general(session, client.reseller_id).id,
            currency="USD",
            live=False,
            credentials={"key": secrets.encrypt({"k": b"0" * 32}, "x", SECRET), "login": SECRET},
            webhook_token=SECRET + new_token(),
        )
        session.add(account)
        session.flush()
        return account.id


def add_refill(client: Client, state: str, *, age: timedelta = timedelta(minutes=1)) -> None:
    """A refill by hosted page in this state, made so long ago."""
    with platform_unit_of_work() as session:
        account_id = session.scalar(
            select(GatewayAccount.id).where(GatewayAccount.reseller_id == client.reseller_id)
        )
    if account_id is None:
        account_id = add_gateway(client)
    with platform_unit_of_work() as session:
        currency = session.scalars(
            select(ClientBalance.currency).where(ClientBalance.client_id == client.id)
        ).one()
        session.add(
            Refill(
                id=new_id(),
                reseller_id=client.reseller_id,
                client_id=client.id,
                source="panel",
                method="hosted_page",
                gateway_account_id=account_id,
                amount=25,
                currency=currency,
                state=state,
                next_look_at=now() - age,
                created_at=now() - age,
            )
        )


def add_mail(reseller_id: int, state: str, *, age: timedelta = timedelta(minutes=1)) -> None:
    with platform_unit_of_work() as session:
        mail_id = new_id()
        session.add(
            MailMessage(
                id=mail_id,
                reseller_id=reseller_id,
                kind="payment",
                dedupe_key=str(mail_id),
                message_id=f"<{mail_id}@portal.example>",
                from_address="billing@portal.example",
                to_address="somebody@client.example",
                subject="Your receipt",
                body_text=SECRET,
                state=state,
                next_attempt_at=now() - age,
                created_at=now() - age,
                last_error="550 no such mailbox" if state == "failed" else "",
            )
        )


def add_check(reseller_id: int, *, ok: bool = True, age: timedelta = timedelta(0), **more) -> None:
    with platform_unit_of_work() as session:
        session.execute(
            insert(LedgerCheck).values(
                reseller_id=reseller_id, at=now() - age, ok=ok, entries=1234, **more
            )
        )


def add_event(reseller_id: int, text: str, *, level: str = "info", **more) -> None:
    with platform_unit_of_work() as session:
        session.execute(
            insert(Event).values(
                reseller_id=reseller_id,
                at=more.pop("at", now()),
                level=level,
                service=more.pop("service", "payments"),
                code="charge_declined",
                text=text,
                **more,
            )
        )


def make_invoice_due(client: Client, *, age: timedelta = timedelta(hours=1)) -> None:
    """A boundary of the client has passed; terms are of no matter here."""
    with platform_unit_of_work() as session:
        from billing.payment_terms import create_terms

        terms = create_terms(
            session, reseller_id=client.reseller_id, name=f"Monthly {client.id}", day_of_month=1
        )
        session.execute(
            update(ClientBilling)
            .where(ClientBilling.client_id == client.id)
            .values(
                autoinvoicing=True,
                payment_terms_id=terms.id,
                last_invoiced_on=(now() - timedelta(days=40)).date(),
                next_invoice_at=now() - age,
            )
        )
