"""A gateway's list against ours, both ways. Pure: no database, no clock, no gateway.

What is on its way is looked up and what the bank did is booked: neither is a difference. A
difference is what no rule may decide.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from payments.gateways.answers import (
    GatewayTransaction,
    Outcome,
    TransactionStatus,
    weight_of,
)

# The payment is gone although we gave nothing back.
_GONE = frozenset({TransactionStatus.VOIDED, TransactionStatus.SETTLEMENT_ERROR})
_NEWS = _GONE | {
    TransactionStatus.CHARGEBACK,
    TransactionStatus.CHARGEBACK_REVERSED,
    TransactionStatus.RETURNED,
}


class Kind(StrEnum):
    """What the two lists do not agree about."""

    NOT_OURS = "not_ours"
    NOT_BOOKED = "not_booked"
    SECOND_PAYMENT = "second_payment"
    AMOUNT_DIFFERS = "amount_differs"
    MISSING_AT_GATEWAY = "missing_at_gateway"
    WENT_BACK = "went_back"
    REFUND_NOT_BOOKED = "refund_not_booked"
    REFUND_MISSING = "refund_missing"


@dataclass(frozen=True, slots=True)
class OurCharge:
    """One of our attempts. `credited` is what its refill has on the balance, before refunds."""

    key: str
    gateway_ref: str
    refill_id: UUID
    client_id: int
    state: str
    credited: Decimal
    is_gone: bool
    sent_at: datetime
    is_settled: bool


@dataclass(frozen=True, slots=True)
class OurRefund:
    """One of our refunds; a void has the number of the payment that it voids."""

    id: UUID
    key: str
    gateway_ref: str
    payment_ref: str
    kind: str
    state: str
    refill_id: UUID
    client_id: int
    amount: Decimal
    sent_at: datetime | None


@dataclass(frozen=True, slots=True)
class Difference:
    """One of them; amounts in the account's currency, None: that side has nothing."""

    kind: Kind
    happened_at: datetime
    gateway_ref: str = ""
    original_ref: str = ""
    key: str = ""
    refill_id: UUID | None = None
    client_id: int | None = None
    amount: Decimal | None = None
    our_amount: Decimal | None = None
    status: str = ""


@dataclass(slots=True)
class Comparison:
    """What came of it: besides the differences, what can be put right without anybody."""

    at_gateway: int = 0
    ours: int = 0
    agreed: int = 0
    differences: list[Difference] = field(default_factory=list)
    # keys of attempts to look up, and refunds
    to_look_up: list[str] = field(default_factory=list)
    refunds_to_look_up: list[UUID] = field(default_factory=list)
    settled: list[str] = field(default_factory=list)
    # booked payments of which the gateway says something new, and refunds that bounced
    news: list[tuple[str, GatewayTransaction]] = field(default_factory=list)
    bounced: list[tuple[UUID, GatewayTransaction]] = field(default_factory=list)


def compare(
    listed: Sequence[GatewayTransaction],
    charges: Iterable[OurCharge],
    refunds: Iterable[OurRefund],
    *,
    since: datetime,
    until: datetime,
) -> Comparison:
    """Both ways. Missing at the gateway is only what was sent in the period, not just now."""
    found = Comparison()
    ours = list(charges)
    gone_back = list(refunds)
    by_key = {one.key: one for one in ours}
    by_ref = {one.gateway_ref: one for one in ours if one.gateway_ref}
    # a refund that failed is not marked as one in every gateway's list
    refund_keys = {one.key for one in gone_back}
    for one in listed:
        if one.is_refund or one.key in refund_keys:
            _compare_refund(found, one, gone_back, by_ref, by_key)
        else:
            _compare_charge(found, one, by_key.get(one.key) or by_ref.get(one.gateway_ref))
    refs = {one.gateway_ref for one in listed}
    _find_missing(found, ours, gone_back, refs, since, until)
    return found


def unmatched_refunds(
    listed: Iterable[GatewayTransaction], refunds: Iterable[OurRefund]
) -> list[str]:
    """Refunds of the list that are none of ours and do not say of which payment they are."""
    keys = {one.key for one in refunds} | {one.gateway_ref for one in refunds}
    return [
        one.gateway_ref
        for one in listed
        if one.is_refund
        and not one.original_ref
        and one.key not in keys
        and one.gateway_ref not in keys
        and weight_of(one)
    ]


def _compare_charge(found: Comparison, one: GatewayTransaction, ours: OurCharge | None) -> None:
    outcome = one.to_answer().outcome
    if ours is None:
        if outcome is Outcome.APPROVED:
            found.at_gateway += 1
            found.differences.append(_difference(Kind.NOT_OURS, one))
        return
    if not weight_of(one) and one.status not in _GONE | {TransactionStatus.RETURNED}:
        return
    found.at_gateway += 1
    if ours.state == "succeeded":
        _compare_booked(found, one, ours)
    elif ours.state in ("sending", "unknown", "held"):
        if outcome is Outcome.APPROVED:
            found.to_look_up.append(ours.key)
        found.agreed += 1
    elif outcome is Outcome.APPROVED:
        found.differences.append(_difference(Kind.NOT_BOOKED, one, ours, Decimal(0)))
    else:
        found.agreed += 1


