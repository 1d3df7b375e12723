"""Webhooks of Stripe: signature and meaning.

Source: docs.stripe.com/webhooks. `Stripe-Signature: t=<seconds>,v1=<hex>`; the library checks the
HMAC and that the time is not older than five minutes, and accepts any time of the future.
"""

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

import stripe

from payments.gateways.base import EventKind, InboundEvent
from payments.gateways.stripe.reading import KEY_NAME

_HEADER = "stripe-signature"
_TOLERANCE_S = 300

_KINDS = {
    "checkout.session.completed": EventKind.CHARGE_CAPTURED,
    "payment_intent.succeeded": EventKind.CHARGE_CAPTURED,
    "payment_intent.processing": EventKind.CHARGE_HELD,
    "payment_intent.requires_action": EventKind.CHARGE_HELD,
    "payment_intent.payment_failed": EventKind.CHARGE_REJECTED,
    "payment_intent.canceled": EventKind.VOID_CREATED,
    "refund.created": EventKind.REFUND_CREATED,
    "refund.updated": EventKind.REFUND_CREATED,
    "refund.failed": EventKind.REFUND_CREATED,
    "setup_intent.succeeded": EventKind.METHOD_CHANGED,
    "payment_method.attached": EventKind.METHOD_CHANGED,
    "payment_method.updated": EventKind.METHOD_CHANGED,
    "payment_method.automatically_updated": EventKind.METHOD_CHANGED,
    "payment_method.detached": EventKind.METHOD_DELETED,
}
_CARD_KINDS = frozenset({EventKind.METHOD_CHANGED, EventKind.METHOD_DELETED})


def is_signed(headers: Mapping[str, str], raw: bytes, secrets: Sequence[str]) -> bool:
    """Whether one of the secrets signed exactly these bytes within the last five minutes."""
    given = next((value for name, value in headers.items() if name.lower() == _HEADER), "")
    # every secret is tried, so that the time taken tells nothing
    matches = [_matches(raw, given, secret) for secret in secrets if secret]
    return any(matches) and not _is_of_the_future(given)


def read_event(raw: bytes, *, is_live: bool) -> InboundEvent | None:
    """The event in a signed body; None if it is not one, or of the other mode."""
    try:
        body = json.loads(raw)
    except ValueError:
        return None
    if not isinstance(body, dict) or bool(body.get("livemode")) is not is_live:
        return None
    event_id, type_name = str(body.get("id") or ""), str(body.get("type") or "")
    data = body.get("data")
    about = data.get("object") if isinstance(data, dict) else None
    if not event_id or not type_name or not isinstance(about, dict):
        return None
    kind = _KINDS.get(type_name, EventKind.OTHER)
    if about.get("object") == "checkout.session" and about.get("mode") == "setup":
        kind = EventKind.METHOD_CHANGED
    metadata = about.get("metadata")
    return InboundEvent(
        event_id=event_id,
        kind=kind,
        gateway_ref=_ref(kind, about),
        key=str(metadata.get(KEY_NAME, "")) if isinstance(metadata, dict) else "",
        customer_ref=_text(about.get("customer")),
        type_name=type_name,
    )


def _ref(kind: EventKind, about: Mapping[str, Any]) -> str:
    """What `Gateway.fetch` is to be asked for, or the saved card."""
    if kind in _CARD_KINDS:
        own = about.get("id") if about.get("object") == "payment_method" else None
        return _text(own or about.get("payment_method"))
    if about.get("object") in ("payment_intent", "refund"):
        return _text(about.get("id"))
    # of a charge, a dispute or a session
    return _text(about.get("payment_intent"))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _matches(raw: bytes, header: str, secret: str) -> bool:
    try:
        return bool(stripe.WebhookSignature.verify_header(raw, header, secret, _TOLERANCE_S))
    except (stripe.SignatureVerificationError, UnicodeError):
        return False


def _is_of_the_future(header: str) -> bool:
    stamped = next((part[2:] for part in header.split(",") if part.startswith("t=")), "")
    return not stamped.isdigit() or int(stamped) > time.time() + _TOLERANCE_S
