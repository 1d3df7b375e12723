"""Card numbers that the sandbox accepts, and the published triggers of Authorize.net's sandbox.

Source: developer.authorize.net "Testing guide".
"""

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime

TEST_CARDS = {
    "4007000000027": "Visa",
    "4012888818888": "Visa",
    "4111111111111111": "Visa",
    "5424000000000015": "MasterCard",
    "2223000010309703": "MasterCard",
    "2223000010309711": "MasterCard",
    "370000000000002": "AmericanExpress",
    "6011000000000012": "Discover",
    "3088000000000017": "JCB",
    "38000000000006": "DinersClub",
}

# Routing numbers and the banks they lead to, and account numbers that are nobody's.
TEST_BANKS = {
    "021000021": "JPMorgan Chase",
    "011401533": "Wells Fargo",
    "121042882": "Wells Fargo",
}
TEST_ACCOUNTS = frozenset({"123456789", "000123456789", "987654321"})
ACCOUNT_TYPES = ("checking", "savings", "businessChecking")

DECLINE_ZIP = "46282"
# Not published: the real hold comes from fraud filters that a merchant sets up by hand.
HOLD_ZIP = "46290"
# Approved 1.23 of any larger amount.
PARTIAL_ZIP = "46225"
PARTIAL_AMOUNT = "1.23"
# Approved in full, and the balance that is left on the card.
BALANCE_ZIPS = {"46226": "1.23", "46227": "-1.23", "46228": "0.00"}

AVS_ZIPS = {
    "46201": "A", "46203": "E", "46204": "G", "46205": "N", "46206": "P", "46207": "R",
    "46208": "S", "46209": "U", "46211": "W", "46214": "X", "46217": "Z",
}  # fmt: skip
CARD_CODES = {"900": "M", "901": "N", "902": "S", "903": "U", "904": "P"}


@dataclass(frozen=True)
class Card:
    """A card as it is kept: the number itself only as a keyed hash, to recognise duplicates."""

    card_hash: str
    brand: str
    last_four: str
    expiry: str
    first_name: str
    last_name: str
    address: str
    zip: str
    cvv: str = ""
    # Of a bank account: checking, savings or businessChecking. Its bank is the brand, `routing`
    # the last four digits of its routing number, and it has no expiry.
    account_type: str = ""
    routing: str = ""

    @property
    def avs(self) -> str:
        """The address check's result letter."""
        if self.account_type:
            return "P"
        return AVS_ZIPS.get(self.zip, "Y")


def digits_of(number: str) -> str:
    """A typed card number without its spaces and dashes."""
    return re.sub(r"[\s-]", "", number)


def make_card(number: str, expiry: str, code: str, holder: dict[str, str], salt: str) -> Card:
    """A card from what was typed; forgets the number and the code."""
    return Card(
        card_hash=hmac.new(salt.encode(), number.encode(), hashlib.sha256).hexdigest(),
        brand=TEST_CARDS[number],
        last_four=number[-4:],
        expiry=expiry,
        first_name=holder["first_name"],
        last_name=holder["last_name"],
        address=holder["address"],
        zip=holder["zip"],
        cvv=CARD_CODES.get(code, "M") if code else "",
    )


def make_bank_account(
    routing: str, number: str, account_type: str, holder: dict[str, str], salt: str
) -> Card:
    """A bank account from what was typed; forgets its numbers but for the last four of each."""
    whole = f"{routing}|{number}"
    return Card(
        card_hash=hmac.new(salt.encode(), whole.encode(), hashlib.sha256).hexdigest(),
        brand=TEST_BANKS[routing],
        last_four=number[-4:],
        expiry="",
        first_name=holder["first_name"],
        last_name=holder["last_name"],
        address=holder["address"],
        zip=holder["zip"],
        account_type=account_type,
        routing=routing[-4:],
    )


def expiry_problem(year: int, month: int, now: float) -> str:
    """Why an expiry date is not good, or nothing."""
    if not 1 <= month <= 12:
        return "The month must be between 01 and 12."
    today = datetime.fromtimestamp(now, UTC)
    if (year, month) < (today.year, today.month):
        return "This card has expired."
    if year > today.year + 20:
        return "The year is too far ahead."
    return ""


def code_length(number: str) -> int:
    """How many digits the card code has."""
    return 4 if TEST_CARDS.get(number) == "AmericanExpress" else 3
