"""The API's addresses, who may ask, and true idempotency.

A POST with `Idempotency-Key`: the first answer is kept for a day, 402s and 500s too, and given
again with `Idempotent-Replayed: true`; another body is 400 idempotency_error; one that comes while
the first is being worked on is 409 and nothing is kept of it.
"""

import hashlib
import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass

from sandbox.stripe import charging, checkout, customers
from sandbox.stripe.call import ApiError, Call, invalid
from sandbox.stripe.forms import read_form
from sandbox.stripe.listing import expand, list_objects
from sandbox.stripe.store import KEY_LIFE_S, Json, Store

Operation = Callable[..., Json]

# The zero-decimal and other currencies do not matter here: an account takes one.
_COUNTRY = "US"


def _get(kind: str) -> Operation:
    return lambda call, object_id: call.get(kind, object_id)


def _list(kind: str) -> Operation:
    return lambda call: list_objects(call, kind)


def _account(call: Call) -> Json:
    row = call.store.one("SELECT * FROM accounts WHERE id = ?", call.account)
    assert row is not None
    return {
        "id": row["id"], "object": "account", "country": _COUNTRY, "charges_enabled": True,
        "default_currency": row["currency"], "business_profile": {"name": row["name"]},
        "settings": {"dashboard": {"display_name": row["name"]}},
    }  # fmt: skip


def _country_spec(call: Call, country: str) -> Json:
    currency = _account(call)["default_currency"]
    return {
        "id": country, "object": "country_spec", "default_currency": currency,
        "supported_payment_currencies": [currency],
    }  # fmt: skip


def _balance(call: Call) -> Json:
    currency = _account(call)["default_currency"]
    rows = list_objects(call, "balance_transaction", limit=100_000)["data"]
    sums = {
        status: sum(row["net"] for row in rows if row["status"] == status)
        for status in ("pending", "available")
    }
    return {
        "object": "balance", "livemode": False,
        **{name: [{"amount": amount, "currency": currency}] for name, amount in sums.items()},
    }  # fmt: skip


_ID = r"([A-Za-z0-9_]+)"
_ROUTES: list[tuple[str, str, str, Operation]] = [
    ("POST", "customers", "customers.create", customers.create_customer),
    ("GET", "customers/search", "customers.search", customers.search_customers),
    ("GET", "customers", "customers.list", _list("customer")),
    ("GET", f"customers/{_ID}", "customers.retrieve", customers.get_customer),
    ("DELETE", f"customers/{_ID}", "customers.delete", customers.delete_customer),
    ("GET", f"customers/{_ID}/payment_methods", "payment_methods.list", customers.list_methods),
    ("GET", f"payment_methods/{_ID}", "payment_methods.retrieve", customers.get_method),
    ("POST", f"payment_methods/{_ID}/detach", "payment_methods.detach", customers.detach),
    ("POST", "payment_intents", "payment_intents.create", charging.create_intent),
    ("GET", "payment_intents", "payment_intents.list", _list("payment_intent")),
    ("GET", f"payment_intents/{_ID}", "payment_intents.retrieve", _get("payment_intent")),
    ("POST", f"payment_intents/{_ID}/confirm", "payment_intents.confirm", charging.confirm_intent),
    ("POST", f"payment_intents/{_ID}/cancel", "payment_intents.cancel", charging.cancel_intent),
    ("GET", f"setup_intents/{_ID}", "setup_intents.retrieve", _get("setup_intent")),
    ("GET", "setup_intents", "setup_intents.list", _list("setup_intent")),
    ("POST", "checkout/sessions", "checkout.create", checkout.create_session),
    ("GET", "checkout/sessions", "checkout.list", _list("checkout.session")),
    ("GET", f"checkout/sessions/{_ID}", "checkout.retrieve", _get("checkout.session")),
    ("POST", f"checkout/sessions/{_ID}/expire", "checkout.expire", checkout.expire_session),
    ("POST", "refunds", "refunds.create", charging.refund),
    ("GET", "refunds", "refunds.list", _list("refund")),
    ("GET", f"refunds/{_ID}", "refunds.retrieve", _get("refund")),
    ("GET", "charges", "charges.list", _list("charge")),
    ("GET", f"charges/{_ID}", "charges.retrieve", _get("charge")),
    ("GET", "disputes", "disputes.list", _list("dispute")),
    ("GET", f"disputes/{_ID}", "disputes.retrieve", _get("dispute")),
    ("GET", "events", "events.list", _list("event")),
    ("GET", f"events/{_ID}", "events.retrieve", _get("event")),
    ("GET", "balance_transactions", "balance_transactions.list", _list("balance_transaction")),
    ("GET", "balance", "balance.retrieve", _balance),
    ("GET", "account", "account.retrieve", _account),
    ("GET", f"country_specs/{_ID}", "country_specs.retrieve", _country_spec),
]
_TABLE = [
    (method, re.compile(f"/v1/{path}"), name, operation)
    for method, path, name, operation in _ROUTES
]


