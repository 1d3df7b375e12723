"""Cards of a client that was removed for good are forgotten at the gateways too.

The client's records at the gateways wait in `gateway_customers` until each gateway has said that it
forgot them: a lost job is found by the sweep.
"""

from contextlib import closing
from dataclasses import dataclass

from sqlalchemy import String, cast, delete, select, update

from core.clock import now
from core.db import Session
from core.errors import TemporaryError
from payments.gateway_accounts import OpenGateway, UnitOfWork
from payments.gateways.base import Gateway, ReplyStatus
from payments.models import GatewayAccount, GatewayCustomer, GatewayEvent, SavedCard
from tenants import clients, events

JOB = "payments.forget_wallets"


@dataclass(frozen=True, slots=True)
class _Wallet:
    """The client's record at one gateway account."""

    reseller_id: int
    account_id: int
    account_name: str
    customer_ref: str
    gateway: Gateway


def forget_wallets(unit_of_work: UnitOfWork, open_gateway: OpenGateway, client_id: int) -> None:
    """Have every gateway forget the client and its cards; nothing for a client that is kept.

    Safe to repeat. Raises TemporaryError for a gateway that is silent: the sweep comes back. A
    gateway that refuses is told to the staff, once a day.
    """
    with unit_of_work() as session:
        if clients.get_client(session, client_id).erased_at is None:
            return
        wallets = _open_wallets(session, open_gateway, client_id)
    for wallet in wallets:
        with closing(wallet.gateway):
            reply = wallet.gateway.delete_customer(wallet.customer_ref)
        if reply.status is ReplyStatus.UNREACHABLE:
            raise TemporaryError("The payment gateway does not answer. Try again in a minute.")
        with unit_of_work() as session:
            if reply.ok:
                _close(session, client_id, wallet)
            else:
                _record_refusal(session, client_id, wallet, reply.text)


def blank_cards(session: Session, client_id: int) -> int:
    """Take what is known of the client's cards off their rows; how many could still be charged.

    Refills point at the rows, so they stay; the references stay until the gateway forgot them.
    """
    active = len(
        session.scalars(
            select(SavedCard.id).where(
                SavedCard.client_id == client_id, SavedCard.state == "active"
            )
        ).all()
    )
    session.execute(
        update(SavedCard)
        .where(SavedCard.client_id == client_id)
        .values(
            brand="",
            last_four="",
            expiry_month=None,
            expiry_year=None,
            network_transaction_ref=None,
            is_default=False,
            state="removed",
            removed_at=now(),
            tell_at=None,
            told_as="",
        )
        .execution_options(synchronize_session=False)
    )
    return active


def _open_wallets(session: Session, open_gateway: OpenGateway, client_id: int) -> list[_Wallet]:
    rows = session.execute(
        select(GatewayCustomer.customer_ref, GatewayAccount)
        .join(GatewayAccount, GatewayAccount.id == GatewayCustomer.gateway_account_id)
        .where(GatewayCustomer.client_id == client_id)
        .order_by(GatewayAccount.id)
    )
    return [
        _Wallet(account.reseller_id, account.id, account.name, customer_ref, open_gateway(account))
        for customer_ref, account in rows
    ]


def _close(session: Session, client_id: int, wallet: _Wallet) -> None:
    session.execute(
        update(SavedCard)
        .where(SavedCard.client_id == client_id, SavedCard.gateway_account_id == wallet.account_id)
        .values(customer_ref="", method_ref=cast(SavedCard.id, String))
        .execution_options(synchronize_session=False)
    )
    session.execute(
        update(GatewayEvent)
        .where(
            GatewayEvent.gateway_account_id == wallet.account_id,
            GatewayEvent.customer_ref == wallet.customer_ref,
        )
        .values(customer_ref="")
        .execution_options(synchronize_session=False)
    )
    session.execute(
        delete(GatewayCustomer).where(
            GatewayCustomer.client_id == client_id,
            GatewayCustomer.gateway_account_id == wallet.account_id,
        )
    )


def _record_refusal(session: Session, client_id: int, wallet: _Wallet, text: str) -> None:
    # not the client's own event: those went with it
    events.record(
        session,
        reseller_id=wallet.reseller_id,
        level="warning",
        service="payments",
        code="wallet_not_forgotten",
        text=events.EventText(
            "The gateway %(gateway)s does not forget the cards of deleted client #%(client)s:"
            " %(reason)s",
            gateway=wallet.account_name,
            client=client_id,
            reason=text,
        ),
        object_type="client",
        object_id=client_id,
        dedupe_key=f"wallet:{client_id}:{wallet.account_id}:{now().date().isoformat()}",
    )
