"""A charge to begin with."""

from decimal import Decimal

from payments.gateways.base import ChargeRequest


def charge_request(customer_ref, card_ref, **changes):
    values = {
        "key": "ATTEMPT-1",
        "amount": Decimal("25.10"),
        "currency": "USD",
        "customer_profile_ref": customer_ref,
        "payment_profile_ref": card_ref,
    }
    return ChargeRequest(**{**values, **changes})