def _compare_booked(found: Comparison, one: GatewayTransaction, ours: OurCharge) -> None:
    if one.gateway_ref != ours.gateway_ref:
        if weight_of(one):
            found.differences.append(_difference(Kind.SECOND_PAYMENT, one, ours, ours.credited))
        else:
            found.agreed += 1
        return
    if one.status in _NEWS:
        found.news.append((ours.key, one))
    if one.status is TransactionStatus.SETTLED and not ours.is_settled:
        found.settled.append(ours.key)
    if one.status in _GONE:
        if ours.is_gone:
            found.agreed += 1
        else:
            found.differences.append(_difference(Kind.WENT_BACK, one, ours, ours.credited))
        return
    if one.amount != ours.credited:
        found.differences.append(_difference(Kind.AMOUNT_DIFFERS, one, ours, ours.credited))
        return
    found.agreed += 1


def _compare_refund(
    found: Comparison,
    one: GatewayTransaction,
    refunds: Sequence[OurRefund],
    by_ref: Mapping[str, OurCharge],
    by_key: Mapping[str, OurCharge],
) -> None:
    ours = _find_refund(one, refunds)
    is_money = one.to_answer().outcome is Outcome.APPROVED
    if ours is None:
        if not is_money:
            return
        found.at_gateway += 1
        charge = by_ref.get(one.original_ref) or by_key.get(one.key)
        kind = Kind.NOT_OURS if charge is None else Kind.REFUND_NOT_BOOKED
        found.differences.append(_difference(kind, one, charge))
        return
    found.at_gateway += 1
    if not is_money:
        if ours.state == "succeeded":
            found.bounced.append((ours.id, one))
        found.agreed += 1
    elif ours.state in ("processing", "unknown"):
        found.refunds_to_look_up.append(ours.id)
        found.agreed += 1
    elif ours.state != "succeeded":
        charge = by_ref.get(ours.payment_ref)
        found.differences.append(_difference(Kind.REFUND_NOT_BOOKED, one, charge))
    elif ours.kind == "refund" and ours.amount != one.amount:
        charge = by_ref.get(ours.payment_ref)
        found.differences.append(_difference(Kind.AMOUNT_DIFFERS, one, charge, ours.amount))
    else:
        found.agreed += 1


def _find_refund(one: GatewayTransaction, refunds: Sequence[OurRefund]) -> OurRefund | None:
    for ours in refunds:
        if ours.kind == "void":
            if one.is_void and one.original_ref and one.original_ref == ours.payment_ref:
                return ours
        elif (one.key and one.key == ours.key) or one.gateway_ref == ours.gateway_ref:
            return ours
    return None


def _find_missing(
    found: Comparison,
    charges: Sequence[OurCharge],
    refunds: Sequence[OurRefund],
    refs: set[str],
    since: datetime,
    until: datetime,
) -> None:
    for one in charges:
        if one.state != "succeeded" or one.sent_at < since:
            continue
        found.ours += 1
        if one.gateway_ref not in refs and one.sent_at <= until:
            found.differences.append(
                Difference(
                    Kind.MISSING_AT_GATEWAY,
                    one.sent_at,
                    gateway_ref=one.gateway_ref,
                    key=one.key,
                    refill_id=one.refill_id,
                    client_id=one.client_id,
                    our_amount=one.credited,
                )
            )
    for refund in refunds:
        if refund.state != "succeeded" or refund.kind != "refund":
            continue
        if refund.sent_at is None or refund.sent_at < since:
            continue
        found.ours += 1
        if refund.gateway_ref not in refs and refund.sent_at <= until:
            found.differences.append(
                Difference(
                    Kind.REFUND_MISSING,
                    refund.sent_at,
                    gateway_ref=refund.gateway_ref,
                    original_ref=refund.payment_ref,
                    key=refund.key,
                    refill_id=refund.refill_id,
                    client_id=refund.client_id,
                    our_amount=refund.amount,
                )
            )


def _difference(
    kind: Kind,
    one: GatewayTransaction,
    charge: OurCharge | None = None,
    our_amount: Decimal | None = None,
) -> Difference:
    return Difference(
        kind,
        one.submitted_at,
        gateway_ref=one.gateway_ref,
        original_ref=one.original_ref,
        key=one.key,
        refill_id=None if charge is None else charge.refill_id,
        client_id=None if charge is None else charge.client_id,
        amount=one.amount,
        our_amount=our_amount,
        status=one.status.value,
    )
