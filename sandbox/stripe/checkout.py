"""Checkout Sessions: the hosted page in setup and in payment mode."""

from typing import Any

from sandbox.stripe import charging, customers
from sandbox.stripe.call import ApiError, Call, invalid
from sandbox.stripe.cards import TEST_CARDS, digits_of
from sandbox.stripe.store import Json, Store, new_id
from sandbox.stripe.webhooks import announce

_LIFE_S = 24 * 3600
_SHORTEST_S = 30 * 60


def create_session(call: Call) -> Json:
    """`POST /v1/checkout/sessions`."""
    mode = call.required("mode")
    if mode not in ("setup", "payment"):
        raise invalid("Only the modes setup and payment are here.", param="mode")
    customer = call.text("customer") or None
    if customer:
        call.get("customer", customer, "customer")
    elif mode == "setup":
        raise invalid("A customer is needed to save a card.", param="customer")
    now = int(call.store.now())
    expires_at = int(call.text("expires_at") or now + _LIFE_S)
    if not now + _SHORTEST_S <= expires_at <= now + _LIFE_S:
        raise invalid(
            "The `expires_at` timestamp must be between 30 minutes and 24 hours from Checkout"
            " Session creation.",
            param="expires_at",
        )
    types = call.params.get("payment_method_types") or ["card"]
    is_bank = types == ["us_bank_account"]
    if is_bank and mode != "setup":
        raise invalid("Only the mode setup takes bank accounts here.", param="mode")
    amount, currency, label = _line(call) if mode == "payment" else (None, None, "")
    intent_data = call.mapping("payment_intent_data")
    saving = call.mapping("saved_payment_method_options").get("payment_method_save")
    session = call.store.add(
        call.account, "cs_test", "checkout.session",
        {
            "mode": mode, "status": "open", "customer": customer, "amount_total": amount,
            "currency": currency, "metadata": call.metadata(),
            "client_reference_id": call.text("client_reference_id") or None,
            "success_url": call.required("success_url"),
            "cancel_url": call.text("cancel_url") or None, "expires_at": expires_at,
            "payment_status": "no_payment_required" if mode == "setup" else "unpaid",
            "payment_intent": None, "setup_intent": None, "payment_method_types": types,
            "_label": label, "_description": str(intent_data.get("description", "")),
            "_intent_metadata": dict(intent_data.get("metadata") or {}),
            "_offers_to_save": saving == "enabled",
        },
    )  # fmt: skip
    session["url"] = f"{call.own_url}/c/pay/{session['id']}"
    call.store.save(session)
    return session


def expire_session(call: Call, session_id: str) -> Json:
    """`POST /v1/checkout/sessions/{id}/expire`."""
    session = call.get("checkout.session", session_id)
    if session["status"] != "open":
        raise invalid("Only Checkout Sessions with a status of open can be expired.")
    session["status"] = "expired"
    call.store.save(session)
    announce(call.store, call.account, "checkout.session.expired", session)
    return session


def find_open(store: Store, session_id: str) -> tuple[str, Json] | None:
    """The account and the session whose page may be filled in; None when it has expired."""
    row = store.one("SELECT account FROM objects WHERE id = ?", session_id)
    session = store.find(row["account"], session_id, "checkout.session") if row else None
    if row is None or session is None or session["status"] == "expired":
        return None
    if session["status"] == "open" and session["expires_at"] < store.now():
        return None
    return row["account"], session


def submit(store: Store, own_url: str, session_id: str, typed: dict[str, Any]) -> str:
    """What the person typed is tried; the address to go on to. ApiError says why it is declined."""
    found = find_open(store, session_id)
    if found is None:
        raise ValueError("expired")
    account, session = found
    if session["status"] == "complete":
        return str(session["success_url"])
    if session.get("payment_method_types") == ["us_bank_account"]:
        account_number, holder = str(typed["account_number"]), str(typed["holder"])
        method = customers.make_bank_account(
            store, account, number=account_number, customer=None, holder=holder
        )
        return _set_up(store, own_url, account, session, method)
    is_saved = session["mode"] == "setup" or bool(typed["save_card"])
    card = TEST_CARDS[digits_of(typed["number"])]
    if session["mode"] == "setup" and (refusal := customers.refuse_to_save(card)):
        raise refusal
    method = customers.make_method(
        store, account, number=typed["number"], exp_month=typed["month"], exp_year=typed["year"],
        customer=None,
    )  # fmt: skip
    if session["mode"] == "setup":
        return _set_up(store, own_url, account, session, method)
    intent = _intent(store, account, session)
    session["_saves"] = is_saved and session["_offers_to_save"]
    store.save(session)
    moved = charging.attempt(
        store, account, intent, method, is_off_session=False,
        return_url=f"{own_url}/c/return/{session_id}", own_url=own_url,
    )  # fmt: skip
    if moved["status"] == "requires_action":
        return str(moved["next_action"]["redirect_to_url"]["url"])
    return complete(store, account, session_id)


