"""What can be done with a transaction that exists: capture, void, refund."""

import secrets
from decimal import Decimal
from sqlite3 import Row

from sandbox.authorizenet.document import Call, amount_of
from sandbox.authorizenet.duplicates import (
    find_original,
    fingerprint_of,
    read_settings,
    read_window,
)
from sandbox.authorizenet.results import Event, Refusal, payment_event

_VOIDABLE = frozenset({
    "authorizedPendingCapture", "authorizedPendingRelease", "capturedPendingSettlement",
    "refundPendingSettlement", "FDSAuthorizedPendingReview",
})  # fmt: skip
_BASE = "transactionRequest"


def capture(call: Call) -> tuple[Row, Event | None]:
    """priorAuthCapture, of an authorisation or of a group of partial approvals."""
    if call.text(f"{_BASE}/splitTenderId"):
        row = _mine(call, "split_tender_id", call.number(f"{_BASE}/splitTenderId"))
        amount = Decimal(row["authorized"])
    else:
        row = _mine(call, "id", call.number(f"{_BASE}/refTransId"))
        text = call.text(f"{_BASE}/amount")
        amount = amount_of(text) if text else Decimal(row["authorized"])
    if row["status"] == "capturedPendingSettlement":
        return row, None
    if row["status"] not in ("authorizedPendingCapture", "authorizedPendingRelease"):
        raise Refusal("16")
    if not 0 < amount <= Decimal(row["authorized"]):
        raise Refusal("47")
    call.store.update(
        "transactions", row["id"], status="capturedPendingSettlement", response_code="1",
        settle=str(amount),
    )  # fmt: skip
    changed = _mine(call, "id", row["id"])
    return changed, payment_event("net.authorize.payment.priorAuthCapture.created", changed)


def void(call: Call) -> tuple[Row, Event | None]:
    """Cancel what is not settled. A second void is told as approved, without doing anything."""
    row = _mine(call, "id", call.number(f"{_BASE}/refTransId"))
    if row["status"] == "voided":
        return row, None
    if row["status"] not in _VOIDABLE:
        raise Refusal("16")
    call.store.update("transactions", row["id"], status="voided", response_code="1", settle="0.00")
    changed = _mine(call, "id", row["id"])
    return changed, payment_event("net.authorize.payment.void.created", changed)


def refund(call: Call) -> tuple[Row, Event | None]:
    """Give back a part or all of a settled transaction, once per duplicate window."""
    row = _mine(call, "id", call.number(f"{_BASE}/refTransId"))
    amount = amount_of(call.required(f"{_BASE}/amount"))
    if amount <= 0:
        raise Refusal("5")
    number = "bankAccount/accountNumber" if row["account_type"] else "creditCard/cardNumber"
    last_four = call.required(f"{_BASE}/payment/{number}")[-4:]
    invoice = call.limited(f"{_BASE}/order/invoiceNumber", 20)
    window_s = read_window(read_settings(call.request, f"{_BASE}/transactionSettings"))
    compared = [call.merchant["id"], "refund", row["id"], str(amount), invoice]
    fingerprint = fingerprint_of(compared, window_s)
    first = find_original(call.store, fingerprint, window_s)
    if first is not None:
        raise Refusal("11", None if window_s is None else first)
    is_returned = bool(row["return_code"])
    if row["status"] != "settledSuccessfully" or is_returned or last_four != row["last_four"]:
        raise Refusal("54")
    given = call.store.all(
        "SELECT requested FROM transactions WHERE ref_trans_id = ? AND status != 'voided'",
        row["id"],
    )
    if sum((Decimal(one["requested"]) for one in given), amount) > Decimal(row["settle"]):
        raise Refusal("55")
    copied = {
        name: row[name]
        for name in (
            "merchant_id", "currency", "customer_id", "card_id", "brand", "last_four", "expiry",
            "first_name", "last_name", "address", "zip", "avs", "account_type", "routing",
        )
    }  # fmt: skip
    refund_id = call.store.insert(
        "transactions",
        {
            **copied,
            "submitted_at": call.store.now(),
            "type": "refundTransaction",
            "status": "refundPendingSettlement",
            "response_code": "1",
            "reason_code": "1",
            "invoice": invoice,
            "description": call.limited(f"{_BASE}/order/description", 255),
            "ref_id": call.text("refId"),
            "requested": str(amount),
            "authorized": str(amount),
            "settle": str(amount),
            "cvv": "P",
            "auth_code": "",
            "network_trans_id": secrets.token_hex(8).upper()[:15],
            "ref_trans_id": row["id"],
            "fingerprint": fingerprint,
        },
    )
    made = _mine(call, "id", refund_id)
    return made, payment_event("net.authorize.payment.refund.created", made)


def _mine(call: Call, column: str, value: int) -> Row:
    row = call.store.one(
        f"SELECT * FROM transactions WHERE {column} = ? AND merchant_id = ?",
        value, call.merchant["id"],
    )  # fmt: skip
    if row is None:
        raise Refusal("16")
    return row
