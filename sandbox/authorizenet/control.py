"""The control API: `POST /control/<name>` with a JSON object, answered with a JSON object.

merchants         {login?, transaction_key?, signature_key?, name?, currency?, hold_above?,
                  reports_enabled?, webhook_urls?} make or change a merchant; its credentials
customers/card    {login, customer_ref, number, expiry "2031-09", first_name?, last_name?, address?,
                  zip?} save a card without a page; {payment_profile_ref}
customers/bank    {login, customer_ref, account?, routing?, account_type?, first_name?, last_name?,
                  address?, zip?} save a bank account without a page; {payment_profile_ref}
chaos             {fault, times? | probability?, call?, login?, delay_s?, seed?} a fault in force:
                  delay_before drop_before http_429 http_502 busy maintenance | delay_after
                  http_500_after unreadable_after without_bom drop_after. `call` is the request's
                  name (default createTransactionRequest), hostedCard, hostedPayment, or * for any
chaos/clear       {} behave again
chaos/list        {} the rules in force
webhooks          {is_on?, repeat?, delay_s?, newest_first?, wrong_signature?} how webhooks are sent
webhooks/deliver  {} send all that waits, now; {sent}
webhooks/list     {login?} all deliveries, oldest first
charges           {login?, key?} all transactions, oldest first
settle            {login?} close the batch; {settled}
held              {ref, approve} decide a held transaction
chargeback        {ref, won?} dispute a settled transaction, or win the dispute
return            {ref, code? "R01"} the bank sends back a settled debit of a bank account
refund/fail       {ref} the client's bank does not take a refund
clock             {offset_s} move the sandbox's clock
reset             {} forget all
"""

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, fields
from sqlite3 import Row
from typing import Any

from sandbox.authorizenet import operations
from sandbox.authorizenet.cards import (
    TEST_ACCOUNTS,
    TEST_CARDS,
    Card,
    digits_of,
    make_bank_account,
    make_card,
)
from sandbox.authorizenet.chaos import Chaos, Rule
from sandbox.authorizenet.document import ApiError, time_text
from sandbox.authorizenet.markup import Response
from sandbox.authorizenet.profiles import card_event, save_card
from sandbox.authorizenet.results import Refusal
from sandbox.authorizenet.store import Store
from sandbox.authorizenet.webhooks import Deliverer, Manners, announce

Json = dict[str, Any]


@dataclass(frozen=True)
class Sandbox:
    """All that the server is made of."""

    store: Store
    chaos: Chaos
    deliverer: Deliverer


def answer(sandbox: Sandbox, name: str, body: bytes) -> Response:
    """Do what a test or the demo wants."""
    command = _COMMANDS.get(name)
    if command is None:
        return _json(404, {"error": f"no such command: {name}"})
    try:
        wanted = json.loads(body or b"{}")
        if not isinstance(wanted, dict):
            return _json(400, {"error": "a JSON object is expected"})
        return _json(200, command(sandbox, wanted))
    except (LookupError, ValueError, TypeError, ApiError, Refusal) as error:
        return _json(400, {"error": f"{type(error).__name__}: {error}"})


def _merchants(sandbox: Sandbox, wanted: Json) -> Json:
    store = sandbox.store
    login = wanted.get("login") or f"sandbox{secrets.token_hex(4)}"
    with store.transaction():
        known = store.one("SELECT * FROM merchants WHERE login = ?", login)
        if known is None:
            store.insert(
                "merchants",
                {
                    "login": login,
                    "transaction_key": secrets.token_hex(8),
                    "signature_key": secrets.token_hex(64).upper(),
                    "name": login,
                    "currency": "USD",
                },
            )
        row = store.get("SELECT * FROM merchants WHERE login = ?", login)
        names = ("transaction_key", "signature_key", "name", "currency", "hold_above")
        changes = {name: str(wanted[name]) for name in names if wanted.get(name) is not None}
        if "reports_enabled" in wanted:
            changes["reports_enabled"] = str(int(bool(wanted["reports_enabled"])))
        if changes:
            store.update("merchants", row["id"], **changes)
        for url in wanted.get("webhook_urls", []):
            store.run(
                "INSERT INTO webhooks (merchant_id, url) VALUES (?, ?)"
                " ON CONFLICT (merchant_id, url) DO UPDATE SET is_active = 1",
                row["id"], url,
            )  # fmt: skip
    row = store.get("SELECT * FROM merchants WHERE login = ?", login)
    return {name: row[name] for name in ("login", "transaction_key", "signature_key", "currency")}


def _save_card(sandbox: Sandbox, wanted: Json) -> Json:
    store = sandbox.store
    number = digits_of(wanted["number"])
    if number not in TEST_CARDS:
        raise ValueError("only test card numbers")
    card = make_card(number, wanted["expiry"], "", _holder(wanted), store.card_salt)
    return _keep(sandbox, wanted, card)


def _save_bank_account(sandbox: Sandbox, wanted: Json) -> Json:
    number = str(wanted.get("account", "123456789"))
    if number not in TEST_ACCOUNTS:
        raise ValueError("only test account numbers")
    routing = str(wanted.get("routing", "021000021"))
    kind = str(wanted.get("account_type", "checking"))
    account = make_bank_account(routing, number, kind, _holder(wanted), sandbox.store.card_salt)
    return _keep(sandbox, wanted, account)


def _holder(wanted: Json) -> dict[str, str]:
    names = ("first_name", "last_name", "address", "zip")
    return {name: str(wanted.get(name, "")) for name in names}


