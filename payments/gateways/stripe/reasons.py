"""Stripe's error and decline codes in words for the person whose card or bank account it is.

Source: docs.stripe.com/declines/codes, docs.stripe.com/payments/ach-direct-debit. Codes that
are not here are told as a plain decline.
"""

from payments.gateways.answers import CLEARING_CODE, CONFIRMATION_CODE, MethodKind
from payments.gateways.bank_returns import WORDS as BANK_WORDS

_DECLINED = "The bank declined the card."
_REASONS = {
    CONFIRMATION_CODE: "The bank wants the owner of the card to confirm this payment.",
    "payment_intent_authentication_failure": "The payment was not confirmed at the bank.",
    "call_issuer": "The bank wants to be called before it accepts this card.",
    "card_not_supported": "This kind of card is not accepted.",
    "currency_not_supported": "This kind of card is not accepted.",
    "expired_card": "The card has expired.",
    "fraudulent": "The payment was declined by the fraud checks.",
    "incorrect_address": "The billing address does not match the card.",
    "incorrect_cvc": "The card code does not match.",
    "incorrect_number": "The card number is not valid.",
    "incorrect_zip": "The billing address does not match the card.",
    "insufficient_funds": "The card does not cover the amount.",
    "invalid_cvc": "The card code does not match.",
    "invalid_expiry_month": "The card's expiry date is not valid.",
    "invalid_expiry_year": "The card's expiry date is not valid.",
    "invalid_number": "The card number is not valid.",
    "merchant_blacklist": "The payment was declined by the fraud checks.",
    "processing_error": "The bank could not process the payment.",
}

_NOT_PAID = BANK_WORDS.not_paid
# What Stripe makes of the return codes of the ACH network.
_BANK_REASONS = {
    CLEARING_CODE: BANK_WORDS.clearing,
    "account_closed": BANK_WORDS.closed,
    "bank_account_restricted": BANK_WORDS.closed,
    "bank_ownership_changed": BANK_WORDS.closed,
    "debit_not_authorized": BANK_WORDS.not_agreed,
    "insufficient_funds": BANK_WORDS.no_funds,
    "invalid_account_number": BANK_WORDS.unknown,
    "no_account": BANK_WORDS.unknown,
    "payment_method_unexpected_state": BANK_WORDS.closed,
}

# The card itself is the reason: trying it again cannot help.
_HARD = frozenset(
    {
        "account_closed",
        "bank_account_restricted",
        "bank_ownership_changed",
        "debit_not_authorized",
        "invalid_account_number",
        "no_account",
        "card_not_supported",
        "currency_not_supported",
        "expired_card",
        "fraudulent",
        "incorrect_number",
        "invalid_account",
        "invalid_number",
        "lost_card",
        "new_account_information_available",
        "pickup_card",
        "restricted_card",
        "revocation_of_all_authorizations",
        "revocation_of_authorization",
        "stolen_card",
    }
)


def describe(code: str, kind: MethodKind = MethodKind.CARD) -> str:
    """Plain English for a code; never more than that, for `stolen_card` is not for the client."""
    if kind is MethodKind.BANK_ACCOUNT:
        return str(_BANK_REASONS.get(code) or _NOT_PAID)
    return _REASONS.get(code, _DECLINED)


def is_hard(code: str) -> bool:
    """Whether the same card or bank account can never succeed."""
    return code in _HARD
