"""What the bank and the gateway's own staff do: settle, review, charge back."""

from collections.abc import Callable
from sqlite3 import Row

from sandbox.authorizenet.charging import decide_held
from sandbox.authorizenet.results import Refusal
from sandbox.authorizenet.store import Store
from sandbox.authorizenet.webhooks import announce

_SETTLES = {
    "capturedPendingSettlement": "settledSuccessfully",
    "refundPendingSettlement": "refundSettledSuccessfully",
}


def settle(store: Store, merchant_id: int) -> int:
    """Close the merchant's batch; how many transactions were settled."""
    with store.transaction():
        rows = store.all(
            "SELECT id, status FROM transactions WHERE merchant_id = ? AND batch_id IS NULL"
            f" AND status IN ({', '.join('?' * len(_SETTLES))})",
            merchant_id, *_SETTLES,
        )  # fmt: skip
        if rows:
            batch_id = store.insert(
                "batches", {"merchant_id": merchant_id, "settled_at": store.now()}
            )
            for row in rows:
                store.update(
                    "transactions", row["id"], status=_SETTLES[row["status"]], batch_id=batch_id
                )
        return len(rows)


def approve(store: Store, row: Row) -> None:
    """Release a held transaction. Raises Refusal if it is not held."""
    _decide(store, row, is_good=True)


def decline(store: Store, row: Row) -> None:
    """Reject a held transaction. Raises Refusal if it is not held."""
    _decide(store, row, is_good=False)


def charge_back(store: Store, row: Row) -> None:
    """The card's holder disputes a settled transaction. Raises Refusal if it is not settled."""
    if row["status"] != "settledSuccessfully":
        raise Refusal("16")
    with store.transaction():
        store.update("transactions", row["id"], status="chargeback")


def return_item(store: Store, row: Row, code: str) -> None:
    """The bank sends a settled debit back: its line is marked, and a line of its own tells of it.

    Raises Refusal for a card's, and for what is not settled or has come back already.
    """
    if not row["account_type"] or row["return_code"] or row["status"] != "settledSuccessfully":
        raise Refusal("16")
    with store.transaction():
        store.update("transactions", row["id"], return_code=code)
        batch_id = store.insert(
            "batches", {"merchant_id": row["merchant_id"], "settled_at": store.now()}
        )
        told = {name: row[name] for name in row.keys() if name != "id"}  # noqa: SIM118 (a Row)
        changes = {
            "submitted_at": store.now(),
            "status": "returnedItem",
            "ref_trans_id": row["id"],
            "batch_id": batch_id,
            "fingerprint": f"return-{row['id']}",
            "ref_id": "",
            "return_code": code,
        }
        store.insert("transactions", told | changes)


def win_back(store: Store, row: Row) -> None:
    """The merchant wins the dispute. Raises Refusal if there is none."""
    if row["status"] != "chargeback":
        raise Refusal("16")
    with store.transaction():
        store.update("transactions", row["id"], status="chargebackReversal")


def fail_refund(store: Store, row: Row) -> None:
    """The holder's bank does not take what was given back. Raises Refusal for no refund."""
    if row["type"] != "refundTransaction":
        raise Refusal("16")
    with store.transaction():
        store.update("transactions", row["id"], status="generalError", settle="0.00")


OPERATIONS: dict[str, Callable[[Store, Row], None]] = {
    "approve": approve,
    "decline": decline,
    "chargeback": charge_back,
    "win_back": win_back,
    "fail_refund": fail_refund,
    "return": lambda store, row: return_item(store, row, "R01"),
}


def _decide(store: Store, row: Row, *, is_good: bool) -> None:
    with store.transaction():
        current = store.get("SELECT * FROM transactions WHERE id = ?", row["id"])
        changed, (event_type, payload) = decide_held(store, current, approve=is_good)
        announce(store, changed["merchant_id"], event_type, payload)
