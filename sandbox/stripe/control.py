"""The control API: `POST /control/<name>` with a JSON object, answered with a JSON object.

accounts          {secret_key?, name?, currency?} make or change an account; {id, secret_key}
endpoints         {secret_key, url} where its events go; {secret} signs them
endpoints/roll    {secret_key, url} a new secret beside the old one, which signs too until `done`
customers/card    {secret_key, customer, number, expiry? "2031-09", behaviour? "processing"}
                  save a card without a page; {payment_method}
customers/bank    {secret_key, customer, account? "000123456789"} save a bank account without a
                  page; {payment_method}
cards/update      {secret_key, payment_method, expiry, number?} its bank replaced the card
chaos             {fault, times? | probability?, call?, account?, delay_s?, seed?} a fault in force:
                  delay_before drop_before http_429 http_502 | delay_during | delay_after
                  http_500_after unreadable_after drop_after. `call` is the operation's name
                  (default payment_intents.create), checkout.submit, authenticate, or * for any
chaos/clear       {} behave again
webhooks          {is_on?, repeat?, delay_s?, newest_first?, wrong_signature?} how events are sent
webhooks/deliver  {} send all that waits, now; {sent}
webhooks/list     {} all deliveries, oldest first
payments          {secret_key?, key?} all PaymentIntents and refunds, oldest first
settle            {} what is pending in the balance becomes available
debits            {secret_key} the banks decide about debits under way, as their accounts behave
decide            {payment_intent, approve} end one that is processing or waits for its owner
dispute           {payment_intent} the bank takes the money back
dispute/close     {payment_intent, won} how the dispute ends
refund/fail       {refund} the client's bank does not take a refund
clock             {offset_s} move the sandbox's clock
reset             {} forget all
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, fields

from sandbox.authorizenet.markup import Response
from sandbox.stripe import charging, customers
from sandbox.stripe.amounts import decimal
from sandbox.stripe.api import Api
from sandbox.stripe.chaos import Chaos, Rule
from sandbox.stripe.store import Json, Store, new_id
from sandbox.stripe.webhooks import Deliverer, Manners


@dataclass(frozen=True)
class Sandbox:
    """All that the server is made of."""

    store: Store
    api: Api
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
    except (LookupError, ValueError, TypeError) as error:
        return _json(400, {"error": f"{type(error).__name__}: {error}"})


def _accounts(sandbox: Sandbox, wanted: Json) -> Json:
    store = sandbox.store
    secret_key = wanted.get("secret_key") or new_id("sk_test", 40)
    with store.transaction():
        if not sandbox.api.account_of(secret_key):
            store.run(
                "INSERT INTO accounts VALUES (?, ?, ?, ?)",
                new_id("acct", 16), secret_key, wanted.get("name") or "Sandbox", "usd",
            )  # fmt: skip
        for column in ("name", "currency"):
            if wanted.get(column):
                store.run(
                    f"UPDATE accounts SET {column} = ? WHERE secret_key = ?",
                    wanted[column].lower() if column == "currency" else wanted[column],
                    secret_key,
                )
    return {"id": sandbox.api.account_of(secret_key), "secret_key": secret_key}


def _endpoints(sandbox: Sandbox, wanted: Json) -> Json:
    account = _account(sandbox, wanted)
    with sandbox.store.transaction():
        sandbox.store.run(
            "INSERT INTO endpoints (account, url, secret) VALUES (?, ?, ?)"
            " ON CONFLICT (account, url) DO NOTHING",
            account, wanted["url"], new_id("whsec", 32),
        )  # fmt: skip
    row = sandbox.store.one(
        "SELECT secret FROM endpoints WHERE account = ? AND url = ?", account, wanted["url"]
    )
    return {"secret": row["secret"] if row else ""}


def _roll(sandbox: Sandbox, wanted: Json) -> Json:
    account, secret = _account(sandbox, wanted), new_id("whsec", 32)
    with sandbox.store.transaction():
        sandbox.store.run(
            "UPDATE endpoints SET old_secret = CASE WHEN ? THEN '' ELSE secret END,"
            " secret = CASE WHEN ? THEN secret ELSE ? END WHERE account = ? AND url = ?",
            bool(wanted.get("done")), bool(wanted.get("done")), secret, account, wanted["url"],
        )  # fmt: skip
    return {"secret": secret}


def _save_card(sandbox: Sandbox, wanted: Json) -> Json:
    account = _account(sandbox, wanted)
    year, _, month = str(wanted.get("expiry", "2031-09")).partition("-")
    with sandbox.store.transaction():
        if sandbox.store.find(account, wanted["customer"], "customer") is None:
            raise LookupError("no such customer")
        made = customers.make_method(
            sandbox.store, account, number=wanted["number"], exp_month=int(month),
            exp_year=int(year), customer=wanted["customer"], behaviour=wanted.get("behaviour", ""),
        )  # fmt: skip
    sandbox.deliverer.wake()
    return {"payment_method": made["id"]}


def _save_bank_account(sandbox: Sandbox, wanted: Json) -> Json:
    account = _account(sandbox, wanted)
    with sandbox.store.transaction():
        if sandbox.store.find(account, wanted["customer"], "customer") is None:
            raise LookupError("no such customer")
        made = customers.make_bank_account(
            sandbox.store, account, number=str(wanted.get("account", "000123456789")),
            customer=wanted["customer"],
        )  # fmt: skip
    sandbox.deliverer.wake()
    return {"payment_method": made["id"]}


def _debits(sandbox: Sandbox, wanted: Json) -> Json:
    account = _account(sandbox, wanted)
    with sandbox.store.transaction():
        decided = charging.settle_debits(sandbox.store, account)
    sandbox.deliverer.wake()
    return {"decided": decided}


def _update_card(sandbox: Sandbox, wanted: Json) -> Json:
    account = _account(sandbox, wanted)
    year, _, month = str(wanted["expiry"]).partition("-")
    with sandbox.store.transaction():
        customers.update_method(
            sandbox.store, account, str(wanted["payment_method"]), exp_month=int(month),
            exp_year=int(year), number=str(wanted.get("number", "")),
        )  # fmt: skip
    sandbox.deliverer.wake()
    return {}


def _chaos(sandbox: Sandbox, wanted: Json) -> Json:
    if "seed" in wanted:
        sandbox.chaos.seed(int(wanted.pop("seed")))
    if wanted:
        sandbox.chaos.add(Rule(**wanted))
    return {}


def _clear_chaos(sandbox: Sandbox, _: Json) -> Json:
    sandbox.chaos.clear()
    return {}


def _webhooks(sandbox: Sandbox, wanted: Json) -> Json:
    known = {field.name for field in fields(Manners)}
    if set(wanted) - known:
        raise ValueError(f"unknown: {set(wanted) - known}")
    sandbox.deliverer.manners = Manners(**{**vars(sandbox.deliverer.manners), **wanted})
    sandbox.deliverer.wake()
    return {}


def _deliver(sandbox: Sandbox, _: Json) -> Json:
    return {"sent": sandbox.deliverer.deliver_due(at_once=True)}


def _deliveries(sandbox: Sandbox, _: Json) -> Json:
    rows = sandbox.store.all("SELECT * FROM deliveries ORDER BY id")
    return {"deliveries": [dict(row) for row in rows]}


def _payments(sandbox: Sandbox, wanted: Json) -> Json:
    account = _account(sandbox, wanted) if wanted.get("secret_key") else "%"
    rows = sandbox.store.all(
        "SELECT body FROM objects WHERE account LIKE ? AND kind IN ('payment_intent', 'refund')"
        " ORDER BY seq",
        account,
    )
    told = []
    for found in (json.loads(row["body"]) for row in rows):
        key = found["metadata"].get("attempt", "")
        if wanted.get("key") not in (None, key):
            continue
        told.append(
            {
                "ref": found["id"], "key": key, "status": found["status"],
                "amount": decimal(found["amount"], found["currency"]),
                "description": found.get("description") or "",
                "is_refund": found["object"] == "refund", "customer": found.get("customer"),
            }
        )  # fmt: skip
    return {"payments": told}


def _settle(sandbox: Sandbox, _: Json) -> Json:
    with sandbox.store.transaction():
        rows = sandbox.store.all("SELECT body FROM objects WHERE kind = 'balance_transaction'")
        for row in rows:
            sandbox.store.save({**json.loads(row["body"]), "status": "available"})
    return {"settled": len(rows)}


def _decide(sandbox: Sandbox, wanted: Json) -> Json:
    with sandbox.store.transaction():
        made = charging.finish(
            sandbox.store, _owner(sandbox, wanted), wanted["payment_intent"],
            approve=bool(wanted["approve"]),
        )  # fmt: skip
    sandbox.deliverer.wake()
    return {"status": made["status"]}


def _dispute(sandbox: Sandbox, wanted: Json) -> Json:
    with sandbox.store.transaction():
        made = charging.dispute(sandbox.store, _owner(sandbox, wanted), wanted["payment_intent"])
    sandbox.deliverer.wake()
    return {"dispute": made["id"]}


def _close_dispute(sandbox: Sandbox, wanted: Json) -> Json:
    with sandbox.store.transaction():
        made = charging.close_dispute(
            sandbox.store, _owner(sandbox, wanted), wanted["payment_intent"],
            won=bool(wanted["won"]),
        )  # fmt: skip
    sandbox.deliverer.wake()
    return {"status": made["status"]}


def _fail_refund(sandbox: Sandbox, wanted: Json) -> Json:
    owner = _owner(sandbox, {"payment_intent": wanted["refund"]})
    with sandbox.store.transaction():
        made = charging.fail_refund(sandbox.store, owner, wanted["refund"])
    sandbox.deliverer.wake()
    return {"status": made["status"]}


def _clock(sandbox: Sandbox, wanted: Json) -> Json:
    sandbox.store.clock_offset_s = float(wanted["offset_s"])
    return {}


def _reset(sandbox: Sandbox, _: Json) -> Json:
    sandbox.chaos.clear()
    sandbox.store.forget_everything()
    return {}


def _account(sandbox: Sandbox, wanted: Json) -> str:
    account = sandbox.api.account_of(wanted["secret_key"])
    if not account:
        raise LookupError("no such account")
    return account


def _owner(sandbox: Sandbox, wanted: Json) -> str:
    row = sandbox.store.one("SELECT account FROM objects WHERE id = ?", wanted["payment_intent"])
    if row is None:
        raise LookupError("no such payment")
    return str(row["account"])


def _json(status: int, value: Json) -> Response:
    return Response(status, json.dumps(value).encode(), "application/json")


_COMMANDS: dict[str, Callable[[Sandbox, Json], Json]] = {
    "accounts": _accounts,
    "endpoints": _endpoints,
    "endpoints/roll": _roll,
    "customers/card": _save_card,
    "customers/bank": _save_bank_account,
    "cards/update": _update_card,
    "chaos": _chaos,
    "chaos/clear": _clear_chaos,
    "webhooks": _webhooks,
    "webhooks/deliver": _deliver,
    "webhooks/list": _deliveries,
    "payments": _payments,
    "settle": _settle,
    "debits": _debits,
    "decide": _decide,
    "dispute": _dispute,
    "dispute/close": _close_dispute,
    "refund/fail": _fail_refund,
    "clock": _clock,
    "reset": _reset,
}
