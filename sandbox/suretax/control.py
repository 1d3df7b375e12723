"""The control API: `POST /control/<name>` with a JSON object, answered with a JSON object.

chaos             {fault, times? | probability?, call?, delay_s?, seed?} a fault in force:
                  delay_before drop_before http_429 http_502 | delay_after http_500_after
                  unreadable_after drop_after. `call` is PostRequest (the default),
                  CancelPostRequest, or * for any
chaos/clear       {} behave again
refuse            {code, times?, call?} answer with this header code, once unless told otherwise
down              {is_down} answer nothing at all, or again
filings           {client?} what is filed, oldest first
age               {days} make all filings so many days older
reset             {} forget all
"""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sandbox.authorizenet.markup import Response
from sandbox.stripe.chaos import Chaos, Rule
from sandbox.suretax import api
from sandbox.suretax.api import Api
from sandbox.suretax.store import Json, Store


@dataclass
class Sandbox:
    """All that the server is made of."""

    store: Store
    api: Api
    chaos: Chaos
    refusals: list[tuple[str, str]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take_refusal(self, call: str) -> Json | None:
        """The refusal that this call gets by command, if one is left."""
        with self.lock:
            for refusal in self.refusals:
                if refusal[0] in (call, "*"):
                    self.refusals.remove(refusal)
                    return api.refusal(refusal[1])
        return None


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


def _chaos(sandbox: Sandbox, wanted: Json) -> Json:
    if "seed" in wanted:
        sandbox.chaos.seed(int(wanted.pop("seed")))
    if wanted:
        sandbox.chaos.add(Rule(**{"call": "PostRequest", **wanted}))
    return {}


def _clear_chaos(sandbox: Sandbox, _: Json) -> Json:
    sandbox.chaos.clear()
    with sandbox.lock:
        sandbox.refusals.clear()
    sandbox.store.is_down = False
    return {}


def _refuse(sandbox: Sandbox, wanted: Json) -> Json:
    one = (str(wanted.get("call", "PostRequest")), str(wanted["code"]))
    with sandbox.lock:
        sandbox.refusals += [one] * int(wanted.get("times", 1))
    return {}


def _down(sandbox: Sandbox, wanted: Json) -> Json:
    sandbox.store.is_down = bool(wanted["is_down"])
    return {}


def _filings(sandbox: Sandbox, wanted: Json) -> Json:
    rows = sandbox.store.all(
        "SELECT * FROM filings WHERE client LIKE ? ORDER BY trans_id", wanted.get("client", "%")
    )
    told = [
        {
            "trans_id": str(row["trans_id"]), "stan": row["stan"], "invoices": row["invoices"],
            "revenue": row["revenue"], "tax": row["tax"], "is_cancelled": bool(row["cancelled"]),
            "request": json.loads(row["request"]),
        }
        for row in rows
    ]  # fmt: skip
    return {"filings": told}


def _age(sandbox: Sandbox, wanted: Json) -> Json:
    for row in sandbox.store.all("SELECT trans_id, made_at FROM filings"):
        older = datetime.fromisoformat(row["made_at"]) - timedelta(days=int(wanted["days"]))
        sandbox.store.run(
            "UPDATE filings SET made_at = ? WHERE trans_id = ?", older.isoformat(), row["trans_id"]
        )
    return {}


def _reset(sandbox: Sandbox, _: Json) -> Json:
    _clear_chaos(sandbox, {})
    sandbox.store.forget_everything()
    return {}


def _json(status: int, value: Json) -> Response:
    return Response(status, json.dumps(value).encode(), "application/json")


_COMMANDS: dict[str, Callable[[Sandbox, Json], Json]] = {
    "chaos": _chaos,
    "chaos/clear": _clear_chaos,
    "refuse": _refuse,
    "down": _down,
    "filings": _filings,
    "age": _age,
    "reset": _reset,
}