def _keep(sandbox: Sandbox, wanted: Json, card: Card) -> Json:
    store = sandbox.store
    with store.transaction():
        customer = store.get(
            "SELECT customers.* FROM customers JOIN merchants ON merchants.id = merchant_id"
            " WHERE customers.id = ? AND login = ?",
            int(wanted["customer_ref"]), wanted["login"],
        )  # fmt: skip
        card_id = save_card(store, customer["id"], card)
        event = card_event("created", customer["id"], card_id)
        announce(store, customer["merchant_id"], *event)
    return {"payment_profile_ref": str(card_id)}


def _chaos(sandbox: Sandbox, wanted: Json) -> Json:
    if "seed" in wanted:
        sandbox.chaos.seed(int(wanted.pop("seed")))
    if wanted:
        sandbox.chaos.add(Rule(**wanted))
    return {}


def _clear_chaos(sandbox: Sandbox, _: Json) -> Json:
    sandbox.chaos.clear()
    return {}


def _list_chaos(sandbox: Sandbox, _: Json) -> Json:
    return {"rules": sandbox.chaos.listing()}


def _webhooks(sandbox: Sandbox, wanted: Json) -> Json:
    manners = sandbox.deliverer.manners
    names = {one.name for one in fields(Manners)}
    if not set(wanted) <= names:
        raise ValueError(f"known are {', '.join(sorted(names))}")
    sandbox.deliverer.manners = Manners(**{**vars(manners), **wanted})
    sandbox.deliverer.wake()
    return vars(sandbox.deliverer.manners)


def _deliver(sandbox: Sandbox, _: Json) -> Json:
    return {"sent": sandbox.deliverer.deliver_due(at_once=True)}


def _list_webhooks(sandbox: Sandbox, wanted: Json) -> Json:
    rows = sandbox.store.all(
        "SELECT deliveries.*, login FROM deliveries"
        " JOIN merchants ON merchants.id = deliveries.merchant_id ORDER BY deliveries.id"
    )
    names = ("login", "event_id", "event_type", "state", "attempts", "last_status")
    return {
        "deliveries": [
            {**{name: row[name] for name in names}, "body": json.loads(row["body"])}
            for row in rows
            if wanted.get("login") in (None, row["login"])
        ]
    }


def _charges(sandbox: Sandbox, wanted: Json) -> Json:
    rows = sandbox.store.all(
        "SELECT transactions.*, login FROM transactions"
        " JOIN merchants ON merchants.id = merchant_id ORDER BY transactions.id"
    )
    return {
        "charges": [
            _charge(row)
            for row in rows
            if wanted.get("login") in (None, row["login"])
            and wanted.get("key") in (None, row["invoice"])
        ]
    }


def _charge(row: Row) -> Json:
    return {
        "login": row["login"],
        "ref": str(row["id"]),
        "key": row["invoice"],
        "type": row["type"],
        "status": row["status"],
        "requested": row["requested"],
        # What moves: zero until captured, and again once voided.
        "amount": row["settle"],
        "currency": row["currency"],
        "description": row["description"],
        "customer_ref": str(row["customer_id"] or ""),
        "payment_profile_ref": str(row["card_id"] or ""),
        "network_transaction_id": row["network_trans_id"],
        "original_ref": str(row["ref_trans_id"] or ""),
        "flags": row["flags"].split(",") if row["flags"] else [],
        "client_ip": row["customer_ip"],
        "submitted_at": time_text(row["submitted_at"]),
    }


def _settle(sandbox: Sandbox, wanted: Json) -> Json:
    merchants = sandbox.store.all("SELECT id, login FROM merchants")
    counts = [
        operations.settle(sandbox.store, row["id"])
        for row in merchants
        if wanted.get("login") in (None, row["login"])
    ]
    return {"settled": sum(counts)}


def _held(sandbox: Sandbox, wanted: Json) -> Json:
    operation = operations.approve if wanted["approve"] else operations.decline
    operation(sandbox.store, _row(sandbox, wanted))
    sandbox.deliverer.wake()
    return {}


def _chargeback(sandbox: Sandbox, wanted: Json) -> Json:
    operation = operations.win_back if wanted.get("won") else operations.charge_back
    operation(sandbox.store, _row(sandbox, wanted))
    return {}


def _fail_refund(sandbox: Sandbox, wanted: Json) -> Json:
    operations.fail_refund(sandbox.store, _row(sandbox, wanted))
    return {}


def _return(sandbox: Sandbox, wanted: Json) -> Json:
    operations.return_item(sandbox.store, _row(sandbox, wanted), str(wanted.get("code", "R01")))
    return {}


def _clock(sandbox: Sandbox, wanted: Json) -> Json:
    sandbox.store.clock_offset_s = float(wanted["offset_s"])
    return {}


def _reset(sandbox: Sandbox, _: Json) -> Json:
    sandbox.chaos.clear()
    sandbox.deliverer.manners = Manners()
    sandbox.store.forget_everything()
    return {}


def _row(sandbox: Sandbox, wanted: Json) -> Row:
    return sandbox.store.get("SELECT * FROM transactions WHERE id = ?", int(wanted["ref"]))


def _json(status: int, value: Json) -> Response:
    return Response(status, json.dumps(value).encode(), "application/json")


_COMMANDS: dict[str, Callable[[Sandbox, Json], Json]] = {
    "merchants": _merchants,
    "customers/card": _save_card,
    "customers/bank": _save_bank_account,
    "chaos": _chaos,
    "chaos/clear": _clear_chaos,
    "chaos/list": _list_chaos,
    "webhooks": _webhooks,
    "webhooks/deliver": _deliver,
    "webhooks/list": _list_webhooks,
    "charges": _charges,
    "settle": _settle,
    "held": _held,
    "chargeback": _chargeback,
    "refund/fail": _fail_refund,
    "return": _return,
    "clock": _clock,
    "reset": _reset,
}
