"""Saved cards and bank accounts: kept by the gateway, added on its own page.

Here stands only what may be stored of them. A bank account is a saved card of another kind: what
holds for the one holds for the other, but that it can be added and charged only where its gateway
account takes bank accounts.

What the browser says on its return counts for nothing: the list is asked from the gateway.
"""

from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from core import jobs
from core.clock import now
from core.db import Session
from core.errors import InvalidInputError, NotFoundError, TemporaryError
from core.ids import new_id
from payments import (
    attempts,
    auto_payment,
    card_letters,
    gateway_accounts,
    hosted_pages,
    notices,
)
from payments.errors import CardBusyError, GatewayRefusedError
from payments.gateway_accounts import OpenGateway, UnitOfWork
from payments.gateways.base import Gateway, HostedPage, MethodKind, ReplyStatus, SavedMethod
from payments.models import GatewayAccount, GatewayCustomer, SavedCard
from tenants import audit, clients
from tenants.models import Client

# A removal that began so long ago has ended, also if its worker died before the gateway was told.
_REMOVAL = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class _Wallet:
    """One client's record at one gateway account."""

    reseller_id: int
    account_id: int
    customer_ref: str
    gateway: Gateway


def request_card_page(
    unit_of_work: UnitOfWork,
    open_gateway: OpenGateway,
    *,
    client_id: int,
    return_url: str,
    cancel_url: str,
    kind: MethodKind = MethodKind.CARD,
) -> HostedPage:
    """Where to send the browser to add a card or bank account.

    Makes the client's record at the gateway first. Raises NoGatewayError, InvalidInputError where
    no bank accounts are taken, TemporaryError for a silent gateway, GatewayRefusedError.
    """
    with unit_of_work() as session:
        client = clients.get_client(session, client_id)
        account = gateway_accounts.require_account(
            session, reseller_id=client.reseller_id, currency=client.currency
        )
        if kind is MethodKind.BANK_ACCOUNT and not account.bank_accounts:
            raise InvalidInputError("Bank accounts are not taken here.")
        customer_ref = _find_customer_ref(session, client_id, account.id)
        gateway = open_gateway(account)
    with closing(gateway):
        if customer_ref is None:
            customer_ref = _create_customer(unit_of_work, gateway, account, client_id)
        return hosted_pages.page_of(
            gateway.hosted_card_page(
                customer_ref=customer_ref, return_url=return_url, cancel_url=cancel_url, kind=kind
            )
        )


def sync_cards(
    unit_of_work: UnitOfWork, open_gateway: OpenGateway, client_id: int
) -> list[SavedCard]:
    """Make our list of the client's cards equal to the gateway's; answers the active ones.

    A new card becomes the default when there is none or auto payment is suspended, and a changed
    default ends a suspension. A gateway that is silent leaves the list as it is: TemporaryError.
    """
    with unit_of_work() as session:
        wallets = _open_wallets(session, open_gateway, client_id)
    for wallet in wallets:
        with closing(wallet.gateway):
            asked_at = now()
            reply = wallet.gateway.list_methods(wallet.customer_ref)
        if reply.status is ReplyStatus.UNREACHABLE:
            raise TemporaryError("The payment gateway does not answer. Try again in a minute.")
        if reply.status is ReplyStatus.REFUSED:
            raise GatewayRefusedError("The payment gateway refused to list the cards.")
        with unit_of_work() as session:
            _store_methods(session, client_id, wallet, reply.value or (), asked_at)
    with unit_of_work() as session:
        return list_cards(session, client_id)


def list_cards(session: Session, client_id: int) -> list[SavedCard]:
    """The client's active cards, the default first, then the newest."""
    return list(
        session.scalars(
            select(SavedCard)
            .where(SavedCard.client_id == client_id, SavedCard.state == "active")
            .order_by(SavedCard.is_default.desc(), SavedCard.created_at.desc(), SavedCard.id)
        )
    )


def get_card(session: Session, client_id: int, card_id: UUID) -> SavedCard:
    """An active card of the client; raises NotFoundError."""
    card = session.scalar(
        select(SavedCard)
        .where(
            SavedCard.id == card_id,
            SavedCard.client_id == client_id,
            SavedCard.state == "active",
        )
        # read before the lock it may have been the default then
        .execution_options(populate_existing=True)
    )
    if card is None:
        raise NotFoundError("Card not found.")
    return card


def set_default(session: Session, client_id: int, card_id: UUID) -> SavedCard:
    """Let automatic charges use this card; a changed card ends a suspension."""
    _lock_wallets(session, client_id)
    card = get_card(session, client_id, card_id)
    if card.is_default:
        return card
    _make_default(session, card)
    _audit(session, card, "update", "default card")
    return card


