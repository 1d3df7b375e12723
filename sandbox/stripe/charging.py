"""PaymentIntents: made, confirmed, authenticated, cancelled; and refunds."""

import json

from sandbox.stripe.call import ApiError, Call, invalid
from sandbox.stripe.cards import bank_error_of, error_of
from sandbox.stripe.store import Json, Store, new_id
from sandbox.stripe.webhooks import announce

_DECLINE_ON_FAILURE = "payment_intent_authentication_failure"


def create_intent(call: Call) -> Json:
    """`POST /v1/payment_intents`."""
    amount, currency = _amount(call), call.required("currency").lower()
    _check_currency(call, currency)
    customer = call.text("customer") or None
    if customer:
        call.get("customer", customer, "customer")
    method = _method(call, customer) if call.text("payment_method") else None
    types = call.params.get("payment_method_types") or ["card"]
    if method is not None and method["type"] not in types:
        raise invalid(
            f"The PaymentMethod provided ({method['type']}) is not allowed for this PaymentIntent.",
            param="payment_method",
        )
    if "us_bank_account" in types and currency != "usd":
        raise invalid("The currency provided is invalid for us_bank_account.", param="currency")
    intent = new_intent(
        call.store, call.account, amount=amount, currency=currency, customer=customer,
        description=call.text("description"), metadata=call.metadata(), types=types,
    )  # fmt: skip
    if not call.is_true("confirm"):
        intent["status"] = "requires_payment_method" if method is None else "requires_confirmation"
        intent["payment_method"] = None if method is None else method["id"]
        call.store.save(intent)
        return intent
    if method is None:
        raise invalid("You cannot confirm without a payment method.", param="payment_method")
    return attempt(
        call.store, call.account, intent, method,
        is_off_session=call.is_true("off_session"),
        return_url=call.text("return_url"), own_url=call.own_url,
    )  # fmt: skip


def confirm_intent(call: Call, intent_id: str) -> Json:
    """`POST /v1/payment_intents/{id}/confirm`."""
    intent = call.get("payment_intent", intent_id)
    if intent["status"] not in ("requires_payment_method", "requires_confirmation"):
        raise invalid(
            f"You cannot confirm this PaymentIntent because it has a status of {intent['status']}.",
            code="payment_intent_unexpected_state",
        )
    call.params.setdefault("payment_method", intent["payment_method"] or "")
    return attempt(
        call.store, call.account, intent, _method(call, intent["customer"]),
        is_off_session=call.is_true("off_session"),
        return_url=call.text("return_url"), own_url=call.own_url,
    )  # fmt: skip


def cancel_intent(call: Call, intent_id: str) -> Json:
    """`POST /v1/payment_intents/{id}/cancel`."""
    intent = call.get("payment_intent", intent_id)
    if intent["status"] in ("succeeded", "canceled", "processing"):
        raise invalid(
            f"You cannot cancel this PaymentIntent because it has a status of {intent['status']}.",
            code="payment_intent_unexpected_state",
        )
    intent |= {"status": "canceled", "next_action": None, "canceled_at": int(call.store.now())}
    call.store.save(intent)
    announce(call.store, call.account, "payment_intent.canceled", intent)
    return intent


def refund(call: Call) -> Json:
    """`POST /v1/refunds`."""
    intent = call.get("payment_intent", call.required("payment_intent"), "payment_intent")
    if intent["status"] != "succeeded":
        raise invalid("This PaymentIntent does not have a successful charge to refund.")
    charge = call.get("charge", intent["latest_charge"])
    left = charge["amount"] - charge["amount_refunded"]
    amount = int(call.text("amount", str(left)) or 0)
    if left == 0:
        raise invalid(
            f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded"
        )
    if not 0 < amount <= left:
        raise invalid("Refund amount is greater than unrefunded amount on charge.", param="amount")
    made = call.store.add(
        call.account, "re", "refund",
        {"amount": amount, "currency": charge["currency"], "charge": charge["id"],
         "payment_intent": intent["id"], "status": "succeeded", "metadata": call.metadata(),
         "reason": None},
    )  # fmt: skip
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    call.store.save(charge)
    announce(call.store, call.account, "refund.created", made)
    announce(call.store, call.account, "charge.refunded", charge)
    return made


def new_intent(
    store: Store, account: str, *, amount: int, currency: str, customer: str | None,
    description: str, metadata: dict[str, str], types: list[str] | None = None,
) -> Json:  # fmt: skip
    """An intent that nothing was paid on yet."""
    return store.add(
        account, "pi", "payment_intent",
        {
            "amount": amount, "amount_received": 0, "currency": currency, "customer": customer,
            "description": description or None, "metadata": metadata, "payment_method": None,
            "status": "requires_payment_method", "latest_charge": None, "next_action": None,
            "last_payment_error": None, "capture_method": "automatic", "review": None,
            "payment_method_types": types or ["card"], "client_secret": new_id("pi_secret"),
            "canceled_at": None,
        },
    )  # fmt: skip


