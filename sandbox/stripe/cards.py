"""Stripe's published test cards and what each of them does. Source: docs.stripe.com/testing."""

from dataclasses import dataclass


@dataclass(frozen=True)
class TestCard:
    """`behaviour`: good, authenticate_unless_set_up, always_authenticate, disputed, or a code.

    A code such as `insufficient_funds` is why every charge of the card is declined.
    """

    brand: str
    behaviour: str = "good"
    # also when it is only saved
    is_refused_at_once: bool = False


TEST_CARDS = {
    "4242424242424242": TestCard("visa"),
    "4000056655665556": TestCard("visa"),
    "5555555555554444": TestCard("mastercard"),
    "2223003122003222": TestCard("mastercard"),
    "378282246310005": TestCard("amex"),
    "6011111111111117": TestCard("discover"),
    "3056930009020004": TestCard("diners"),
    "3566002020360505": TestCard("jcb"),
    "6200000000000005": TestCard("unionpay"),
    "4000002500003155": TestCard("visa", "authenticate_unless_set_up"),
    "4000002760003184": TestCard("visa", "always_authenticate"),
    "4000000000000341": TestCard("visa", "generic_decline"),
    "4000000000000259": TestCard("visa", "disputed"),
    "4000000000000002": TestCard("visa", "generic_decline", is_refused_at_once=True),
    "4000000000009995": TestCard("visa", "insufficient_funds", is_refused_at_once=True),
    "4000000000009987": TestCard("visa", "lost_card", is_refused_at_once=True),
    "4000000000009979": TestCard("visa", "stolen_card", is_refused_at_once=True),
    "4000000000000069": TestCard("visa", "expired_card", is_refused_at_once=True),
    "4000000000000127": TestCard("visa", "incorrect_cvc", is_refused_at_once=True),
    "4000000000000119": TestCard("visa", "processing_error", is_refused_at_once=True),
}


@dataclass(frozen=True)
class TestAccount:
    """A test bank account; `behaviour`: good, or why its bank does not pay."""

    behaviour: str = "good"


# docs.stripe.com/payments/ach-direct-debit, "Test account numbers"; all with this routing number.
TEST_ROUTING = "110000000"
TEST_BANK = "STRIPE TEST BANK"
TEST_ACCOUNTS = {
    "000123456789": TestAccount(),
    "000111111113": TestAccount("account_closed"),
    "000222222227": TestAccount("insufficient_funds"),
    "000333333335": TestAccount("debit_not_authorized"),
    "000111111116": TestAccount("no_account"),
    "000888888883": TestAccount("disputed"),
}

# The error's code; every other behaviour is the decline code of a `card_declined`.
_CODES = frozenset({"expired_card", "incorrect_cvc", "processing_error", "authentication_required"})
_MESSAGES = {
    "expired_card": "Your card has expired.",
    "incorrect_cvc": "Your card's security code is incorrect.",
    "insufficient_funds": "Your card has insufficient funds.",
    "processing_error": "An error occurred while processing your card. Try again in a little bit.",
    "authentication_required": "Your card was declined. This transaction requires authentication.",
    "payment_intent_authentication_failure": (
        "We are unable to authenticate your payment method. Please choose a different payment"
        " method and try again."
    ),
}


def digits_of(text: str) -> str:
    """A typed card number without its spaces."""
    return "".join(character for character in text if character.isdigit())


def bank_error_of(behaviour: str) -> dict[str, str]:
    """What Stripe's error says of a debit that the bank did not pay."""
    message = "The customer's bank account could not be debited."
    return {"type": "invalid_request_error", "code": behaviour, "message": message}


def error_of(behaviour: str) -> dict[str, str]:
    """What Stripe's error says of a declined card."""
    message = _MESSAGES.get(behaviour, "Your card was declined.")
    error = {"type": "card_error", "code": "card_declined", "message": message}
    if behaviour in _CODES or behaviour == "payment_intent_authentication_failure":
        error["code"] = behaviour
    if behaviour not in ("expired_card", "incorrect_cvc", "processing_error"):
        error["decline_code"] = behaviour
    return error
