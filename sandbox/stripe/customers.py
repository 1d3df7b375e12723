"""Customers and their saved cards."""

import hashlib

from sandbox.stripe.call import ApiError, Call, invalid
from sandbox.stripe.cards import (
    TEST_ACCOUNTS,
    TEST_BANK,
    TEST_CARDS,
    TEST_ROUTING,
    TestCard,
    digits_of,
    error_of,
)
from sandbox.stripe.listing import list_objects
from sandbox.stripe.store import Json, Store
from sandbox.stripe.webhooks import announce


def create_customer(call: Call) -> Json:
    """`POST /v1/customers`."""
    return call.store.add(
        call.account, "cus", "customer",
        {"email": call.text("email") or None, "name": call.text("name") or None,
         "description": call.text("description") or None, "metadata": call.metadata()},
    )  # fmt: skip


def search_customers(call: Call) -> Json:
    """`GET /v1/customers/search`, for `metadata['name']:'value'` only."""
    name, _, value = call.required("query").partition(":")
    name, value = name.removeprefix("metadata['").removesuffix("']"), value.strip("'\"")
    found = [
        one
        for one in list_objects(call, "customer", limit=10_000)["data"]
        if not one.get("deleted") and one["metadata"].get(name) == value
    ]
    return {"object": "search_result", "data": found, "has_more": False, "url": "/v1/customers"}


def get_customer(call: Call, customer_id: str) -> Json:
    """`GET /v1/customers/{id}`; a deleted one says so."""
    found = call.store.find(call.account, customer_id, "customer")
    return found if found and found.get("deleted") else call.get("customer", customer_id)


def delete_customer(call: Call, customer_id: str) -> Json:
    """`DELETE /v1/customers/{id}`: its cards go with it."""
    customer = call.get("customer", customer_id)
    for method in methods_of(call, customer_id):
        _detach(call, method)
    call.store.save({**customer, "deleted": True})
    announce(call.store, call.account, "customer.deleted", customer)
    return {"id": customer_id, "object": "customer", "deleted": True}


def list_methods(call: Call, customer_id: str) -> Json:
    """`GET /v1/customers/{id}/payment_methods`."""
    call.get("customer", customer_id)
    call.params["customer"] = customer_id
    return list_objects(call, "payment_method")


def methods_of(call: Call, customer_id: str) -> list[Json]:
    """All cards of a customer."""
    asking = Call(call.store, call.account, call.own_url, {"customer": customer_id})
    methods: list[Json] = list_objects(asking, "payment_method", limit=1000)["data"]
    return [one for one in methods if one["customer"] == customer_id]


def get_method(call: Call, method_id: str) -> Json:
    """`GET /v1/payment_methods/{id}`."""
    return call.get("payment_method", method_id)


def detach(call: Call, method_id: str) -> Json:
    """`POST /v1/payment_methods/{id}/detach`."""
    method = call.get("payment_method", method_id)
    if not method["customer"]:
        raise invalid(
            "The payment method you provided is not attached to a customer so detachment is"
            " impossible.",
            param="payment_method",
        )
    return _detach(call, method)


def make_method(
    store: Store,
    account: str,
    *,
    number: str,
    exp_month: int,
    exp_year: int,
    customer: str | None,
    behaviour: str = "",
) -> Json:
    """A card as it is kept: brand, four digits, expiry, never the number. ValueError for others.

    `behaviour` overrides what the number does; `processing` is one that no number has.
    """
    digits = digits_of(number)
    card = TEST_CARDS.get(digits)
    if card is None:
        raise ValueError("only test card numbers")
    made = store.add(
        account, "pm", "payment_method",
        {
            "type": "card", "customer": customer, "metadata": {},
            "billing_details": {"name": None, "email": None, "address": None},
            "card": {
                "brand": card.brand, "last4": digits[-4:], "exp_month": exp_month,
                "exp_year": exp_year, "funding": "credit", "country": "US",
                "fingerprint": hashlib.sha256(f"{account}|{digits}".encode()).hexdigest()[:16],
            },
            "_behaviour": behaviour or card.behaviour, "_is_set_up": False,
        },
    )  # fmt: skip
    if customer:
        announce(store, account, "payment_method.attached", made)
    return made


def make_bank_account(
    store: Store, account: str, *, number: str, customer: str | None, holder: str = ""
) -> Json:
    """A bank account as it is kept: bank and four digits, never the number. ValueError for others.

    It is its owner's beyond doubt: who adds it here has signed in at the bank.
    """
    known = TEST_ACCOUNTS.get(number)
    if known is None:
        raise ValueError("only test account numbers")
    made = store.add(
        account, "pm", "payment_method",
        {
            "type": "us_bank_account", "customer": customer, "metadata": {},
            "billing_details": {"name": holder or None, "email": None, "address": None},
            "us_bank_account": {
                "account_holder_type": "individual", "account_type": "checking",
                "bank_name": TEST_BANK, "last4": number[-4:], "routing_number": TEST_ROUTING,
                "fingerprint": hashlib.sha256(f"{account}|{number}".encode()).hexdigest()[:16],
            },
            "_behaviour": known.behaviour, "_is_set_up": True,
        },
    )  # fmt: skip
    if customer:
        announce(store, account, "payment_method.attached", made)
    return made


def update_method(
    store: Store, account: str, method_id: str, *, exp_month: int, exp_year: int, number: str
) -> None:
    """What a card network's account updater tells: a new expiry, perhaps a new number."""
    method = store.find(account, method_id, "payment_method")
    if method is None:
        raise LookupError("no such card")
    method["card"] |= {"exp_month": exp_month, "exp_year": exp_year}
    if number:
        digits = digits_of(number)
        card = TEST_CARDS[digits]
        method["card"] |= {"brand": card.brand, "last4": digits[-4:]}
        method["_behaviour"] = card.behaviour
    store.save(method)
    announce(store, account, "payment_method.automatically_updated", method)


def attach(store: Store, account: str, method: Json, customer: str) -> None:
    """Let the customer keep the card."""
    method["customer"] = customer
    store.save(method)
    announce(store, account, "payment_method.attached", method)


def refuse_to_save(card: TestCard) -> ApiError | None:
    """Why the bank does not let the card be saved; None when it does."""
    return ApiError(402, **error_of(card.behaviour)) if card.is_refused_at_once else None


def _detach(call: Call, method: Json) -> Json:
    method["customer"] = None
    call.store.save(method)
    announce(call.store, call.account, "payment_method.detached", method)
    return method