def attempt(
    store: Store, account: str, intent: Json, method: Json, *,
    is_off_session: bool, return_url: str, own_url: str, is_authenticated: bool = False,
) -> Json:  # fmt: skip
    """Try to take the money; ApiError 402 with the intent in it for what is declined."""
    behaviour = method["_behaviour"]
    intent["payment_method"] = method["id"]
    if needs_authentication(method) and not is_authenticated:
        if is_off_session:
            raise _fail(store, account, intent, method, "authentication_required")
        if not return_url:
            raise invalid("A return_url must be given.", param="return_url")
        intent |= {
            "status": "requires_action",
            "next_action": {
                "type": "redirect_to_url",
                "redirect_to_url": {
                    "url": f"{own_url}/authenticate/{intent['id']}", "return_url": return_url,
                },
            },
        }  # fmt: skip
        store.save(intent)
        announce(store, account, "payment_intent.requires_action", intent)
        return intent
    if behaviour == "processing" or method["type"] == "us_bank_account":
        intent["status"] = "processing"
        store.save(intent)
        announce(store, account, "payment_intent.processing", intent)
        return intent
    if behaviour in ("good", "disputed") or needs_authentication(method) or method["_is_set_up"]:
        return succeed(store, account, intent, method)
    raise _fail(store, account, intent, method, behaviour)


def needs_authentication(method: Json) -> bool:
    """Whether the bank wants the card's owner to confirm."""
    return method["_behaviour"] == "always_authenticate" or (
        method["_behaviour"] == "authenticate_unless_set_up" and not method["_is_set_up"]
    )


def succeed(store: Store, account: str, intent: Json, method: Json) -> Json:
    """The money is taken."""
    charge = _charge(store, account, intent, method, "succeeded")
    balance = store.add(
        account, "txn", "balance_transaction",
        {"amount": intent["amount"], "fee": 0, "net": intent["amount"], "type": "charge",
         "currency": intent["currency"], "status": "pending", "source": charge["id"]},
    )  # fmt: skip
    charge["balance_transaction"] = balance["id"]
    store.save(charge)
    intent |= {
        "status": "succeeded", "amount_received": intent["amount"], "latest_charge": charge["id"],
        "next_action": None, "last_payment_error": None, "payment_method": method["id"],
    }  # fmt: skip
    store.save(intent)
    announce(store, account, "charge.succeeded", charge)
    announce(store, account, "payment_intent.succeeded", intent)
    if method["_behaviour"] == "disputed":
        dispute(store, account, intent["id"])
    return intent


def finish(store: Store, account: str, intent_id: str, *, approve: bool) -> Json:
    """Decide an intent that is processing, or whose owner stands before the bank's page."""
    intent = store.find(account, intent_id, "payment_intent")
    if intent is None or intent["status"] not in ("processing", "requires_action"):
        raise ValueError("nothing waits for a decision")
    is_action = intent["status"] == "requires_action"
    method = store.find(account, intent["payment_method"], "payment_method") or {}
    if approve:
        return succeed(store, account, intent, method)
    reason = _DECLINE_ON_FAILURE if is_action else "generic_decline"
    if method.get("type") == "us_bank_account":
        reason = str(method["_behaviour"])
        reason = "insufficient_funds" if reason in ("good", "disputed") else reason
    _fail(store, account, intent, method, reason)
    return store.find(account, intent_id) or intent


def settle_debits(store: Store, account: str) -> int:
    """The banks decide about the debits under way, each as its account behaves; how many."""
    rows = store.all(
        "SELECT body FROM objects WHERE account = ? AND kind = 'payment_intent'", account
    )
    intents = [json.loads(row["body"]) for row in rows]
    waiting = [
        one
        for one in intents
        if one["status"] == "processing" and "us_bank_account" in one["payment_method_types"]
    ]
    for intent in waiting:
        method = store.find(account, intent["payment_method"], "payment_method") or {}
        is_good = method["_behaviour"] in ("good", "disputed")
        finish(store, account, intent["id"], approve=is_good)
    return len(waiting)


