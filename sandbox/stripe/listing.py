"""Lists with paging, and the expansion of what an object only names."""

import json

from sandbox.stripe.call import Call, invalid, shown
from sandbox.stripe.store import Json

_MOST = 100


def list_objects(call: Call, kind: str, *, limit: int = 0) -> Json:
    """`GET /v1/<kind>s`: newest first, `created[gte]`, `customer`, `limit`, `starting_after`."""
    wanted = limit or _limit(call)
    where, values = "account = ? AND kind = ?", [call.account, kind]
    if call.text("customer"):
        where, values = f"{where} AND customer = ?", [*values, call.text("customer")]
    created = call.mapping("created")
    for name, sign in (("gte", ">="), ("gt", ">"), ("lte", "<="), ("lt", "<")):
        if name in created:
            where, values = f"{where} AND created {sign} ?", [*values, str(int(created[name]))]
    after = call.text("starting_after")
    if after:
        row = call.store.one(
            "SELECT seq FROM objects WHERE account = ? AND id = ?", call.account, after
        )
        if row is None:
            raise invalid(f"No such object: '{after}'", code="resource_missing")
        where, values = f"{where} AND seq < ?", [*values, row["seq"]]
    bound = [int(value) if value.isdigit() else value for value in map(str, values)]
    rows = call.store.all(
        f"SELECT body FROM objects WHERE {where} ORDER BY seq DESC LIMIT ?",
        *bound, wanted + 1,
    )  # fmt: skip
    found = [json.loads(row["body"]) for row in rows]
    for name in ("payment_intent", "charge", "type", "status"):
        if call.text(name):
            found = [one for one in found if one.get(name) == call.text(name)]
    return {
        "object": "list",
        "url": f"/v1/{kind}s",
        "has_more": len(rows) > wanted,
        "data": found[:wanted],
    }


def expand(call: Call, answer: Json) -> Json:
    """What `expand[]` asks for, put in the place of ids; ready to be shown."""
    paths = call.params.get("expand", [])
    for path in paths if isinstance(paths, list) else []:
        _expand(call, answer, str(path).split("."))
    return _shown(answer)


def _expand(call: Call, place: object, path: list[str]) -> None:
    if isinstance(place, list):
        for one in place:
            _expand(call, one, path)
        return
    if not isinstance(place, dict) or not path:
        return
    name, rest = path[0], path[1:]
    if name == "refunds" and place.get("object") == "charge":
        asking = Call(call.store, call.account, call.own_url, {"charge": place["id"]})
        place["refunds"] = list_objects(asking, "refund", limit=_MOST)
    value = place.get(name)
    if isinstance(value, str):
        place[name] = call.store.find(call.account, value) or value
    _expand(call, place.get(name), rest)


def _shown(value: Json) -> Json:
    clean = shown(value)
    for name, inner in clean.items():
        if isinstance(inner, dict):
            clean[name] = _shown(inner)
        elif isinstance(inner, list):
            clean[name] = [_shown(one) if isinstance(one, dict) else one for one in inner]
    return clean


def _limit(call: Call) -> int:
    text = call.text("limit", "10")
    if not text.isdigit() or not 1 <= int(text) <= _MOST:
        raise invalid("The limit must be from 1 to 100.", param="limit")
    return int(text)
