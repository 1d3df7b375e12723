"""Why a card was declined, in a dozen kinds that are the same for every gateway.

The gateways know some hundred codes; dunning, letters and settings speak of these kinds only.
Sources: docs.stripe.com/declines/codes, developer.authorize.net "Response codes"; the return codes
of bank debits (R01 …) are those of the ACH network.
"""

from collections.abc import Mapping
from enum import StrEnum

from payments.gateways.answers import CONFIRMATION_CODE


class DeclineKind(StrEnum):
    """What a decline means for whoever owns the card."""

    INSUFFICIENT_FUNDS = "insufficient_funds"
    EXPIRED = "expired"
    # never told in these words: the person at the screen may be the thief
    LOST_OR_STOLEN = "lost_or_stolen"
    INVALID_CARD = "invalid_card"
    NOT_SUPPORTED = "not_supported"
    ADDRESS = "address"
    CODE = "code"
    FRAUD_CHECKS = "fraud_checks"
    CALL_BANK = "call_bank"
    NOT_CONFIRMED = "not_confirmed"
    BANK_TROUBLE = "bank_trouble"
    # of bank accounts
    ACCOUNT_CLOSED = "account_closed"
    DEBIT_REFUSED = "debit_refused"
    OTHER = "other"


HARD_KINDS = frozenset(
    {
        DeclineKind.EXPIRED,
        DeclineKind.LOST_OR_STOLEN,
        DeclineKind.INVALID_CARD,
        DeclineKind.NOT_SUPPORTED,
        DeclineKind.ACCOUNT_CLOSED,
        DeclineKind.DEBIT_REFUSED,
    }
)
"""The card or account itself is the reason: card networks and banks forbid to try it again."""

_K = DeclineKind
_CODES: Mapping[str, Mapping[DeclineKind, str]] = {
    "authorizenet": {
        _K.EXPIRED: "8 317",
        _K.LOST_OR_STOLEN: "4",
        _K.INVALID_CARD: "6 7 37 200 315 316",
        _K.NOT_SUPPORTED: "17 28",
        _K.ADDRESS: "27",
        _K.CODE: "44 45 65 165",
        _K.FRAUD_CHECKS: "41 250 251 254",
        _K.CALL_BANK: "3",
        _K.INSUFFICIENT_FUNDS: "R01 R09",
        _K.ACCOUNT_CLOSED: "R02 R03 R04 R12 R13 R14 R15 R16 R17 R20 R28",
        _K.DEBIT_REFUSED: "R05 R07 R08 R10 R11 R29 R31",
    },
    "stripe": {
        _K.INSUFFICIENT_FUNDS: (
            "insufficient_funds card_velocity_exceeded withdrawal_count_limit_exceeded"
        ),
        _K.EXPIRED: "expired_card",
        _K.LOST_OR_STOLEN: "lost_card stolen_card pickup_card restricted_card",
        _K.INVALID_CARD: (
            "incorrect_number invalid_number invalid_account invalid_expiry_month"
            " invalid_expiry_year new_account_information_available revocation_of_authorization"
            " revocation_of_all_authorizations"
        ),
        _K.NOT_SUPPORTED: "card_not_supported currency_not_supported",
        _K.ADDRESS: "incorrect_address incorrect_zip",
        _K.CODE: "incorrect_cvc invalid_cvc",
        _K.FRAUD_CHECKS: "fraudulent merchant_blacklist",
        _K.CALL_BANK: "call_issuer",
        _K.NOT_CONFIRMED: f"{CONFIRMATION_CODE} payment_intent_authentication_failure",
        _K.BANK_TROUBLE: (
            "processing_error issuer_not_available try_again_later reenter_transaction"
            " could_not_process"
        ),
        _K.ACCOUNT_CLOSED: (
            "account_closed no_account invalid_account_number bank_account_restricted"
            " bank_ownership_changed"
        ),
        _K.DEBIT_REFUSED: "debit_not_authorized",
    },
}
_KINDS = {
    gateway: {code: kind for kind, codes in kinds.items() for code in codes.split()}
    for gateway, kinds in _CODES.items()
}


def kind_of(gateway: str, code: str) -> DeclineKind:
    """The kind of a gateway's reason code; OTHER for one that says nothing to us."""
    return _KINDS.get(gateway, {}).get(code, DeclineKind.OTHER)
