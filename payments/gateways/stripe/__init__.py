"""Stripe: the library's services over our own transport."""

from payments.gateways.stripe.adapter import StripeGateway

__all__ = ["StripeGateway"]
