"""What the cards screen reads."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from core.db import Session
from core.errors import NotFoundError
from payments import auto_payment, gateway_accounts, saved_cards
from payments.models import GatewayAccount, SavedCard
from portal.panel.me import Me, my_id, read_me


@dataclass(frozen=True, slots=True)
class Wallet:
    """The client's cards, the default first. `account` None: no card can be added."""

    me: Me
    account: GatewayAccount | None
    cards: Sequence[SavedCard]
    has_auto_payment: bool
    is_suspended: bool
    is_disputed: bool

    def is_usable_here(self, card: SavedCard) -> bool:
        """Whether the gateway that keeps the card still takes the client's payments."""
        return self.account is not None and card.gateway_account_id == self.account.id

    @property
    def takes_banks(self) -> bool:
        """Whether a bank account can be added, and those that are saved can be paid from."""
        return self.account is not None and self.account.bank_accounts


def read_wallet(session: Session) -> Wallet:
    me = read_me(session)
    row = auto_payment.find_row(session, me.id)
    is_suspended = row is not None and row.enabled and row.suspended_at is not None
    return Wallet(
        me,
        gateway_accounts.find_account(session, reseller_id=me.reseller_id, currency=me.currency),
        saved_cards.list_cards(session, me.id),
        row is not None and row.enabled,
        is_suspended,
        is_suspended and row is not None and row.suspended_reason == auto_payment.DISPUTED,
    )


def get_any_card(session: Session, card_id: UUID) -> SavedCard:
    """A card of the client, also a removed one; raises NotFoundError."""
    card = session.scalar(
        select(SavedCard).where(SavedCard.id == card_id, SavedCard.client_id == my_id())
    )
    if card is None:
        raise NotFoundError("Card not found.")
    return card
