"""One tenant's till for a test: a client, a merchant account at the sandbox, short words."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from uuid import UUID

import time_machine
from sqlalchemy import func, select

from billing import ledger, ledger_check, payment_accounts, transactions
from billing.models import LedgerEntry
from core.clock import now
from core.config import Settings
from core.db import Session
from core.ids import new_id
from core.tenancy import tenant_scope
from core.uow import unit_of_work
from mail.models import MailMessage
from payments import charging, gateway_accounts, lookups, rechecks, refills, saved_cards
from payments.gateways.base import Gateway
from payments.models import ChargeAttempt, GatewayAccount, Refill, SavedCard
from payments.outcomes import Recorded
from payments.patience import DEFAULT_PATIENCE, Patience
from tenants.models import Event
from tests.factories import cast
from tests.sandbox.authorizenet_server import Merchant, RunningSandbox
from tests.sandbox.stripe_server import RunningStripe

# Nobody waits for the few seconds between two looks at one page.
AT_ONCE = replace(DEFAULT_PATIENCE, ask_every=timedelta(0))
RETURN_URL = "http://127.0.0.1:8080/clients/cards/return"


@dataclass(frozen=True)
class Till:
    """A tenant, one client of it and the tenant's account at the sandbox."""

    tenant: cast.Tenant
    client: cast.Client
    merchant: Merchant
    account_id: int
    settings: Settings

    @contextmanager
    def work(self) -> Iterator[Session]:
        with tenant_scope(self.tenant.scope), unit_of_work() as session:
            yield session

    @property
    def sandbox(self) -> RunningSandbox:
        return self.merchant.sandbox

    @property
    def open_gateway(self) -> Callable[[GatewayAccount], Gateway]:
        return partial(gateway_accounts.open_gateway, settings=self.settings)

    # Cards

    def customer_ref(self) -> str:
        """The client's record at the gateway, made by asking for the card page."""
        self.card_page()
        with self.work() as session:
            return saved_cards._find_customer_ref(session, self.client.id, self.account_id) or ""

    def card_page(self):
        return saved_cards.request_card_page(
            self.work,
            self.open_gateway,
            client_id=self.client.id,
            return_url=RETURN_URL,
            cancel_url=RETURN_URL,
        )

    def save_card(self, **card: str) -> SavedCard:
        """A card saved at the gateway and found by us; `zip` 46282 declines, 46290 holds."""
        method_ref = self.merchant.save_card(self.customer_ref(), **card)
        return next(one for one in self.sync() if one.method_ref == method_ref)

    def take_bank_accounts(self, *, taken: bool = True) -> None:
        """Switch payments from bank accounts on or off, as the staff do."""
        with self.work() as session:
            account = gateway_accounts.get_account(session, self.account_id)
            gateway_accounts.update_account(
                session,
                account,
                name=account.name,
                description=account.description,
                payment_account_id=account.payment_account_id,
                position=account.position,
                bank_accounts=taken,
            )

    def save_bank_account(self, **account: str) -> SavedCard:
        """A bank account saved at the gateway and found by us."""
        method_ref = self.merchant.save_bank_account(self.customer_ref(), **account)
        return next(one for one in self.sync() if one.method_ref == method_ref)

    def sync(self) -> list[SavedCard]:
        return saved_cards.sync_cards(self.work, self.open_gateway, self.client.id)

    # Refills

    def request(self, card: SavedCard, amount: str = "10.00", **details) -> UUID:
        refill_id = details.pop("refill_id", None) or new_id()
        with self.work() as session:
            refills.request_refill(
                session,
                refill_id=refill_id,
                client_id=self.client.id,
                amount=Decimal(amount),
                saved_card_id=card.id,
                **details,
            )
        return refill_id

    def charge(self, refill_id: UUID, patience: Patience = DEFAULT_PATIENCE) -> Recorded | None:
        return charging.charge_refill(self.work, self.open_gateway, refill_id, patience=patience)

    def look_up(self, refill_id: UUID, patience: Patience = AT_ONCE) -> Recorded | None:
        return lookups.look_up_attempt(
            self.work, self.open_gateway, self.attempt(refill_id).key, patience=patience
        )

    def refill(self, refill_id: UUID) -> Refill:
        with self.work() as session:
            return refills.get_refill(session, refill_id)

    def attempts(self, refill_id: UUID) -> list[ChargeAttempt]:
        with self.work() as session:
            return list(
                session.scalars(
                    select(ChargeAttempt)
                    .where(ChargeAttempt.refill_id == refill_id)
                    .order_by(ChargeAttempt.n)
                )
            )

    def attempt(self, refill_id: UUID) -> ChargeAttempt:
        return self.attempts(refill_id)[-1]

    def recheck(self, refill_id: UUID) -> bool:
        return rechecks.check_again(self.work, self.open_gateway, self.attempt(refill_id).key)

    def taken(self) -> list[str]:
        """What the gateway has taken, charge by charge."""
        return [
            charge["amount"]
            for charge in self.merchant.charges()
            if charge["status"] in ("capturedPendingSettlement", "settledSuccessfully")
        ]

    # Books

    def live(self) -> Decimal:
        with self.work() as session:
            return ledger.get_balance(session, self.client.id).live

    def postings(self, refill_id: UUID) -> int:
        with self.work() as session:
            return session.scalars(
                select(func.count())
                .select_from(LedgerEntry)
                .where(LedgerEntry.source_id == refill_id)
            ).one()

    def owe(self, amount: str) -> None:
        """A charge without tax, so that the balance falls by exactly this."""
        with self.work() as session:
            transactions.create_charge(
                session,
                transaction_id=new_id(),
                client_id=self.client.id,
                amount=Decimal(amount),
                tax_mode="none",
            )

    def pay(self, amount: str) -> None:
        with self.work() as session:
            transactions.create_payment(
                session,
                transaction_id=new_id(),
                client_id=self.client.id,
                amount=Decimal(amount),
                payment_account_id=payment_accounts.get_general(session, self.tenant.id).id,
            )

    def books_are_right(self) -> bool:
        with self.work() as session:
            return ledger_check.check_ledger(session, self.tenant.id).ok

    # What people are told

    def mails(self) -> list[MailMessage]:
        with self.work() as session:
            return list(
                session.scalars(
                    select(MailMessage)
                    .where(MailMessage.client_id == self.client.id)
                    .order_by(MailMessage.created_at)
                )
            )

    def events(self) -> list[str]:
        with self.work() as session:
            return list(
                session.scalars(
                    select(Event.code).where(Event.service == "payments").order_by(Event.id)
                )
            )