@dataclass(frozen=True)
class Question:
    """A request as it came in."""

    method: str
    path: str
    query: str
    body: bytes
    secret_key: str
    key: str
    own_url: str

    @property
    def name(self) -> str:
        """What the request is called in the control API."""
        found = _find(self.method, self.path)
        return found[0] if found else "unknown"


@dataclass(frozen=True)
class Answer:
    """Status, JSON, and whether it was given before."""

    status: int
    body: bytes
    is_replayed: bool = False


class Api:
    """Answers questions; knows which keys are being worked on."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._busy: set[tuple[str, str]] = set()
        self._lock = threading.Lock()

    def account_of(self, secret_key: str) -> str:
        """The account that the key opens, or nothing."""
        row = self._store.one("SELECT id FROM accounts WHERE secret_key = ?", secret_key)
        return "" if row is None else str(row["id"])

    def answer(
        self, question: Question, *, pause: Callable[[], None], fails_after: bool = False
    ) -> Answer:
        """Do it, or tell again what was done. `pause` is taken while the key is in use.

        `fails_after`: the work is done, and what is answered and kept is a 500.
        """
        account = self.account_of(question.secret_key)
        if not account:
            shown = f"{question.secret_key[:8]}****{question.secret_key[-4:]}"
            return _error(invalid(f"Invalid API Key provided: {shown}", status=401))
        place = (account, question.key)
        if question.method != "POST" or not question.key:
            return self._work(question, account, fails_after=fails_after)
        with self._lock:
            if place in self._busy:
                return _error(
                    ApiError(
                        409,
                        type="idempotency_error",
                        message="There is currently another in-progress request using this"
                        " Idempotent Key.",
                    )
                )
            self._busy.add(place)
        try:
            pause()
            return self._known(question, account) or self._work(
                question, account, fails_after=fails_after
            )
        finally:
            with self._lock:
                self._busy.discard(place)

    def _known(self, question: Question, account: str) -> Answer | None:
        row = self._store.one(
            "SELECT * FROM keys WHERE account = ? AND key = ? AND made_at > ?",
            account, question.key, self._store.now() - KEY_LIFE_S,
        )  # fmt: skip
        if row is None:
            return None
        if row["fingerprint"] != _fingerprint(question):
            return _error(
                ApiError(
                    400,
                    type="idempotency_error",
                    message="Keys for idempotent requests can only be used with the same"
                    " parameters they were first used with.",
                )
            )
        return Answer(row["status"], row["answer"].encode(), is_replayed=True)

    def _work(self, question: Question, account: str, *, fails_after: bool) -> Answer:
        text = question.query if question.method == "GET" else question.body.decode()
        call = Call(self._store, account, question.own_url, read_form(text))
        with self._store.transaction():
            try:
                answer = Answer(200, _json(expand(call, _run(call, question))))
            except ApiError as error:
                # what was declined is on record all the same
                answer = _error(error)
            if fails_after:
                answer = _error(ApiError(500, type="api_error", message="Something went wrong."))
            if question.method == "POST" and question.key and answer.status not in (401, 404):
                self._store.run(
                    "INSERT OR REPLACE INTO keys VALUES (?, ?, ?, ?, ?, ?)",
                    account, question.key, _fingerprint(question), answer.status,
                    answer.body.decode(), self._store.now(),
                )  # fmt: skip
        return answer


def _run(call: Call, question: Question) -> Json:
    found = _find(question.method, question.path)
    if found is None:
        raise invalid(f"Unrecognized request URL ({question.method}: {question.path}).", status=404)
    _, operation, arguments = found
    return operation(call, *arguments)


def _find(method: str, path: str) -> tuple[str, Operation, tuple[str, ...]] | None:
    for wanted, pattern, name, operation in _TABLE:
        match = pattern.fullmatch(path)
        if match and wanted == method:
            return name, operation, match.groups()
    return None


def _fingerprint(question: Question) -> str:
    whole = b"|".join([question.method.encode(), question.path.encode(), question.body])
    return hashlib.sha256(whole).hexdigest()


def _error(error: ApiError) -> Answer:
    shown = {
        name: {k: v for k, v in value.items() if not k.startswith("_")}
        if isinstance(value, dict)
        else value
        for name, value in error.error.items()
    }
    return Answer(error.status, _json({"error": shown}))


def _json(value: object) -> bytes:
    return json.dumps(value).encode()