def complete(store: Store, account: str, session_id: str) -> str:
    """The session's payment has come: close it and keep the card if that was wished."""
    session = store.find(account, session_id, "checkout.session") or {}
    intent = store.find(account, session["payment_intent"], "payment_intent") or {}
    if intent["status"] != "succeeded":
        return f"{session['url']}?failed=1"
    if session["status"] != "complete":
        session |= {"status": "complete", "payment_status": "paid"}
        store.save(session)
        method = store.find(account, intent["payment_method"], "payment_method") or {}
        if session.get("_saves") and session["customer"]:
            customers.attach(store, account, method, session["customer"])
        announce(store, account, "checkout.session.completed", session)
    return str(session["success_url"])


def finish_setup(store: Store, account: str, setup_id: str, *, approve: bool) -> str:
    """The bank's page of a card that is being saved was answered; the address to go on to."""
    setup = store.find(account, setup_id, "setup_intent")
    if setup is None or setup["status"] != "requires_action":
        raise ValueError("nothing waits for a decision")
    session = store.find(account, setup["_session"], "checkout.session") or {}
    if not approve:
        setup["status"] = "requires_payment_method"
        store.save(setup)
        return f"{session['url']}?failed=1"
    method = store.find(account, setup["payment_method"], "payment_method") or {}
    return _keep(store, account, session, setup, {**method, "_is_set_up": True})


def _set_up(store: Store, own_url: str, account: str, session: Json, method: Json) -> str:
    setup = store.add(
        account, "seti", "setup_intent",
        {"customer": session["customer"], "payment_method": method["id"], "usage": "off_session",
         "status": "requires_action", "metadata": session["metadata"], "_session": session["id"]},
    )  # fmt: skip
    session["setup_intent"] = setup["id"]
    store.save(session)
    if charging.needs_authentication(method):
        return f"{own_url}/authenticate/{setup['id']}"
    return _keep(store, account, session, setup, method)


def _keep(store: Store, account: str, session: Json, setup: Json, method: Json) -> str:
    customers.attach(store, account, method, session["customer"])
    setup["status"] = "succeeded"
    store.save(setup)
    session["status"] = "complete"
    store.save(session)
    announce(store, account, "setup_intent.succeeded", setup)
    announce(store, account, "checkout.session.completed", session)
    return str(session["success_url"])


def _intent(store: Store, account: str, session: Json) -> Json:
    """The one intent of the session, made when somebody first pays."""
    known = store.find(account, session["payment_intent"] or "", "payment_intent")
    if known is not None:
        if known["status"] not in ("requires_payment_method", "requires_action"):
            raise ApiError(400, type="invalid_request_error", message="This was paid already.")
        return known
    intent = charging.new_intent(
        store, account, amount=session["amount_total"], currency=session["currency"],
        customer=session["customer"], description=session["_description"],
        metadata=session["_intent_metadata"],
    )  # fmt: skip
    session["payment_intent"] = intent["id"]
    store.save(session)
    announce(store, account, "payment_intent.created", intent)
    return intent


def _line(call: Call) -> tuple[int, str, str]:
    lines = call.params.get("line_items")
    if not isinstance(lines, list) or len(lines) != 1 or not isinstance(lines[0], dict):
        raise invalid("One line item is needed.", param="line_items")
    price = lines[0].get("price_data") or {}
    amount, currency = str(price.get("unit_amount", "")), str(price.get("currency", "")).lower()
    if not amount.isdigit() or int(amount) < 1:
        raise invalid("Invalid integer", param="line_items[0][price_data][unit_amount]")
    row = call.store.one("SELECT currency FROM accounts WHERE id = ?", call.account)
    if row is not None and row["currency"] != currency:
        raise invalid(f"Invalid currency: {currency}", param="line_items[0][price_data][currency]")
    product = price.get("product_data") or {}
    return int(amount), currency, str(product.get("name", "")) or new_id("prod")