def open_till(
    sandbox: RunningSandbox, settings: Settings, name: str = "Acme", **client: object
) -> Till:
    """A tenant of its own with its own merchant account; `client` as of `cast.make_client`."""
    currency = str(client.get("currency", "USD"))
    tenant = cast.make_tenant(name, name.lower(), currency=currency)
    made = cast.make_client(tenant, f"Client of {name}", login=name.lower(), **client)
    merchant = sandbox.add_merchant(name=name, currency=currency)
    here = settings.model_copy(
        update={
            "authorizenet_test_api_url": sandbox.api_url,
            "authorizenet_test_hosted_url": sandbox.hosted_url,
            "gateway_read_timeout_s": 5.0,
        }
    )
    with tenant_scope(tenant.scope), unit_of_work() as session:
        account = add_gateway_account(session, tenant, merchant, here, currency)
        account_id = account.id
    return Till(tenant, made, merchant, account_id, here)


def add_gateway_account(
    session: Session, tenant: cast.Tenant, merchant: Merchant, settings: Settings, currency: str
) -> GatewayAccount:
    return gateway_accounts.create_account(
        session,
        reseller_id=tenant.id,
        gateway="authorizenet",
        name="Cards",
        payment_account_id=payment_accounts.get_general(session, tenant.id).id,
        currency=currency,
        live=False,
        credentials={
            "login": merchant.login,
            "transaction_key": merchant.transaction_key,
            "signature_key": merchant.signature_key,
        },
        key_ring=settings.credential_key_ring,
    )


@contextmanager
def later(moment: datetime | None = None, **span: float) -> Iterator[None]:
    """Our clock some time ahead of now, or of `moment`; it goes on ticking."""
    with time_machine.travel((moment or now()) + timedelta(**span), tick=True):
        yield


def open_stripe_till(
    sandbox: RunningStripe, settings: Settings, name: str = "Acme", **client: object
) -> Till:
    """As `open_till`, with an account at Stripe; its events go nowhere yet."""
    currency = str(client.get("currency", "USD"))
    tenant = cast.make_tenant(name, name.lower(), currency=currency)
    made = cast.make_client(tenant, f"Client of {name}", login=name.lower(), **client)
    merchant = sandbox.add_account(name=name, currency=currency)
    here = settings.model_copy(
        update={"stripe_api_url": sandbox.url, "gateway_read_timeout_s": 5.0}
    )
    with tenant_scope(tenant.scope), unit_of_work() as session:
        account = gateway_accounts.create_account(
            session,
            reseller_id=tenant.id,
            gateway="stripe",
            name="Cards",
            payment_account_id=payment_accounts.get_general(session, tenant.id).id,
            currency=currency,
            live=False,
            credentials={"secret_key": merchant.secret_key},
            key_ring=settings.credential_key_ring,
        )
        account_id = account.id
    return Till(tenant, made, merchant, account_id, here)  # type: ignore[arg-type]


def take_events(till: Till, base_url: str) -> str:
    """Have Stripe's events sent to the till's own address; the secret that signs them."""
    with till.work() as session:
        account = gateway_accounts.get_account(session, till.account_id)
        secret: str = till.merchant.add_endpoint(  # type: ignore[attr-defined]
            gateway_accounts.webhook_url(account, base_url)
        )
        gateway_accounts.replace_credentials(
            session, account, {"webhook_secret": secret}, till.settings.credential_key_ring
        )
    return secret
