"""Authorize.net: the SDK's request types over our own transport."""

from payments.gateways.authorizenet.adapter import AuthorizeNetGateway

__all__ = ["AuthorizeNetGateway"]
