"""Authorize.net's response reason codes in words for the person whose card it is.

Source: developer.authorize.net "Response codes". Codes that are not here keep the gateway's text.
"""

from mail.letter_catalogue import Words
from payments.gateways import bank_returns
from payments.gateways.answers import CLEARING_CODE

DUPLICATE = "11"
PARTLY_APPROVED = "295"
# Of the whole answer, not of a transaction: "an error occurred", "too busy", "in maintenance".
# They say nothing about what was asked.
TRY_LATER = frozenset({"E00001", "E00053", "E00104"})

_REASONS = {
    "2": Words("The bank declined the card."),
    "3": Words("The bank wants to be called before it accepts this card."),
    "4": Words("The bank declined the card."),
    "6": Words("The card number is not valid."),
    "7": Words("The card's expiry date is not valid."),
    "8": Words("The card has expired."),
    "17": Words("This kind of card is not accepted."),
    "27": Words("The billing address does not match the card."),
    "28": Words("This kind of card is not accepted."),
    "37": Words("The card number is not valid."),
    "41": Words("The payment was declined by the fraud checks."),
    "44": Words("The card code does not match."),
    "45": Words("The card code and the billing address do not match."),
    "65": Words("The card code does not match."),
    "165": Words("The card code does not match."),
    "200": Words("The card number is not valid."),
    "250": Words("The payment was declined by the fraud checks."),
    "251": Words("The payment was declined by the fraud checks."),
    "252": Words("The payment is held for review."),
    "253": Words("The payment is held for review."),
    "254": Words("The payment was declined after a review."),
    "295": Words("The card covers only a part of the amount."),
    "315": Words("The card number is not valid."),
    "316": Words("The card's expiry date is not valid."),
    "317": Words("The card has expired."),
    CLEARING_CODE: bank_returns.WORDS.clearing,
}

# The card itself is the reason: trying it again cannot help.
_HARD = frozenset({"4", "6", "8", "17", "28", "37", "200", "315", "317"})


def describe(code: str, gateway_text: str) -> str:
    """Plain English for a reason code; the screens translate it."""
    if _is_return(code):
        return bank_returns.describe(code)
    return str(_REASONS.get(code, gateway_text))


def is_hard(code: str) -> bool:
    """Whether the same card or bank account can never succeed."""
    return bank_returns.is_hard(code) if _is_return(code) else code in _HARD


def describe_bank(code: str, gateway_text: str) -> str:
    """As `describe`, of a bank account that the gateway declined at once: `2` names a card."""
    return str(bank_returns.WORDS.not_paid) if code == "2" else describe(code, gateway_text)


def _is_return(code: str) -> bool:
    """Whether it is a return code of the bank network, such as R01."""
    return code.startswith("R") and code[1:].isdigit()
