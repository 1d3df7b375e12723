"""The parameters of Stripe's calls, built from our requests: the same one gives the same bytes."""

from typing import Any

from payments.gateways.base import (
    ChargeRequest,
    HostedPaymentRequest,
    MethodKind,
    RefundRequest,
)
from payments.gateways.stripe.amounts import to_smallest
from payments.gateways.stripe.reading import EXPANDED, KEY_NAME, TYPES

Params = dict[str, Any]


def charge_params(request: ChargeRequest) -> Params:
    """A PaymentIntent that is confirmed at once, while its client is not there.

    ValueError for an amount that is finer than the currency.
    """
    params: Params = {
        "amount": to_smallest(request.amount, request.currency),
        "currency": request.currency.lower(),
        "customer": request.customer_profile_ref,
        "payment_method": request.payment_profile_ref,
        "payment_method_types": [TYPES[request.method]],
        "off_session": True,
        "confirm": True,
        "metadata": {KEY_NAME: request.key},
        "expand": list(EXPANDED),
    }
    if request.description:
        params["description"] = request.description
    return params


def card_page_params(
    customer_ref: str, return_url: str, cancel_url: str, kind: MethodKind
) -> Params:
    """Checkout in setup mode: it only keeps a card or a bank account.

    The owner of a bank account shows at once that it is theirs, by signing in at the bank: without
    that it would wait days for two small deposits, and be no saved account until then.
    """
    params: Params = {
        "mode": "setup",
        "customer": customer_ref,
        "payment_method_types": [TYPES[kind]],
        "success_url": return_url,
        "cancel_url": cancel_url,
    }
    if kind is MethodKind.BANK_ACCOUNT:
        options = {"verification_method": "instant"}
        params["payment_method_options"] = {TYPES[kind]: options}
    return params


def payment_page_params(request: HostedPaymentRequest, expires_at: int) -> Params:
    """Checkout in payment mode. ValueError as `charge_params`."""
    product = request.description or request.merchant_name or "Payment"
    params: Params = {
        "mode": "payment",
        "payment_method_types": ["card"],
        "client_reference_id": request.key,
        "line_items": [
            {
                "quantity": 1,
                "price_data": {
                    "currency": request.currency.lower(),
                    "unit_amount": to_smallest(request.amount, request.currency),
                    "product_data": {"name": product},
                },
            }
        ],
        "payment_intent_data": {
            "metadata": {KEY_NAME: request.key},
            "description": product,
        },
        "metadata": {KEY_NAME: request.key},
        "success_url": request.return_url,
        "cancel_url": request.cancel_url,
        "expires_at": expires_at,
    }
    if request.customer_profile_ref:
        params["customer"] = request.customer_profile_ref
    if request.offer_to_save:
        params["saved_payment_method_options"] = {"payment_method_save": "enabled"}
    return params


def refund_params(request: RefundRequest) -> Params:
    """Money back. ValueError as `charge_params`."""
    return {
        "payment_intent": request.gateway_ref,
        "amount": to_smallest(request.amount, request.currency),
        "metadata": {KEY_NAME: request.key},
    }
