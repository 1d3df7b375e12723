"""Tokens for the hosted pages."""

import json
from typing import Any
from xml.etree.ElementTree import Element

from sandbox.authorizenet.document import ApiError, Call, amount_of, element, invalid
from sandbox.authorizenet.duplicates import read_settings, read_window
from sandbox.authorizenet.profiles import find_customer

CARD_PAGE = "card"
PAYMENT_PAGE = "payment"
_BASE = "transactionRequest"


def hosted_profile_page(call: Call) -> list[Element | None]:
    """Answer getHostedProfilePageRequest."""
    customer = find_customer(call)
    settings = read_settings(call.request, "hostedProfileSettings")
    return_url = settings.get("hostedProfileReturnUrl", "")
    _require_url(return_url)
    details = {
        "customer_id": customer["id"],
        "return_url": return_url,
        "return_text": settings.get("hostedProfileReturnUrlText") or "Back",
        "code_required": settings.get("hostedProfileCardCodeRequired") == "true",
        "address_required": settings.get("hostedProfileBillingAddressRequired") == "true",
        "is_bank": settings.get("hostedProfilePaymentOptions") == "showBankAccount",
    }
    token = call.store.new_page_token(CARD_PAGE, call.merchant["id"], details)
    return [element("token", token)]


def hosted_payment_page(call: Call) -> list[Element | None]:
    """Answer getHostedPaymentPageRequest."""
    kind = call.required(f"{_BASE}/transactionType")
    if kind not in ("authCaptureTransaction", "authOnlyTransaction"):
        raise invalid(f"The value '{kind}' is not possible on a hosted page.")
    amount = amount_of(call.required(f"{_BASE}/amount"))
    if amount <= 0:
        raise invalid("A valid amount is required.")
    if call.text(f"{_BASE}/currencyCode", call.merchant["currency"]) != call.merchant["currency"]:
        raise ApiError("E00003", "The currency is not that of the merchant account.")
    settings = read_settings(call.request, "hostedPaymentSettings")
    returning = _options(settings, "hostedPaymentReturnOptions")
    for name in ("url", "cancelUrl"):
        _require_url(str(returning.get(name, "")))
    transaction_settings = read_settings(call.request, f"{_BASE}/transactionSettings")
    customer_id = _customer_of(call)
    details = {
        "kind": kind,
        "amount": str(amount),
        "invoice": call.limited(f"{_BASE}/order/invoiceNumber", 20),
        "description": call.limited(f"{_BASE}/order/description", 255),
        "ref_id": call.text("refId"),
        "window_s": read_window(transaction_settings),
        "allow_partial": transaction_settings.get("allowPartialAuth") == "true",
        "customer_id": customer_id,
        "offer_to_save": bool(
            customer_id
            and _options(settings, "hostedPaymentCustomerOptions").get("addPaymentProfile")
        ),
        "return_url": returning["url"],
        "cancel_url": returning["cancelUrl"],
        "cancel_text": returning.get("cancelUrlText") or "Cancel",
        "button": _options(settings, "hostedPaymentButtonOptions").get("text") or "Pay",
        "merchant_name": _options(settings, "hostedPaymentOrderOptions").get("merchantName")
        or call.merchant["name"],
        "code_required": bool(
            _options(settings, "hostedPaymentPaymentOptions").get("cardCodeRequired")
        ),
        "address_required": bool(
            _options(settings, "hostedPaymentBillingAddressOptions").get("required")
        ),
    }
    token = call.store.new_page_token(PAYMENT_PAGE, call.merchant["id"], details)
    return [element("token", token)]


def _customer_of(call: Call) -> int | None:
    if not call.text(f"{_BASE}/profile/customerProfileId"):
        return None
    row = call.store.one(
        "SELECT id FROM customers WHERE id = ? AND merchant_id = ?",
        call.number(f"{_BASE}/profile/customerProfileId"), call.merchant["id"],
    )  # fmt: skip
    if row is None:
        raise ApiError("E00040", "The record cannot be found.")
    customer_id: int = row["id"]
    return customer_id


def _options(settings: dict[str, str], name: str) -> dict[str, Any]:
    try:
        options = json.loads(settings.get(name) or "{}")
    except ValueError:
        options = None
    if not isinstance(options, dict):
        raise ApiError("E00013", f"{name} is invalid.")
    return options


def _require_url(url: str) -> None:
    if not url.startswith(("https://", "http://")):
        raise ApiError("E00013", "Return URL is invalid.")
