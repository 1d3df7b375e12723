"""What a gateway says about money, in our words."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

# The code of a PENDING answer that waits for the client: its bank wants it to confirm the payment.
CONFIRMATION_CODE = "authentication_required"
# The code of a PENDING answer that waits for the client's bank: a debit takes days to be paid.
CLEARING_CODE = "bank_clearing"


class MethodKind(StrEnum):
    """What a client pays with."""

    CARD = "card"
    # of a US bank, debited through ACH
    BANK_ACCOUNT = "bank_account"


class Outcome(StrEnum):
    """How a request that moves money ended."""

    # `approved_amount` tells how much: a partial approval has less than was asked for.
    APPROVED = "approved"
    # Held for review: not captured yet, decided later.
    PENDING = "pending"
    DECLINED = "declined"
    # Certainly nothing charged: no byte of the request left us.
    NOT_SENT = "not_sent"
    # Certainly nothing charged: the gateway refused to process the request.
    REFUSED = "refused"
    # Perhaps charged, perhaps not: look it up.
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class ChargeAnswer:
    """The gateway's answer to a charge, release, void or refund."""

    outcome: Outcome
    gateway_ref: str = ""
    # What was taken (or given back); zero unless APPROVED, the amount in question when PENDING.
    approved_amount: Decimal = Decimal(0)
    network_transaction_id: str = ""
    # The gateway's own reason code, and that reason in plain English for people.
    code: str = ""
    text: str = ""
    # The card will not work later either: do not try it again without a new card.
    is_hard_decline: bool = False
    # The gateway had this request already; the answer tells of that first transaction.
    is_duplicate: bool = False
    # What may be stored of the answer: no card number, no secret.
    raw: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_final(self) -> bool:
        """Whether the outcome can no longer change."""
        return self.outcome not in (Outcome.PENDING, Outcome.UNKNOWN)


class TransactionStatus(StrEnum):
    """Where a transaction stands at the gateway."""

    AUTHORIZED = "authorized"
    # Partly approved; the approved part is taken only when we release it.
    AWAITING_RELEASE = "awaiting_release"
    CAPTURED = "captured"
    SETTLED = "settled"
    HELD = "held"
    # The bank wants the client itself to confirm; nothing is taken until it does.
    ACTION_REQUIRED = "action_required"
    # A debit of a bank account that the gateway has accepted and the bank has not paid yet.
    CLEARING = "clearing"
    DECLINED = "declined"
    VOIDED = "voided"
    EXPIRED = "expired"
    FAILED = "failed"
    SETTLEMENT_ERROR = "settlement_error"
    REFUND_PENDING = "refund_pending"
    REFUNDED = "refunded"
    CHARGEBACK = "chargeback"
    CHARGEBACK_REVERSED = "chargeback_reversed"
    # The client's bank did not pay a debit, or took it back after it had.
    RETURNED = "returned"
    # A status that this version does not know; a person must look.
    UNRECOGNISED = "unrecognised"


_OUTCOMES = {
    TransactionStatus.AUTHORIZED: Outcome.PENDING,
    TransactionStatus.AWAITING_RELEASE: Outcome.PENDING,
    TransactionStatus.HELD: Outcome.PENDING,
    TransactionStatus.ACTION_REQUIRED: Outcome.PENDING,
    TransactionStatus.CLEARING: Outcome.PENDING,
    TransactionStatus.CAPTURED: Outcome.APPROVED,
    TransactionStatus.SETTLED: Outcome.APPROVED,
    TransactionStatus.REFUND_PENDING: Outcome.APPROVED,
    TransactionStatus.REFUNDED: Outcome.APPROVED,
    # The money did come in; that it went back is a later event with its own posting.
    TransactionStatus.CHARGEBACK: Outcome.APPROVED,
    TransactionStatus.CHARGEBACK_REVERSED: Outcome.APPROVED,
    TransactionStatus.DECLINED: Outcome.DECLINED,
    # What was booked before it is taken back by its own posting, as after a void.
    TransactionStatus.RETURNED: Outcome.DECLINED,
    TransactionStatus.VOIDED: Outcome.DECLINED,
    TransactionStatus.EXPIRED: Outcome.DECLINED,
    TransactionStatus.FAILED: Outcome.DECLINED,
    TransactionStatus.SETTLEMENT_ERROR: Outcome.UNKNOWN,
    TransactionStatus.UNRECOGNISED: Outcome.UNKNOWN,
}


