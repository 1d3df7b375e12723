"""What the Payment gateways screen reads."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from billing.models import PaymentAccount
from core.db import Session
from payments import gateway_accounts
from payments.gateway_accounts import StoredCredential
from payments.models import GatewayAccount
from portal.office.gateways.forms import NewGatewayForm
from tenants.models import Reseller


@dataclass(frozen=True, slots=True)
class GatewayRow:
    """One account as it may be shown."""

    id: int
    gateway: str
    name: str
    description: str
    reseller: str
    currency: str
    live: bool
    enabled: bool
    position: int
    payment_account: str
    bank_accounts: bool
    webhook_url: str
    credentials: Sequence[StoredCredential]


@dataclass(frozen=True, slots=True)
class Shown:
    """What the form shows of a stored account: no credential."""

    name: str
    description: str
    payment_account_id: int
    position: int
    bank_accounts: bool


def list_gateways(session: Session, base_url: str) -> list[GatewayRow]:
    """Those of the scope, in the order that clients are offered them."""
    rows = session.execute(
        select(GatewayAccount, Reseller.name, PaymentAccount.name)
        .join(Reseller, Reseller.id == GatewayAccount.reseller_id)
        .join(PaymentAccount, PaymentAccount.id == GatewayAccount.payment_account_id)
        .order_by(Reseller.name, GatewayAccount.position, GatewayAccount.name)
        .limit(500)
    )
    return [
        GatewayRow(
            id=one.id,
            gateway=one.gateway,
            name=one.name,
            description=one.description,
            reseller=reseller,
            currency=one.currency,
            live=one.live,
            enabled=one.enabled,
            position=one.position,
            payment_account=payment_account,
            bank_accounts=one.bank_accounts,
            webhook_url=gateway_accounts.webhook_url(one, base_url),
            credentials=gateway_accounts.describe_credentials(one),
        )
        for one, reseller, payment_account in rows
    ]


def has_same(session: Session, reseller_id: int, gateway: str, form: NewGatewayForm) -> bool:
    """Whether this account was made already: the form was sent twice."""
    found = session.scalar(
        select(GatewayAccount).where(
            GatewayAccount.reseller_id == reseller_id,
            GatewayAccount.gateway == gateway,
            GatewayAccount.name == " ".join((form.name.data or "").split()),
            GatewayAccount.currency == form.currency.data,
            GatewayAccount.live == (form.mode.data == "live"),
            GatewayAccount.enabled,
        )
    )
    if found is None:
        return False
    tails = {one.field: one.last_four for one in gateway_accounts.describe_credentials(found)}
    return all(
        tails.get(name, "") in text for name, text in form.credentials(gateway).items() if text
    )
