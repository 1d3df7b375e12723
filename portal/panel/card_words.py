"""How a saved card or bank account is named, and whether it can still be used."""

from datetime import date

from flask_babel import gettext as _

from payments.gateways.base import MethodKind
from payments.models import SavedCard
from payments.notices import NAMELESS_BANK

# as the gateway writes them, and as their owners do
_BRANDS = {
    "AmericanExpress": "American Express",
    "DinersClub": "Diners Club",
    "MasterCard": "Mastercard",
}


def is_bank(card: SavedCard) -> bool:
    """Whether it is a bank account."""
    return card.kind == MethodKind.BANK_ACCOUNT


def brand_name(card: SavedCard) -> str:
    """The card's brand as people know it, or the bank; "Card" when the gateway named none."""
    if card.brand == NAMELESS_BANK:
        return str(_("Bank account"))
    return _BRANDS.get(card.brand, card.brand) or str(_("Card"))


def card_name(card: SavedCard) -> str:
    """`Visa ending 1111`."""
    return str(_("%(brand)s ending %(digits)s", brand=brand_name(card), digits=card.last_four))


def is_expired(card: SavedCard, day: date) -> bool:
    """A card can be used until the last day of its month; without a known month, always."""
    if card.expiry_year is None or card.expiry_month is None:
        return False
    return (card.expiry_year, card.expiry_month) < (day.year, day.month)


def expiry_text(card: SavedCard, day: date) -> str:
    """`Expires 09/2031`, or that it has expired; empty when nobody knows."""
    if card.expiry_year is None or card.expiry_month is None:
        return ""
    at = f"{card.expiry_month:02d}/{card.expiry_year}"
    words = _("Expired %(at)s", at=at) if is_expired(card, day) else _("Expires %(at)s", at=at)
    return str(words)