@dataclass(frozen=True, kw_only=True)
class GatewayTransaction:
    """One transaction as the gateway tells of it now."""

    gateway_ref: str
    key: str
    status: TransactionStatus
    amount: Decimal
    requested_amount: Decimal
    submitted_at: datetime
    is_refund: bool = False
    # A refund by which a whole payment was voided, at a gateway that knows no voids.
    is_void: bool = False
    original_ref: str = ""
    customer_ref: str = ""
    payment_profile_ref: str = ""
    method: MethodKind = MethodKind.CARD
    brand: str = ""
    last_four: str = ""
    network_transaction_id: str = ""
    code: str = ""
    text: str = ""
    is_hard_decline: bool = False
    # Of a CHARGEBACK: what the bank holds back. Zero: it does not say.
    disputed_amount: Decimal = Decimal(0)
    # Names the group of a partial approval; what `Gateway.release` needs.
    split_ref: str = ""
    raw: Mapping[str, Any] = field(default_factory=dict)

    def to_answer(self, *, is_duplicate: bool = False) -> ChargeAnswer:
        """The same news in the words of the answer to a charge."""
        outcome = _OUTCOMES[self.status]
        has_amount = outcome in (Outcome.APPROVED, Outcome.PENDING)
        return ChargeAnswer(
            outcome=outcome,
            gateway_ref=self.gateway_ref,
            approved_amount=self.amount if has_amount else Decimal(0),
            network_transaction_id=self.network_transaction_id,
            code=self.code,
            text=self.text,
            is_hard_decline=self.is_hard_decline,
            is_duplicate=is_duplicate,
            raw=self.raw,
        )


class LookupResult(StrEnum):
    FOUND = "found"
    # Every list was read to its end and the key is in none.
    NOT_FOUND = "not_found"
    # Some list could not be read: this proves nothing.
    CANNOT_TELL = "cannot_tell"


# Of several transactions with one key the one that took money counts, else the one that may.
_WEIGHT = {Outcome.APPROVED: 3, Outcome.PENDING: 2, Outcome.UNKNOWN: 1}


def weight_of(transaction: GatewayTransaction) -> int:
    """How much a charge speaks for money that moved: 0 for one that certainly took none."""
    return _WEIGHT.get(transaction.to_answer().outcome, 0)


@dataclass(frozen=True)
class Lookup:
    """What a search by key found; money given back under the same key is among `refunds` only."""

    result: LookupResult
    charges: tuple[GatewayTransaction, ...] = ()
    refunds: tuple[GatewayTransaction, ...] = ()
    text: str = ""

    @property
    def deciding(self) -> GatewayTransaction | None:
        """The charge that decides; None if there is none.

        What took money comes before what may have, and of equals the first: however often one
        looks, it is the same. Of charges that took nothing it is the last.
        """
        if not self.moving:
            return max(self.charges, key=_age, default=None)
        heaviest = max(map(weight_of, self.moving))
        return min((one for one in self.moving if weight_of(one) == heaviest), key=_age)

    @property
    def moving(self) -> list[GatewayTransaction]:
        """The charges that took money or may have; more than one: the client paid twice."""
        return [one for one in self.charges if weight_of(one)]


def _age(transaction: GatewayTransaction) -> tuple[datetime, str]:
    return transaction.submitted_at, transaction.gateway_ref
