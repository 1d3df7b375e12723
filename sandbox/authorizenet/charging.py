"""createTransaction and updateHeldTransaction: what happens to money."""

import secrets
from dataclasses import dataclass
from decimal import Decimal
from sqlite3 import Row
from xml.etree.ElementTree import Element

from sandbox.authorizenet.cards import (
    BALANCE_ZIPS,
    DECLINE_ZIP,
    HOLD_ZIP,
    PARTIAL_AMOUNT,
    PARTIAL_ZIP,
    Card,
)
from sandbox.authorizenet.document import ApiError, Call, amount_of, invalid
from sandbox.authorizenet.duplicates import (
    find_original,
    fingerprint_of,
    read_settings,
    read_window,
)
from sandbox.authorizenet.followups import capture, refund, void
from sandbox.authorizenet.profiles import NOT_FOUND, card_of_request
from sandbox.authorizenet.results import (
    Event,
    Refusal,
    payment_event,
    transaction_answer,
    transaction_error,
)
from sandbox.authorizenet.store import Store

_CHARGES = {
    "authCaptureTransaction": "capturedPendingSettlement",
    "authOnlyTransaction": "authorizedPendingCapture",
}
_FOLLOW_UPS = {
    "priorAuthCaptureTransaction": capture,
    "refundTransaction": refund,
    "voidTransaction": void,
}


@dataclass(frozen=True)
class Wish:
    """A charge as it is asked for, from the API or from a hosted page."""

    kind: str
    amount: Decimal
    invoice: str
    description: str
    ref_id: str
    card: Card
    customer_id: int | None = None
    card_id: int | None = None
    # None: not given, which also means that a duplicate is told without details.
    window_s: int | None = None
    allow_partial: bool = False
    flags: str = ""
    customer_ip: str = ""
    network_trans_id: str = ""


def create_transaction(call: Call) -> list[Element | None]:
    """Answer createTransactionRequest."""
    kind = call.required("transactionRequest/transactionType")
    if kind in _FOLLOW_UPS:
        try:
            row, event = _FOLLOW_UPS[kind](call)
        except Refusal as refusal:
            return transaction_error(refusal)
        call.events += [event] if event else []
        return transaction_answer(row)
    if kind not in _CHARGES:
        raise invalid(f"The value '{kind}' is not a transactionType of this sandbox.")
    try:
        row, events = charge(call.store, call.merchant, _read_wish(call, kind))
    except Refusal as refusal:
        return transaction_error(refusal)
    call.events += events
    return transaction_answer(row)


def charge(store: Store, merchant: Row, wish: Wish) -> tuple[Row, list[Event]]:
    """Charge a card; the transaction and what to announce. Raises Refusal for a duplicate."""
    fingerprint = fingerprint_of(_compared(merchant, wish), wish.window_s)
    original = find_original(store, fingerprint, wish.window_s)
    if original is not None:
        raise Refusal("11", None if wish.window_s is None else original)
    values = _decide(merchant, wish) | {
        "merchant_id": merchant["id"],
        "submitted_at": store.now(),
        "type": wish.kind,
        "fingerprint": fingerprint,
        "invoice": wish.invoice,
        "description": wish.description,
        "ref_id": wish.ref_id,
        "currency": merchant["currency"],
        "requested": str(wish.amount),
        "customer_id": wish.customer_id,
        "card_id": wish.card_id,
        "brand": wish.card.brand,
        "account_type": wish.card.account_type,
        "routing": wish.card.routing,
        "last_four": wish.card.last_four,
        "expiry": wish.card.expiry,
        "first_name": wish.card.first_name,
        "last_name": wish.card.last_name,
        "address": wish.card.address,
        "zip": wish.card.zip,
        "avs": wish.card.avs,
        "cvv": wish.card.cvv or "P",
        "network_trans_id": "" if wish.card.account_type else secrets.token_hex(8).upper()[:15],
        "flags": wish.flags,
        "customer_ip": wish.customer_ip,
    }
    row_id = store.insert("transactions", values)
    if values["status"] == "authorizedPendingRelease":
        store.update("transactions", row_id, split_tender_id=row_id + 5_000_000_000)
    row = store.get("SELECT * FROM transactions WHERE id = ?", row_id)
    if wish.card_id and row["response_code"] == "1":
        store.run(
            "UPDATE cards SET network_trans_id = ? WHERE id = ? AND network_trans_id = ''",
            row["network_trans_id"], wish.card_id,
        )  # fmt: skip
    return row, _events(row)


def update_held(call: Call) -> list[Element | None]:
    """Answer updateHeldTransactionRequest: a person approves or declines what is held."""
    ref = call.number("heldTransactionRequest/refTransId")
    row = call.store.one(
        "SELECT * FROM transactions WHERE id = ? AND merchant_id = ?", ref, call.merchant["id"]
    )
    if row is None:
        raise ApiError(*NOT_FOUND)
    action = call.required("heldTransactionRequest/action")
    try:
        changed, event = decide_held(call.store, row, approve=action == "approve")
    except Refusal as refusal:
        return transaction_error(refusal)
    call.events.append(event)
    return transaction_answer(changed)