def remove_card(
    unit_of_work: UnitOfWork, open_gateway: OpenGateway, *, client_id: int, card_id: UUID
) -> None:
    """Forget a card, at the gateway too; the newest one left becomes the default.

    Raises CardBusyError while money of it is on its way, TemporaryError, GatewayRefusedError.
    """
    with unit_of_work() as session:
        _lock_wallets(session, client_id)
        card = get_card(session, client_id, card_id)
        if attempts.has_open_attempt(session, card_id):
            if card.kind == MethodKind.BANK_ACCOUNT:
                raise CardBusyError(
                    "A payment from this bank account is under way."
                    " Try again when the bank has paid."
                )
            raise CardBusyError("A payment with this card is under way. Try again when it is done.")
        # from here on no charge of it begins
        _mark_removed(session, card)
        account = gateway_accounts.get_account(session, card.gateway_account_id)
        gateway = open_gateway(account)
    with closing(gateway):
        reply = gateway.delete_method(
            customer_ref=card.customer_ref, payment_profile_ref=card.method_ref
        )
    if reply.ok:
        return
    with unit_of_work() as session:
        # it still exists there, so it must be seen here
        _reopen(session, client_id, card_id)
    if reply.status is ReplyStatus.UNREACHABLE:
        raise TemporaryError("The payment gateway does not answer. Try again in a minute.")
    raise GatewayRefusedError("The payment gateway refused to forget the card.")


def find_client_by_customer(
    session: Session, *, account_id: int, customer_ref: str, method_ref: str
) -> int | None:
    """Whose wallet a gateway's event speaks of."""
    if customer_ref:
        return session.scalar(
            select(GatewayCustomer.client_id).where(
                GatewayCustomer.gateway_account_id == account_id,
                GatewayCustomer.customer_ref == customer_ref,
            )
        )
    return session.scalar(
        select(SavedCard.client_id).where(
            SavedCard.gateway_account_id == account_id, SavedCard.method_ref == method_ref
        )
    )


def _create_customer(
    unit_of_work: UnitOfWork, gateway: Gateway, account: GatewayAccount, client_id: int
) -> str:
    # our stable id: a record made before whose answer was lost is found by it
    reply = gateway.create_customer(merchant_customer_id=f"client-{client_id}")
    if reply.status is ReplyStatus.UNREACHABLE:
        raise TemporaryError("The payment gateway does not answer. Try again in a minute.")
    if not reply.value:
        raise GatewayRefusedError("The payment gateway refused to open a record for the client.")
    with unit_of_work() as session:
        session.execute(
            insert(GatewayCustomer)
            .values(
                reseller_id=account.reseller_id,
                client_id=client_id,
                gateway_account_id=account.id,
                customer_ref=reply.value,
            )
            .on_conflict_do_nothing()
        )
        return _find_customer_ref(session, client_id, account.id) or reply.value


def _find_customer_ref(session: Session, client_id: int, account_id: int) -> str | None:
    return session.scalar(
        select(GatewayCustomer.customer_ref).where(
            GatewayCustomer.client_id == client_id,
            GatewayCustomer.gateway_account_id == account_id,
        )
    )


def _open_wallets(session: Session, open_gateway: OpenGateway, client_id: int) -> list[_Wallet]:
    rows = session.execute(
        select(GatewayCustomer.customer_ref, GatewayAccount)
        .join(GatewayAccount, GatewayAccount.id == GatewayCustomer.gateway_account_id)
        .join(Client, Client.id == GatewayCustomer.client_id)
        .where(
            GatewayCustomer.client_id == client_id,
            GatewayAccount.enabled,
            # of a client that was removed for good nothing is asked but to be forgotten
            Client.erased_at.is_(None),
        )
        .order_by(GatewayAccount.id)
    )
    return [
        _Wallet(account.reseller_id, account.id, customer_ref, open_gateway(account))
        for customer_ref, account in rows
    ]


def _lock_wallets(session: Session, client_id: int) -> None:
    """The client's records at gateways are the lock of its cards and of which one is the default.

    Taken before any card is read or written: two tabs, two returns or a removal take turns.
    """
    session.execute(
        select(GatewayCustomer.client_id)
        .where(GatewayCustomer.client_id == client_id)
        .order_by(GatewayCustomer.gateway_account_id)
        .with_for_update()
    )