def dispute(store: Store, account: str, intent_id: str) -> Json:
    """The card's owner wants the money back from its bank.

    What the bank of a debited account takes back is lost at once: nobody can answer it.
    """
    intent = store.find(account, intent_id, "payment_intent")
    charge = store.find(account, (intent or {}).get("latest_charge") or "", "charge")
    if intent is None or charge is None:
        raise ValueError("no such payment")
    store.save({**charge, "disputed": True})
    is_debit = "us_bank_account" in intent["payment_method_types"]
    made = store.add(
        account, "du", "dispute",
        {"amount": charge["amount"], "currency": charge["currency"], "charge": charge["id"],
         "payment_intent": intent_id, "status": "lost" if is_debit else "needs_response",
         "reason": "debit_not_authorized" if is_debit else "fraudulent",
         "metadata": {}},
    )  # fmt: skip
    announce(store, account, "charge.dispute.created", made)
    return made


def close_dispute(store: Store, account: str, intent_id: str, *, won: bool) -> Json:
    """The dispute of a payment ends; a charge stays marked as disputed, as at the real one."""
    rows = store.all("SELECT body FROM objects WHERE account = ? AND kind = 'dispute'", account)
    of_intent: list[Json] = [json.loads(row["body"]) for row in rows]
    found = next((one for one in of_intent if one["payment_intent"] == intent_id), None)
    if found is None:
        raise ValueError("nothing is disputed")
    found["status"] = "won" if won else "lost"
    store.save(found)
    announce(store, account, "charge.dispute.closed", found)
    return found


def fail_refund(store: Store, account: str, refund_id: str) -> Json:
    """The client's bank does not take what was given back: it is the merchant's again."""
    made = store.find(account, refund_id, "refund")
    if made is None:
        raise ValueError("no such refund")
    made |= {"status": "failed", "failure_reason": "lost_or_stolen_card"}
    store.save(made)
    charge = store.find(account, made["charge"], "charge")
    if charge is not None:
        left = charge["amount_refunded"] - made["amount"]
        store.save({**charge, "amount_refunded": left, "refunded": False})
    announce(store, account, "refund.failed", made)
    return made


def _fail(store: Store, account: str, intent: Json, method: Json, behaviour: str) -> ApiError:
    charge = _charge(store, account, intent, method, "failed")
    is_bank = method["type"] == "us_bank_account"
    error = bank_error_of(behaviour) if is_bank else error_of(behaviour)
    shown_method = {name: value for name, value in method.items() if not name.startswith("_")}
    intent |= {
        "status": "requires_payment_method", "payment_method": None, "next_action": None,
        "latest_charge": charge["id"],
        "last_payment_error": {**error, "charge": charge["id"], "payment_method": shown_method},
    }  # fmt: skip
    store.save(intent)
    announce(store, account, "charge.failed", charge)
    announce(store, account, "payment_intent.payment_failed", intent)
    return ApiError(402, **error, charge=charge["id"], payment_intent=intent)


def _charge(store: Store, account: str, intent: Json, method: Json, status: str) -> Json:
    return store.add(
        account, "ch", "charge",
        {
            "amount": intent["amount"], "amount_refunded": 0, "currency": intent["currency"],
            "customer": intent["customer"], "payment_intent": intent["id"], "status": status,
            "payment_method": method["id"], "paid": status == "succeeded",
            "captured": status == "succeeded", "refunded": False, "disputed": False,
            "description": intent["description"], "metadata": intent["metadata"],
            "balance_transaction": None,
            "payment_method_details": _paid_with(intent, method),
        },
    )  # fmt: skip


def _paid_with(intent: Json, method: Json) -> Json:
    if method["type"] == "us_bank_account":
        return {"type": "us_bank_account", "us_bank_account": method["us_bank_account"]}
    card = method["card"]
    return {
        "type": "card",
        "card": {
            "brand": card["brand"], "last4": card["last4"],
            "exp_month": card["exp_month"], "exp_year": card["exp_year"],
            "network_transaction_id": intent["id"][-15:].upper(),
        },
    }  # fmt: skip


def _method(call: Call, customer: str | None) -> Json:
    method = call.get("payment_method", call.required("payment_method"), "payment_method")
    if method["customer"] != customer:
        raise invalid(
            "The PaymentMethod does not belong to the customer of this request.",
            param="payment_method",
        )
    return method


def _amount(call: Call) -> int:
    text = call.required("amount")
    if not text.isdigit() or not 1 <= int(text) <= 99_999_999:
        raise invalid("Invalid integer: amount", code="parameter_invalid_integer", param="amount")
    return int(text)


def _check_currency(call: Call, currency: str) -> None:
    row = call.store.one("SELECT currency FROM accounts WHERE id = ?", call.account)
    if row is not None and row["currency"] != currency:
        raise invalid(f"Invalid currency: {currency}.", param="currency")
