"""What Stripe's objects say, in our words. They come as plain dicts."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from payments.gateways.base import (
    CLEARING_CODE,
    CONFIRMATION_CODE,
    AccountInfo,
    GatewayTransaction,
    MethodKind,
    SavedMethod,
    TransactionStatus,
)
from payments.gateways.stripe import reasons
from payments.gateways.stripe.amounts import from_smallest

Json = Mapping[str, Any]

# What an intent has to be asked with for `read_intent`.
EXPANDED = ("latest_charge.balance_transaction", "latest_charge.refunds")
# The key of our attempt, among an object's metadata.
KEY_NAME = "attempt"
# What the library calls what a client pays with.
TYPES = {MethodKind.CARD: "card", MethodKind.BANK_ACCOUNT: "us_bank_account"}
# A refund with this mark takes back a whole payment.
VOID_MARK = "void"

# The brands as they are named for the cards of the other gateway.
_BRANDS = {
    "amex": "AmericanExpress",
    "diners": "DinersClub",
    "discover": "Discover",
    "jcb": "JCB",
    "mastercard": "MasterCard",
    "unionpay": "UnionPay",
    "visa": "Visa",
}
_STATUSES = {
    "processing": TransactionStatus.HELD,
    "requires_action": TransactionStatus.ACTION_REQUIRED,
    "requires_capture": TransactionStatus.AUTHORIZED,
    "canceled": TransactionStatus.VOIDED,
}
_REFUND_STATUSES = {
    "succeeded": TransactionStatus.REFUNDED,
    "pending": TransactionStatus.REFUND_PENDING,
    "requires_action": TransactionStatus.REFUND_PENDING,
    "failed": TransactionStatus.FAILED,
    "canceled": TransactionStatus.FAILED,
}


def read_intent(intent: Json) -> GatewayTransaction:
    """The transaction of a PaymentIntent, expanded as EXPANDED says."""
    charge = _part(intent, "latest_charge")
    kind = _kind_of(intent)
    paid_with = _part(_part(charge, "payment_method_details"), TYPES[kind])
    error = _part(intent, "last_payment_error")
    status = _status(intent, charge, error)
    code = ""
    if status is TransactionStatus.HELD and kind is MethodKind.BANK_ACCOUNT:
        status, code = TransactionStatus.CLEARING, CLEARING_CODE
    elif status is TransactionStatus.ACTION_REQUIRED:
        code = CONFIRMATION_CODE
    elif status is TransactionStatus.DECLINED:
        code = code_of(error)
    currency = str(intent["currency"])
    taken = intent["status"] == "succeeded"
    return GatewayTransaction(
        gateway_ref=str(intent["id"]),
        key=str(_part(intent, "metadata").get(KEY_NAME, "")),
        status=status,
        amount=from_smallest(intent["amount_received" if taken else "amount"], currency),
        requested_amount=from_smallest(intent["amount"], currency),
        submitted_at=datetime.fromtimestamp(intent["created"], UTC),
        customer_ref=str(intent.get("customer") or ""),
        payment_profile_ref=str(intent.get("payment_method") or ""),
        method=kind,
        brand=_name_of(kind, paid_with),
        last_four=str(paid_with.get("last4") or ""),
        network_transaction_id=str(paid_with.get("network_transaction_id") or ""),
        code=code,
        text=reasons.describe(code, kind) if code else _text(status),
        is_hard_decline=reasons.is_hard(code),
        raw={
            "status": str(intent["status"]),
            "charge": str(charge.get("id", "")),
            "reason": code,
        },
    )


def read_refund(refund: Json) -> GatewayTransaction:
    """The transaction of a refund."""
    amount = from_smallest(refund["amount"], str(refund["currency"]))
    return GatewayTransaction(
        gateway_ref=str(refund["id"]),
        key=str(_part(refund, "metadata").get(KEY_NAME, "")),
        status=_REFUND_STATUSES.get(str(refund["status"]), TransactionStatus.UNRECOGNISED),
        amount=amount,
        requested_amount=amount,
        submitted_at=datetime.fromtimestamp(refund["created"], UTC),
        is_refund=True,
        is_void=bool(_part(refund, "metadata").get(VOID_MARK)),
        original_ref=str(refund.get("payment_intent") or ""),
        raw={"status": str(refund["status"]), "charge": str(refund.get("charge") or "")},
    )


def with_disputes(payment: GatewayTransaction, disputes: Sequence[Json]) -> GatewayTransaction:
    """A disputed payment with what its disputes have come to; an inquiry moves no money."""
    money = [one for one in disputes if not str(one["status"]).startswith("warning_")]
    taken = [one for one in money if one["status"] not in ("won", "prevented")]
    if taken:
        amount = sum(from_smallest(one["amount"], str(one["currency"])) for one in taken)
        return replace(payment, disputed_amount=Decimal(amount))
    if money:
        return replace(payment, status=TransactionStatus.CHARGEBACK_REVERSED)
    if disputes:
        return replace(payment, status=TransactionStatus.CAPTURED)
    return payment


def read_method(method: Json) -> SavedMethod:
    """A saved card or bank account."""
    is_bank = method.get("type") == TYPES[MethodKind.BANK_ACCOUNT]
    kind = MethodKind.BANK_ACCOUNT if is_bank else MethodKind.CARD
    told = _part(method, TYPES[kind])
    return SavedMethod(
        payment_profile_ref=str(method["id"]),
        brand=_name_of(kind, told),
        last_four=str(told.get("last4") or ""),
        expiry_year=told.get("exp_year"),
        expiry_month=told.get("exp_month"),
        kind=kind,
    )


def read_account(
    account: Json, currencies: tuple[str, ...], *, test_mode: bool, reports_enabled: bool
) -> AccountInfo:
    """The account behind a key."""
    name = _part(account, "business_profile").get("name") or _part(
        _part(account, "settings"), "dashboard"
    ).get("display_name")
    return AccountInfo(
        name=str(name or account["id"]),
        currencies=currencies,
        reports_enabled=reports_enabled,
        test_mode=test_mode,
    )


def code_of(error: Json) -> str:
    """The most telling code of an error: why the bank declined, else what kind of error it is."""
    decline = str(error.get("decline_code") or "")
    return str(error.get("code") or "") if decline in ("", "generic_decline") else decline


def brand_of(card: Json) -> str:
    """The brand as we keep it."""
    brand = str(card.get("brand") or "")
    return _BRANDS.get(brand, "" if brand == "unknown" else brand.replace("_", " ").title())


def _kind_of(intent: Json) -> MethodKind:
    """A charge of ours names the one kind that it is about."""
    is_bank = TYPES[MethodKind.BANK_ACCOUNT] in (intent.get("payment_method_types") or [])
    return MethodKind.BANK_ACCOUNT if is_bank else MethodKind.CARD


def _name_of(kind: MethodKind, told: Json) -> str:
    if kind is MethodKind.BANK_ACCOUNT:
        return str(told.get("bank_name") or "")
    return brand_of(told)


def amount_of(intent: Json) -> Decimal:
    """What an intent is about."""
    return from_smallest(intent["amount"], str(intent["currency"]))


def _status(intent: Json, charge: Json, error: Json) -> TransactionStatus:
    name = str(intent["status"])
    if name == "succeeded":
        return _status_of_money(charge)
    if name in ("requires_payment_method", "requires_confirmation"):
        # nothing is taken; without our key nobody can confirm it either
        if error.get("code") == CONFIRMATION_CODE:
            return TransactionStatus.ACTION_REQUIRED
        return TransactionStatus.DECLINED if error else TransactionStatus.FAILED
    return _STATUSES.get(name, TransactionStatus.UNRECOGNISED)


def _status_of_money(charge: Json) -> TransactionStatus:
    if charge.get("disputed"):
        return TransactionStatus.CHARGEBACK
    if charge.get("refunded"):
        refunds = _part(charge, "refunds").get("data", [])
        is_void = any(_part(one, "metadata").get(VOID_MARK) for one in refunds)
        return TransactionStatus.VOIDED if is_void else TransactionStatus.REFUNDED
    is_settled = _part(charge, "balance_transaction").get("status") == "available"
    return TransactionStatus.SETTLED if is_settled else TransactionStatus.CAPTURED


def _text(status: TransactionStatus) -> str:
    return "The payment is held for review." if status is TransactionStatus.HELD else ""


def _part(whole: Json, name: str) -> Json:
    """A nested object; empty when it is absent or only named by its id."""
    part = whole.get(name)
    return part if isinstance(part, Mapping) else {}