def _store_methods(
    session: Session,
    client_id: int,
    wallet: _Wallet,
    methods: tuple[SavedMethod, ...],
    asked_at: datetime,
) -> None:
    """`asked_at`: when the gateway was asked for the list; it may be older than a removal."""
    _lock_wallets(session, client_id)
    known = {
        card.method_ref: card
        for card in session.scalars(
            select(SavedCard)
            .where(
                SavedCard.client_id == client_id,
                SavedCard.gateway_account_id == wallet.account_id,
                SavedCard.customer_ref == wallet.customer_ref,
            )
            .execution_options(populate_existing=True)
        )
    }
    newest: SavedCard | None = None
    for method in methods:
        card = known.pop(method.payment_profile_ref, None)
        if card is None:
            card = SavedCard(
                id=new_id(),
                reseller_id=wallet.reseller_id,
                client_id=client_id,
                gateway_account_id=wallet.account_id,
                customer_ref=wallet.customer_ref,
                method_ref=method.payment_profile_ref,
                is_default=False,
                created_at=now(),
            )
            newest = card
        _describe(session, card, method, asked_at)
    for card in known.values():
        if card.state == "active":
            _mark_removed(session, card)
    if newest is not None:
        _audit(session, newest, "create", "card saved")
    _choose_default(session, client_id, newest)


def _describe(session: Session, card: SavedCard, method: SavedMethod, asked_at: datetime) -> None:
    if card.removed_at is not None and card.removed_at > asked_at - _REMOVAL:
        # it was taken off the gateway while the list was read, or is just being: the list is old
        return
    before = (card.state, card_letters.describe_details(card))
    card.kind = method.kind.value
    # what the gateway names no bank of is shown as what it is
    is_nameless = method.kind is MethodKind.BANK_ACCOUNT and not method.brand
    card.brand = notices.NAMELESS_BANK if is_nameless else method.brand
    card.last_four = method.last_four
    card.expiry_month = method.expiry_month
    card.expiry_year = method.expiry_year
    # seen at the gateway, so it exists, whatever became of an earlier wish to remove it
    card.state = "active"
    card.removed_at = None
    session.add(card)
    if (card.state, card_letters.describe_details(card)) != before:
        _record_details(session, card, *before)
    session.flush()


def _record_details(session: Session, card: SavedCard, state: str | None, details: str) -> None:
    """A new card, or new details of one (its bank gave the client another): tell the client.

    The new details of the card that is charged begin a row of declines anew.
    """
    _let_tell(session, card)
    if state != "active":
        return
    session.flush()
    if card.is_default:
        auto_payment.card_changed(session, card.client_id)
    audit.record(
        session,
        reseller_id=card.reseller_id,
        client_id=card.client_id,
        action="update",
        object_type="saved_card",
        object_id=card.id,
        object_label=notices.describe_card(card),
        changes={"card": (details, card_letters.describe_details(card))},
    )


def _let_tell(session: Session, card: SavedCard) -> None:
    card_letters.mark_untold(card)
    jobs.enqueue(
        session,
        auto_payment.TELL_JOB,
        reseller_id=card.reseller_id,
        client_id=card.client_id,
    )


def _choose_default(session: Session, client_id: int, newest: SavedCard | None) -> None:
    cards = list_cards(session, client_id)
    if not cards:
        return
    row = auto_payment.find_row(session, client_id)
    is_suspended = row is not None and row.suspended_at is not None
    if not cards[0].is_default:
        _make_default(session, newest or cards[0])
    elif newest is not None and is_suspended:
        _make_default(session, newest)


def _make_default(session: Session, card: SavedCard) -> None:
    session.execute(
        update(SavedCard)
        .where(SavedCard.client_id == card.client_id, SavedCard.is_default)
        .values(is_default=False)
    )
    card.is_default = True
    session.flush()
    auto_payment.card_changed(session, card.client_id)


def _mark_removed(session: Session, card: SavedCard) -> None:
    was_default = card.is_default
    card.state = "removed"
    card.is_default = False
    card.removed_at = now()
    # told by the sweep: a removal that the gateway refuses comes back before
    card_letters.mark_untold(card)
    session.flush()
    _audit(session, card, "delete", "card removed")
    rest = list_cards(session, card.client_id)
    if was_default and rest:
        _make_default(session, rest[0])


def _reopen(session: Session, client_id: int, card_id: UUID) -> None:
    _lock_wallets(session, client_id)
    card = session.scalars(
        select(SavedCard).where(SavedCard.id == card_id).execution_options(populate_existing=True)
    ).one()
    card.state = "active"
    card.removed_at = None
    card_letters.mark_untold(card)
    session.flush()
    _choose_default(session, card.client_id, None)


def _audit(session: Session, card: SavedCard, action: str, what: str) -> None:
    audit.record(
        session,
        reseller_id=card.reseller_id,
        client_id=card.client_id,
        action=action,
        object_type="saved_card",
        object_id=card.id,
        object_label=notices.describe_card(card),
        changes={what: (None, card.last_four)},
    )
