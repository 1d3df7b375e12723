"""Why a bank did not pay a debit, or took it back: the ACH network's return codes, in words.

Source: the Nacha operating rules, "Return Reason Codes". Authorize.net tells the codes themselves,
Stripe its own names for them; both say the same to the client.
"""

from dataclasses import dataclass

from mail.letter_catalogue import Words


@dataclass(frozen=True, slots=True)
class _Words:
    """What is said of a debit, whatever the gateway."""

    clearing: str = Words("The bank is paying; this takes some business days.")
    not_paid: str = Words("The bank did not pay.")
    no_funds: str = Words("The bank account does not cover the amount.")
    closed: str = Words("The bank account cannot be debited any more.")
    unknown: str = Words("The bank does not know this account.")
    not_agreed: str = Words("The owner of the bank account did not agree to the payment.")


WORDS = _Words()

_REASONS = {
    WORDS.no_funds: "R01 R09",
    WORDS.closed: "R02 R12 R14 R15 R16 R17 R20",
    WORDS.unknown: "R03 R04 R13 R28",
    WORDS.not_agreed: "R05 R07 R08 R10 R11 R29 R31",
}
_WORDS_OF = {code: words for words, codes in _REASONS.items() for code in codes.split()}
_SOFT = frozenset({"R01", "R09"})


def describe(code: str) -> str:
    """Plain English for a return code."""
    return str(_WORDS_OF.get(code, WORDS.not_paid))


def is_hard(code: str) -> bool:
    """Whether the account must not be debited again without its owner."""
    return code in _WORDS_OF and code not in _SOFT
