"""What outgoing webhooks tell of, and from which records it is read.

The audit log knows every change, the events log what the system noticed; no writer of either has
to think of webhooks.
"""

from collections.abc import Mapping
from typing import Any

TYPES: tuple[str, ...] = (
    "payment.created",
    "payment.approved",
    "payment.reversed",
    "payment.declined",
    "payment.failed",
    "payment.refunded",
    "payment.charged_back",
    "payment.chargeback_won",
    "charge.created",
    "charge.approved",
    "charge.reversed",
    "invoice.created",
    "invoice.issued",
    "invoice.voided",
    "invoice.credited",
    "client.created",
    "client.updated",
    "client.deleted",
    "client.restored",
    "client.erased",
    "balance.low",
    "voucher.redeemed",
    "auto_payment.suspended",
)
PING = "ping"
"""Sent by hand only, to try an endpoint."""

_OF_CLIENTS: Mapping[str, str] = {
    "create": "client.created",
    "update": "client.updated",
    "delete": "client.deleted",
    "restore": "client.restored",
    "full_delete": "client.erased",
}
_OF_INVOICES: Mapping[str, str] = {
    "create": "invoice.created",
    "issue": "invoice.issued",
    "void": "invoice.voided",
    "credit": "invoice.credited",
}
_OF_TRANSACTIONS: Mapping[str, str] = {
    "create": "created",
    "approve": "approved",
    "reverse": "reversed",
}
_OF_EVENTS: Mapping[str, str] = {
    "auto_payment_declined": "payment.declined",
    "auto_payment_failed": "payment.failed",
    "auto_payment_suspended": "auto_payment.suspended",
    "payment_failed": "payment.failed",
    "payment_refunded": "payment.refunded",
    "low_balance": "balance.low",
}
_OF_RETURNS: Mapping[str, str] = {
    "refund": "payment.refunded",
    "chargeback": "payment.charged_back",
    "chargeback_reversal": "payment.chargeback_won",
}
OBJECTS = ("client", "invoice", "transaction", "voucher")
"""Kinds of records that can have a type at all."""


def type_of_record(action: str, object_type: str, details: Mapping[str, Any]) -> str | None:
    """The webhook type of an audit record; `details` are the object's as it is now."""
    if object_type == "client":
        return _OF_CLIENTS.get(action)
    if object_type == "invoice":
        return _OF_INVOICES.get(action)
    if object_type == "transaction" and action == "create" and details.get("kind") in _OF_RETURNS:
        return _OF_RETURNS[details["kind"]]
    if object_type == "voucher":
        return "voucher.redeemed" if action == "redeem" else None
    verb = _OF_TRANSACTIONS.get(action) if object_type == "transaction" else None
    noun = details.get("type")
    return f"{noun}.{verb}" if verb and noun in ("payment", "charge") else None


def type_of_event(code: str) -> str | None:
    """The webhook type of an entry of the events log."""
    return _OF_EVENTS.get(code)


def codes_of_events() -> list[str]:
    """Codes of the events log that have a type."""
    return sorted(_OF_EVENTS)
