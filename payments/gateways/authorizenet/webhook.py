"""Webhooks of Authorize.net: signature and meaning.

Source: developer.authorize.net "Webhooks". The signature is HMAC-SHA512 of the raw body, keyed
with the signature key as it is written, in the header X-ANET-Signature as `sha512=<HEX>`.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence

from payments.gateways.base import EventKind, InboundEvent

_HEADER = "x-anet-signature"
_PREFIX = "sha512="

_KINDS = {
    "net.authorize.payment.authcapture.created": EventKind.CHARGE_CREATED,
    "net.authorize.payment.authorization.created": EventKind.CHARGE_CREATED,
    "net.authorize.payment.capture.created": EventKind.CHARGE_CAPTURED,
    "net.authorize.payment.priorAuthCapture.created": EventKind.CHARGE_CAPTURED,
    "net.authorize.payment.fraud.held": EventKind.CHARGE_HELD,
    "net.authorize.payment.fraud.approved": EventKind.CHARGE_RELEASED,
    "net.authorize.payment.fraud.declined": EventKind.CHARGE_REJECTED,
    "net.authorize.payment.refund.created": EventKind.REFUND_CREATED,
    "net.authorize.payment.void.created": EventKind.VOID_CREATED,
    "net.authorize.customer.paymentProfile.created": EventKind.METHOD_CHANGED,
    "net.authorize.customer.paymentProfile.updated": EventKind.METHOD_CHANGED,
    "net.authorize.customer.paymentProfile.deleted": EventKind.METHOD_DELETED,
}


def is_signed(headers: Mapping[str, str], raw: bytes, secrets: Sequence[str]) -> bool:
    """Whether one of the secrets signed exactly these bytes."""
    given = next((value for name, value in headers.items() if name.lower() == _HEADER), "").strip()
    if given[: len(_PREFIX)].lower() != _PREFIX or not given.isascii():
        return False
    signature = given[len(_PREFIX) :].lower()
    # Every secret is tried, so that the time taken tells nothing.
    matches = [
        hmac.compare_digest(hmac.new(secret.encode(), raw, hashlib.sha512).hexdigest(), signature)
        for secret in secrets
        if secret
    ]
    return any(matches)


def read_event(raw: bytes) -> InboundEvent | None:
    """The event in a signed body; None if it is not one."""
    try:
        body = json.loads(raw)
    except ValueError:
        return None
    if not isinstance(body, dict) or not isinstance(body.get("payload", {}), dict):
        return None
    event_id, type_name = str(body.get("notificationId", "")), str(body.get("eventType", ""))
    if not event_id or not type_name:
        return None
    payload = body.get("payload", {})
    return InboundEvent(
        event_id=event_id,
        kind=_KINDS.get(type_name, EventKind.OTHER),
        gateway_ref=str(payload.get("id", "")),
        key=str(payload.get("invoiceNumber") or payload.get("merchantReferenceId") or ""),
        customer_ref=str(payload.get("customerProfileId", "")),
        type_name=type_name,
    )