def decide_held(store: Store, row: Row, *, approve: bool) -> tuple[Row, Event]:
    """Approve or decline a held transaction. Raises Refusal if it is not held."""
    if row["status"] != "FDSAuthorizedPendingReview":
        raise Refusal("16")
    if approve:
        status = _CHARGES[row["type"]]
        settle = row["authorized"] if status == "capturedPendingSettlement" else "0.00"
        store.update(
            "transactions", row["id"], status=status, response_code="1", reason_code="1",
            settle=settle,
        )  # fmt: skip
        event_type = "net.authorize.payment.fraud.approved"
    else:
        store.update(
            "transactions", row["id"], status="declined", response_code="2", reason_code="254",
            settle="0.00",
        )  # fmt: skip
        event_type = "net.authorize.payment.fraud.declined"
    changed = store.get("SELECT * FROM transactions WHERE id = ?", row["id"])
    return changed, payment_event(event_type, changed)


def _read_wish(call: Call, kind: str) -> Wish:
    base = "transactionRequest"
    amount = amount_of(call.required(f"{base}/amount"))
    if amount <= 0:
        raise Refusal("5")
    currency = call.text(f"{base}/currencyCode", call.merchant["currency"])
    if currency != call.merchant["currency"]:
        raise Refusal("39")
    settings = read_settings(call.request, f"{base}/transactionSettings")
    customer_id, card_id, card, network = _read_card(call, base)
    return Wish(
        kind=kind,
        amount=amount,
        invoice=call.limited(f"{base}/order/invoiceNumber", 20),
        description=call.limited(f"{base}/order/description", 255),
        ref_id=call.text("refId"),
        card=card,
        customer_id=customer_id,
        card_id=card_id,
        window_s=read_window(settings),
        allow_partial=settings.get("allowPartialAuth") == "true",
        flags=",".join(
            child.tag
            for child in call.request.findall(f"{base}/processingOptions/*")
            if child.text == "true"
        ),
        customer_ip=call.text(f"{base}/customerIP"),
        network_trans_id=network,
    )


def _read_card(call: Call, base: str) -> tuple[int | None, int | None, Card, str]:
    if call.request.find(f"{base}/profile") is None:
        return (
            None, None, card_of_request(call, f"{base}/payment/creditCard", f"{base}/billTo"), "",
        )  # fmt: skip
    row = call.store.one(
        "SELECT cards.* FROM cards JOIN customers ON customers.id = cards.customer_id"
        " WHERE cards.id = ? AND customers.id = ? AND customers.merchant_id = ?",
        call.number(f"{base}/profile/paymentProfile/paymentProfileId"),
        call.number(f"{base}/profile/customerProfileId"),
        call.merchant["id"],
    )
    if row is None:
        raise ApiError("E00040", "Customer Profile ID or Customer Payment Profile ID not found.")
    names = (
        "card_hash", "brand", "last_four", "expiry", "first_name", "last_name", "address", "zip",
        "account_type", "routing",
    )  # fmt: skip
    card = Card(**{name: row[name] for name in names})
    return row["customer_id"], row["id"], card, row["network_trans_id"]


def _compared(merchant: Row, wish: Wish) -> list[object]:
    """All fields that must be equal for a duplicate."""
    card = wish.card
    return [
        merchant["id"], wish.kind, str(wish.amount), wish.invoice, card.card_hash, card.expiry,
        wish.customer_id, card.first_name, card.last_name, card.address, card.zip,
    ]  # fmt: skip


def _decide(merchant: Row, wish: Wish) -> dict[str, str]:
    full = str(wish.amount)
    if wish.card.zip == DECLINE_ZIP:
        return _verdict("declined", "2", "2")
    # These accounts have the card code filter on.
    if wish.card.cvv == "N":
        return _verdict("declined", "2", "65")
    if wish.card.zip == PARTIAL_ZIP and wish.amount > Decimal(PARTIAL_AMOUNT):
        if not wish.allow_partial:
            return _verdict("declined", "2", "2")
        return _verdict("authorizedPendingRelease", "4", "295", PARTIAL_AMOUNT, balance="0.00")
    limit = merchant["hold_above"]
    if wish.card.zip == HOLD_ZIP or (limit and wish.amount > Decimal(limit)):
        return _verdict("FDSAuthorizedPendingReview", "4", "253", full)
    settle = full if wish.kind == "authCaptureTransaction" else "0.00"
    balance = BALANCE_ZIPS.get(wish.card.zip, "")
    return _verdict(_CHARGES[wish.kind], "1", "1", full, settle, balance=balance)


def _verdict(
    status: str, response: str, reason: str, authorized: str = "0.00", settle: str = "0.00",
    *, balance: str = "",
) -> dict[str, str]:  # fmt: skip
    return {
        "status": status,
        "response_code": response,
        "reason_code": reason,
        "authorized": authorized,
        "settle": settle,
        "balance": balance,
        "auth_code": "" if response == "2" else secrets.token_hex(3).upper(),
    }


def _events(row: Row) -> list[Event]:
    if row["reason_code"] == "253":
        return [payment_event("net.authorize.payment.fraud.held", row)]
    if row["response_code"] == "1":
        name = "authcapture" if row["type"] == "authCaptureTransaction" else "authorization"
        return [payment_event(f"net.authorize.payment.{name}.created", row)]
    return []
